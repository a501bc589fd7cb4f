"""The layers that a tree has: what registers each type, what defines each class, its spelling."""

import re
from dataclasses import dataclass

from amcaffe.host.tree import CaffeTree, without_comments

CODE = ("src/caffe/**/*.cpp", "src/caffe/**/*.cu", "include/caffe/**/*.hpp")

_REGISTER = re.compile(r"\bREGISTER_LAYER_(CLASS|CREATOR)\w*\s*\(\s*(\w+)\s*[,)]")
_CLASS = re.compile(r"\bclass\s+(\w+Layer)\s*(?::[^:]|\{)")
_IRREGULAR = {"CosinAddm": "cosin_add_m"}


@dataclass(frozen=True)
class Place:
    """A line of a tree's source; `creator` where a function makes the layer registered there."""

    path: str
    line: int
    creator: bool = False


@dataclass(frozen=True)
class TreeLayers:
    """registered: {layer type: [Place]}; classes: {class name: Place of its definition}."""

    registered: dict[str, list[Place]]
    classes: dict[str, Place]


def snake(name):
    """The file and field stem of a type, as Caffe writes it: L2Normalize is l2_normalize."""
    if name in _IRREGULAR:
        return _IRREGULAR[name]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def registrations(code):
    """[(layer type, offset, made by a function)] of REGISTER_LAYER_* in comment-free C++."""
    return [
        (match.group(2), match.start(), match.group(1) == "CREATOR")
        for match in _REGISTER.finditer(code)
    ]


def layers_of(tree, ours):
    """The TreeLayers of a tree.

    Args:
        ours: paths in the tree that belong to us and are not looked at.
    """
    found = TreeLayers({}, {})
    for path in tree.glob(*CODE):
        if path in ours:
            continue
        code = without_comments(tree.peek(path))
        for kind, at, creator in registrations(code):
            place = Place(path, code.count("\n", 0, at) + 1, creator)
            found.registered.setdefault(kind, []).append(place)
        for match in _CLASS.finditer(code):
            line = code.count("\n", 0, match.start()) + 1
            found.classes.setdefault(match.group(1), Place(path, line))
    return found


def registered_types(root):
    """The layer types that the sources of a Caffe tree register; None: there are no sources."""
    found = layers_of(CaffeTree(root), ())
    return {
        kind
        for kind, places in found.registered.items()
        if not all(place.path.endswith(".hpp") for place in places)  # where the macros are
    } or None
