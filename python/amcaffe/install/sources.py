"""What of ours goes where in a tree, and what in the tree it could clash with."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from amcaffe.errors import AmcaffeError, TreeError
from amcaffe.resources import resource_dir
from amcaffe.tree import without_comments

MARK = b"// installed by amcaffe"
MARK_IN_CMAKE = b"# installed by amcaffe"
LAYERS, TESTS, CMAKE = "layers", "tests/layers", "cmake"
GENERATED = "caffe/proto/caffe.pb.h"

_REGISTER = re.compile(r"\bREGISTER_LAYER_(?:CLASS|CREATOR)\w*\s*\(\s*(\w+)\s*[,)]")
_INCLUDE = re.compile(r"^\s*#\s*include\s*\"(caffe/[^\"]+)\"", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """One file of ours: where it comes from, its path in a tree, and its contents."""

    origin: str
    target: str
    data: bytes

    def code(self):
        return without_comments(self.data.decode("latin-1"))


def target_of(folder, name):
    """Path in a tree of the file `name` of one of our folders; None: it stays here."""
    suffix = PurePosixPath(name).suffix
    if folder == CMAKE:
        return f"cmake/{name}" if suffix == ".cmake" else None
    if suffix not in (".hpp", ".cpp", ".cu"):
        return None
    if folder == TESTS:
        place = "test"
    else:
        place = "layers" if PurePosixPath(name).stem.endswith("_layer") else "util"
    return f"include/caffe/{place}/{name}" if suffix == ".hpp" else f"src/caffe/{place}/{name}"


def own_sources():
    """[Source] of everything that goes into a tree.

    Raises: AmcaffeError: a file lacks the mark by which it is recognised later.
    """
    found = []
    for folder in (LAYERS, TESTS, CMAKE):
        for path in sorted(resource_dir(folder).iterdir()):
            target = target_of(folder, path.name)
            if target:
                found.append(Source(f"{folder}/{path.name}", target, path.read_bytes()))
    unmarked = [source.origin for source in found if not is_marked(source.data)]
    if unmarked:
        raise AmcaffeError(
            f"files of this package lack their first line: {', '.join(unmarked)}",
            expected=f"{MARK.decode()}, or in CMake {MARK_IN_CMAKE.decode()}",
            hint="this is a fault of the package, not of the tree; nothing was changed",
        )
    return found


def is_marked(data):
    """True where a file's first line says that it is ours."""
    return data.split(b"\n", 1)[0].strip() in (MARK, MARK_IN_CMAKE)


def registrations(code):
    """[(layer type, line)] of the REGISTER_LAYER_* calls in comment-free C++."""
    return [
        (match.group(1), code.count("\n", 0, match.start()) + 1)
        for match in _REGISTER.finditer(code)
    ]


def require_free_types(tree, sources, ours):
    """Refuse a tree in which another file registers a layer type of ours.

    Args:
        ours: paths in the tree that belong to us and are not looked at.
    """
    types = {kind for source in sources for kind, _ in registrations(source.code())}
    clashes = []
    for path in tree.glob("src/caffe/**/*.cpp", "src/caffe/**/*.cu", "include/caffe/**/*.hpp"):
        if path in ours:
            continue
        for kind, line in registrations(without_comments(tree.peek(path))):
            if kind in types:
                clashes.append(f"{path}:{line} registers {kind}")
    if clashes:
        raise TreeError(
            f"{tree.root} already has layers of these types",
            found="; ".join(clashes),
            expected="no other layer of that type: Caffe stops at start-up on the second",
            hint="nothing was changed; install into a tree without them, or remove them first",
        )


def require_headers(tree, sources):
    """Refuse a tree that lacks a header which a file of ours includes."""
    own = {source.target for source in sources}
    lacking = {}
    for source in sources:
        for header in _INCLUDE.findall(source.code()):
            path = f"include/{header}"
            if header != GENERATED and path not in own and tree.read(path) is None:
                lacking.setdefault(path, source.origin)
    if lacking:
        raise TreeError(
            f"{tree.root} lacks headers that our layers need",
            found="; ".join(f"no {path} (for {origin})" for path, origin in lacking.items()),
            expected="the header layout of Caffe since November 2015",
            hint="nothing was changed; `python -m amcaffe.fetch DEST` gets a current tree",
        )
