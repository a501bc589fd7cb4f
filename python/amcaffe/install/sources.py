"""The files of ours that can go into a tree, and where each of them goes."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from amcaffe.errors import AmcaffeError
from amcaffe.host.resources import resource_dir
from amcaffe.host.tree import MARK, without_comments

MARK_IN_CMAKE = b"# installed by amcaffe"
LAYERS, TESTS, CMAKE = "layers", "tests/layers", "cmake"
PYCAFFE = "layers/pycaffe"
GENERATED = "include/caffe/proto/caffe.pb.h"

_INCLUDE = re.compile(r"^\s*#\s*include\s*\"(caffe/[^\"]+)\"", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """One file of ours: where it comes from, its path in a tree, and its contents."""

    origin: str
    target: str
    data: bytes

    @cached_property
    def code(self):
        """The text without its comments."""
        return without_comments(self.data.decode("latin-1"))

    @cached_property
    def headers(self):
        """Paths in a tree of the headers of Caffe that this file includes."""
        return [f"include/{name}" for name in _INCLUDE.findall(self.code)]


def target_of(folder, name):
    """Path in a tree of the file `name` of one of our folders; None: it stays here."""
    suffix = PurePosixPath(name).suffix
    if folder == CMAKE:
        return f"cmake/{name}" if suffix == ".cmake" else None
    if folder == PYCAFFE:
        return f"src/pycaffe/{name}"
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
    for top in (LAYERS, TESTS, CMAKE):
        root = resource_dir(top)
        for path in sorted(one for one in root.rglob("*") if one.is_file()):
            folder = PurePosixPath(top, path.parent.relative_to(root).as_posix()).as_posix()
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


def lacking_headers(tree, source, own):
    """The headers of Caffe that a file of ours includes and neither the tree nor we have.

    Args:
        own: paths of our files in the tree.
    """
    return [
        path
        for path in source.headers
        if path not in own and path != GENERATED and tree.read(path) is None
    ]
