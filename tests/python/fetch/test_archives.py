"""Tarballs that are not to be unpacked, and those that are.

A member is written as `tar -tv` shows it: "folder/", "file", "link -> target", and
"name = file" for a second name (a hard link) of a file.
"""

import bz2
import contextlib
import gzip
import io
import itertools
import lzma
import os
import random
import shutil
import tarfile
from pathlib import Path

import pytest

from amcaffe.errors import FetchError
from amcaffe.fetch import archives, servers
from amcaffe.fetch.archives import BadArchive, unpack


def pack(tarball, members):
    with tarfile.open(tarball, "w") as archive:
        for member in members:
            name, sign, target = member.partition(" -> " if " -> " in member else " = ")
            info = tarfile.TarInfo(name)
            kind = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            info.type = {" -> ": tarfile.SYMTYPE, " = ": tarfile.LNKTYPE}.get(sign, kind)
            info.linkname, info.mode = target, 0o755
            content = name.encode() if info.isreg() else b""
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return tarball


def state(folder, without):
    """{path: all that unpacking could change} of what a folder holds, but for one in it."""
    found = {}
    for above, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if os.path.join(above, name) != str(without)]
        for name in folders + files:
            path = os.path.join(above, name)
            status = os.lstat(path)
            content = None
            if os.path.islink(path):
                content = os.readlink(path)
            elif name in files:
                content = Path(path).read_bytes()
            found[path] = (status.st_mode, status.st_nlink, status.st_size, content)
    return found


class Ground:
    """A tree to unpack to, deeper in folders than links can climb; a change of these tells."""

    def __init__(self, folder):
        self.folder = folder
        self.tree = folder.joinpath(*"d" * 25, "tree")
        self.tree.mkdir(parents=True)
        for number, above in enumerate((*self.tree.parents,)[:4]):
            (above / "x").write_text(f"not in the archive {number}")
            (above / "b").mkdir()
            (above / "b/x").write_text("nor this")
        self.tarball = folder / "packed.tar"
        self.before = None

    def clear(self):
        shutil.rmtree(self.tree)
        self.tree.mkdir()

    def pack(self, members):
        pack(self.tarball, members)
        self.before = state(self.folder, self.tree)

    def unpacked(self):
        """{name in the tree: what it is}, as members are written; a file's content, if another."""
        found = {}
        for path in self.tree.rglob("*"):
            name = path.relative_to(self.tree).as_posix()
            if path.is_symlink():
                found[name] = f"-> {os.readlink(path)}"
            else:
                found[name] = "/" if path.is_dir() else path.read_text()
        return found

    def escaped(self):
        """What got out of the tree, or leads out of it, in words; None where nothing does."""
        if state(self.folder, self.tree) != self.before:
            return "something outside was changed"
        real, names = os.path.realpath(self.tree), {}
        for path in self.tree.rglob("*"):
            if path.is_symlink():
                target = os.path.realpath(path)
                if target != real and not target.startswith(real + "/"):
                    return f"{path.relative_to(self.tree)} leads to {target}"
            elif path.is_file():
                names.setdefault(path.stat().st_ino, []).append(path)
        for paths in names.values():
            if paths[0].stat().st_nlink != len(paths):
                return f"{paths[0].relative_to(self.tree)} is a file of outside"
        return None


@pytest.fixture
def ground(tmp_path):
    return Ground(tmp_path)


def assert_refused(ground, members, words):
    ground.pack(members)
    with pytest.raises(BadArchive, match=words):
        unpack(ground.tarball, ground.tree)
    assert not list(ground.tree.iterdir())
    assert ground.escaped() is None


STAIRS = ("a/b -> ..", "c -> a/b/..", "d -> c/..", "d/x")


@pytest.mark.parametrize("members", list(itertools.permutations(STAIRS)), ids=" , ".join)
def test_links_that_climb_out_over_one_another_are_refused_in_any_order(ground, members):
    assert_refused(ground, members, "unsafe tarball: (c|d) leads out|d/x goes through d")


