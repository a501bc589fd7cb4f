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
PYCAFFE = f"{LAYERS}/pycaffe"
GENERATED = "include/caffe/proto/caffe.pb.h"


@dataclass(frozen=True)
class Room:
    """Where the files of one folder of ours go in a tree; those of other suffixes stay here.

    headers: the folder for .hpp.  others: that for the rest.
    """

    headers: str
    others: str
    suffixes: tuple[str, ...] = (".hpp", ".cpp", ".cu")


def _in_caffe(folder):
    return Room(f"include/caffe/{folder}", f"src/caffe/{folder}")


# Each room of ours and its place in a tree.
ROOMS = {
    f"{LAYERS}/margins": _in_caffe("layers"),
    f"{LAYERS}/fused": _in_caffe("layers"),
    f"{LAYERS}/repairs": _in_caffe("util"),
    PYCAFFE: Room("src/pycaffe", "src/pycaffe", (".hpp", ".cpp", ".txt")),
    TESTS: _in_caffe("test"),
    f"{TESTS}/margins": _in_caffe("test"),
    f"{TESTS}/fused": _in_caffe("test"),
    f"{TESTS}/repairs": _in_caffe("test"),
    CMAKE: Room("cmake", "cmake", (".cmake",)),
}
_CODE = (".hpp", ".cpp", ".cu", ".cmake")

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


def own_sources():
    """[Source] of everything that goes into a tree.

    Raises: AmcaffeError: a file lies in no room, two go to one place, or one lacks the mark by
        which it is recognised later.
    """
    found, homeless = [], []
    for top in (LAYERS, TESTS, CMAKE):
        root = resource_dir(top)
        for path in sorted(one for one in root.rglob("*") if one.is_file()):
            folder = PurePosixPath(top, path.parent.relative_to(root).as_posix()).as_posix()
            origin, room = f"{folder}/{path.name}", ROOMS.get(folder)
            if room is None and path.suffix in _CODE:
                homeless.append(origin)
            elif room and path.suffix in room.suffixes:
                place = room.headers if path.suffix == ".hpp" else room.others
                found.append(Source(origin, f"{place}/{path.name}", path.read_bytes()))
    _require(
        not homeless,
        f"files of this package lie in no room: {', '.join(homeless)}",
        f"each in one of {', '.join(ROOMS)}, or its folder in the table of rooms",
    )
    by_target = {}
    for source in found:
        by_target.setdefault(source.target, []).append(source.origin)
    twice = [" and ".join(origins) for origins in by_target.values() if len(origins) > 1]
    _require(
        not twice,
        f"files of this package have one place in a tree: {'; '.join(twice)}",
        "names that differ, whatever the room",
    )
    unmarked = [source.origin for source in found if not is_marked(source.data)]
    _require(
        not unmarked,
        f"files of this package lack their first line: {', '.join(unmarked)}",
        f"{MARK.decode()}, or in CMake {MARK_IN_CMAKE.decode()}",
    )
    return found


def _require(holds, what, expected):
    """Raises: AmcaffeError: it does not hold of this package."""
    if not holds:
        raise AmcaffeError(
            what,
            expected=expected,
            hint="this is a fault of the package, not of the tree; nothing was changed",
        )


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