def test_links_that_climb_out_are_refused_even_where_nothing_goes_through_them(ground):
    assert_refused(ground, STAIRS[:3], "unsafe tarball: c leads out of the folder")
    assert_refused(ground, ["top/e", *(f"top/{link}" for link in STAIRS[:2])], ": c leads out")


@pytest.mark.parametrize(
    "members, words",
    [
        (["../x"], "../x leads out"),
        (["a/../../x"], "leads out"),
        (["a/../x"], "leads out"),  # stays inside by its words, but a may be a link
        (["/x"], "/x leads out"),
        (["//x", "y"], "leads out"),
        (["l -> ../x", "y"], "l leads out"),
        (["l -> /x", "y"], "l leads out"),
        (["l -> missing/../../x", "y"], "l leads out"),
        (["l -> a/../..", "a/y"], "l leads out"),
        # Inside while the top folder is there, which it will not be.
        (["top/l -> ../x", "top/y"], "l leads out"),
        (["top/l -> ../top/y", "top/y"], "l leads out"),
        (["./top/a/l -> ../../x", "./top/y"], "a/l leads out"),
        (["l -> a", "a/y", "l/z"], "l/z goes through l, which is no folder"),
        (["l/z", "a/y", "l -> a"], "l/z goes through l"),
        (["./l -> a", "a/", "l/./z"], "l/z goes through l"),
        (["a", "a/y", "b"], "a/y goes through a, which is no folder"),
        (["l -> a", "a/y", "l"], "l stands in it twice"),
        (["a", "l -> a", "./l -> b"], "l stands in it twice"),
        (["a/", "a -> b", "b/y"], "a stands in it twice"),
        (["y = b", "b", "y"], "y stands in it twice"),
        (["a -> b", "b -> a"], "a leads through too many links"),
        (["a -> a/x", "b"], "a leads through too many links"),
        (["l -> ", "b"], "l leads nowhere"),
        (["a", ". -> a"], "would replace the folder itself"),
        (["y = ../x", "b"], "y leads out"),
        (["y = /etc/passwd", "b"], "y leads out"),
        # A second name is made of where the system finds it, so by way of links.
        (["l -> .", "x", "y = l/l/../x"], "y leads out"),
        (["l -> .", "b/x", "y = l/l/l/../../b/x"], "y leads out"),
        (["l -> b", "b/x", "y = l/x"], "y is a second name of l/x, no file before it"),
        (["y = x", "x"], "y is a second name of x, no file before it"),
        (["y = y", "x"], "y is a second name of y, no file"),
        (["y = z", "z = y"], "y is a second name of z, no file"),
        (["x/", "y = x"], "y is a second name of x, no file"),
        (["x", "l -> x", "y = l"], "y is a second name of l, no file"),
        (["top/y = x", "top/b"], "y is a second name of"),
    ],
    ids=lambda value: " , ".join(value) if isinstance(value, list) else "",
)
def test_what_would_write_or_lead_out_is_refused_and_nothing_is_written(ground, members, words):
    assert_refused(ground, members, words)


@pytest.mark.parametrize(
    "kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, b"~"], ids=str
)
def test_devices_and_kinds_unheard_of_are_refused(ground, kind):
    with tarfile.open(ground.tarball, "w") as archive:
        archive.addfile(tarfile.TarInfo("file"))
        member = tarfile.TarInfo("odd")
        member.type = kind
        archive.addfile(member)
    with pytest.raises(BadArchive, match="odd is neither file, folder nor link"):
        unpack(ground.tarball, ground.tree)
    assert not list(ground.tree.iterdir())


def test_a_name_with_a_nul_is_refused(ground):
    with tarfile.open(ground.tarball, "w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("file")
        member.pax_headers = {"path": "fi\0le"}
        archive.addfile(member)
    with pytest.raises(BadArchive, match="has a NUL in its name"):
        unpack(ground.tarball, ground.tree)


@pytest.mark.parametrize(
    "members, expected",
    [
        (["a", "b/", "b/c"], {"a": "a", "b": "/", "b/c": "b/c"}),
        (["b/c", "b/", "b/", "a"], {"a": "a", "b": "/", "b/c": "b/c"}),
        (["./", "./a", "./b"], {"a": "./a", "b": "./b"}),
        # Links that lead inside, over a folder's parent and over other links, too.
        (
            ["a", "b/l -> ../a", "m -> b/l", "n -> b/..", "o -> n/b/../a", "p -> .", "q -> p/p/a"],
            {
                "a": "a",
                "b": "/",
                "b/l": "-> ../a",
                "m": "-> b/l",
                "n": "-> b/..",
                "o": "-> n/b/../a",
                "p": "-> .",
                "q": "-> p/p/a",
            },
        ),
        # link/.. is where the link leads, less one: here a/b, though it reads like the top.
        (
            ["a/b/c/", "l -> a/b/c", "m -> l/../..", "n -> l/../../../a"],
            {
                "a": "/",
                "a/b": "/",
                "a/b/c": "/",
                "l": "-> a/b/c",
                "m": "-> l/../..",
                "n": "-> l/../../../a",
            },
        ),
        (["l -> missing", "a"], {"l": "-> missing", "a": "a"}),
        # A single top folder goes; with it goes its name in what second names are of.
        (["top/", "top/a", "top/l -> b/../a"], {"a": "top/a", "l": "-> b/../a"}),
        (["top/b/a", "top/b/l -> ../b/a"], {"b": "/", "b/a": "top/b/a", "b/l": "-> ../b/a"}),
        (["./", "./top/", "./top/a"], {"a": "./top/a"}),
        (["t/t/a", "t/b"], {"t": "/", "t/a": "t/t/a", "b": "t/b"}),
        (["top/a", "other"], {"top": "/", "top/a": "top/a", "other": "other"}),
        (["top -> elsewhere"], {"top": "-> elsewhere"}),
        (["only"], {"only": "only"}),
        (["top/"], {}),
    ],
    ids=lambda value: " , ".join(value),
)
def test_files_folders_and_links_that_stay_inside_are_unpacked(ground, members, expected):
    ground.pack(members)
    unpack(ground.tarball, ground.tree)
    assert ground.unpacked() == expected
    assert ground.escaped() is None


@pytest.mark.parametrize("top", ["", "top/"])
def test_second_names_of_a_file_are_that_file(ground, top):
    ground.pack([f"{top}b/a", f"{top}b/c = {top}b/a", f"{top}d = ./{top}b/c", f"{top}e"])
    unpack(ground.tarball, ground.tree)
    assert {(ground.tree / name).stat().st_ino for name in ("b/c", "d")} == {
        (ground.tree / "b/a").stat().st_ino
    }
    assert ground.escaped() is None


def test_as_many_links_may_be_led_through_as_the_system_follows(ground):
    chain = ["l0 -> x", *(f"l{n + 1} -> l{n}" for n in range(archives.MOST_LINKS - 1)), "x"]
    ground.pack(chain)
    unpack(ground.tarball, ground.tree)
    last = f"l{archives.MOST_LINKS - 1}"
    assert (ground.tree / last).read_text() == "x"
    (ground.tree / "more").symlink_to(last)
    with pytest.raises(OSError):
        (ground.tree / "more").read_text()
    ground.clear()
    assert_refused(ground, [*chain, f"more -> {last}"], "more leads through too many links")


@pytest.mark.parametrize("pack_bytes", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("damage", ["cut between members", "cut", "overwritten", "empty"])
def test_a_damaged_tarball_is_refused_before_anything_is_written(ground, pack_bytes, damage):
    draw = random.Random(0)
    pack(ground.tarball, ["".join(draw.choices("abcdefgh", k=60)) for _ in range(400)])
    whole = ground.tarball.read_bytes()
    if damage == "cut between members":
        data = pack_bytes(whole[: 200 * 1024])
    else:
        data, half = pack_bytes(whole), len(pack_bytes(whole)) // 2
        data = {
            "cut": data[:half],
            "overwritten": data[:half] + b"\xff" * 700 + data[half + 700 :],
            "empty": b"",
        }[damage]
    ground.tarball.write_bytes(data)
    with pytest.raises(BadArchive, match="no readable tarball"):
        unpack(ground.tarball, ground.tree)
    assert not list(ground.tree.iterdir())


def test_what_the_disk_refuses_is_not_called_the_tarballs_fault(ground, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    ground.pack(["a", "b"])
    monkeypatch.setattr(tarfile.TarFile, "makefile", full)
    with pytest.raises(OSError, match="No space left"):
        unpack(ground.tarball, ground.tree)


def test_fetch_says_which_source_held_such_a_tarball_and_leaves_nothing(ground, tmp_path):
    pack(ground.tarball, STAIRS)
    with pytest.raises(FetchError) as caught:
        servers.fetch(tmp_path / "new/out", ground.tarball, unpinned=True, say=lambda line: None)
    assert "packed.tar: unsafe tarball: c leads out of the folder" in caught.value.found
    assert not (tmp_path / "new").exists()


def drawn_members(draw):
    """A few members over very few names, so that they meet and lead over one another."""
    top = draw.choice(["", "", "t/", "./"])

    def path(most):
        return "/".join(draw.choices("abx", k=draw.randint(1, most)))

    def target():
        parts = draw.choices(["a", "b", "x", "..", "..", "."], k=draw.randint(1, 4))
        return "/".join(parts)

    members = []
    for _ in range(draw.randint(2, 6)):
        kind = draw.choice(["file", "folder", "link", "link", "link", "second"])
        name = top + path(3)
        if kind == "folder":
            name += "/"
        elif kind == "link":
            name += f" -> {target()}"
        elif kind == "second":
            name += f" = {top}{target()}"
        members.append(name)
    return members


def unpack_unjudged(tarball, tree):
    """Oracle: as it would go without a judgement, and on after a member that fails."""
    with tarfile.open(tarball) as archive:
        archive.extraction_filter = lambda member, path: member
        for member in archive.getmembers():
            with contextlib.suppress(OSError, KeyError, RecursionError, tarfile.TarError):
                archive.extract(member, tree)
    entries = list(tree.iterdir())
    if len(entries) == 1 and entries[0].is_dir() and not entries[0].is_symlink():
        entries[0].rename(tree.with_name("top"))
        tree.rmdir()
        tree.with_name("top").rename(tree)


def judged_and_seen(judged, unjudged, members):
    """(refused or not, what gets out of the tree where it is not judged, or None)"""
    judged.pack(members)
    refused = False
    try:
        unpack(judged.tarball, judged.tree)
    except BadArchive:
        refused = True
        assert not list(judged.tree.iterdir()), members
    assert judged.escaped() is None, (members, judged.escaped())
    unjudged.pack(members)
    unpack_unjudged(unjudged.tarball, unjudged.tree)
    return refused, unjudged.escaped()


def test_what_is_unpacked_never_gets_out_as_really_unpacking_it_shows(tmp_path):
    draw = random.Random(2)
    judged, unjudged = Ground(tmp_path / "judged"), Ground(tmp_path / "unjudged")
    outcomes = []
    for number in range(100):
        members = drawn_members(draw)
        refused, seen = judged_and_seen(judged, unjudged, members)
        assert refused or seen is None, (members, seen)
        outcomes.append((refused, seen is not None))
        judged.clear()
        if seen is None:
            unjudged.clear()
        else:
            unjudged = Ground(tmp_path / str(number))
    # The draw has all three kinds: harmless and taken, harmful, and refused for its form.
    assert min(map(outcomes.count, [(False, False), (True, True), (True, False)])) > 8
