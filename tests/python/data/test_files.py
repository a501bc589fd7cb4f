"""Sets of files, room on the disk, and links in a file's place."""

import os
import resource
import subprocess
import sys

import pytest

from amcaffe.data.files import atomic_file, atomic_set, atomic_write, remove_parts, reserve
from amcaffe.errors import InputError
from conftest import step_environment

OLD = {"a.json": b"old a", "b.npy": b"old b"}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path):
    for name, content in OLD.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def new_set(folder):
    """One of each kind of content."""
    (folder / "ready").write_bytes(b"new b")
    return {
        folder / "a.json": "new a",
        folder / "c.png": lambda file: file.write(b"new c"),
        folder / "b.npy": folder / "ready",
        folder / "d.txt": None,
    }


def test_a_set_takes_the_place_of_the_old_one(folder):
    (folder / "d.txt").write_text("not of the new set")
    atomic_set(new_set(folder))
    assert contents(folder) == {"a.json": b"new a", "c.png": b"new c", "b.npy": b"new b"}


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("moves", range(6))
def test_a_set_that_is_stopped_anywhere_leaves_the_old_one(folder, monkeypatch, stop, moves):
    (folder / "d.txt").write_bytes(b"old d")
    wanted = new_set(folder)
    before = contents(folder)
    replace, done = os.replace, []

    def replace_until_then(source, target):
        done.append(target)
        if len(done) == moves + 1:
            raise stop
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_until_then)
    with pytest.raises((KeyboardInterrupt, InputError)):
        atomic_set(wanted)
    assert contents(folder) == before


def _full_disk(file):
    file.write(b"half of ")
    raise OSError(28, "No space left on device")


def test_a_write_that_fails_half_way_leaves_nothing_of_itself(folder):
    with pytest.raises(InputError, match="a.json: No space left"):
        with atomic_file(folder / "a.json") as file:
            _full_disk(file)
    with pytest.raises(InputError, match="c.png: No space left"):
        atomic_set({folder / "a.json": "new", folder / "c.png": _full_disk})
    assert contents(folder) == OLD


KILLED = """
import os, sys
from pathlib import Path
from amcaffe.data.files import atomic_set
replace, left = os.replace, int(sys.argv[1])
def count(source, target):
    global left
    if not left:
        os._exit(9)
    left -= 1
    replace(source, target)
os.replace = count
atomic_set({"a.json": "new a", "b.npy": "new b"})
"""


@pytest.mark.parametrize("moves", range(5))
def test_a_set_that_is_killed_anywhere_never_mixes_with_the_old_one(folder, moves):
    subprocess.run(
        [sys.executable, "-c", KILLED, str(moves)], cwd=folder, env=step_environment(), timeout=60
    )
    found = {name: text.split()[0] for name, text in contents(folder).items() if name in OLD}
    assert len(set(found.values())) < 2
    assert "b.npy" not in found or "a.json" in found
    remove_parts(folder, OLD)
    assert contents(folder).keys() == found.keys()


def test_parts_of_other_names_are_left_alone(folder):
    (folder / ".other.abcd1234.part").write_text("")
    remove_parts(folder, OLD)
    assert (folder / ".other.abcd1234.part").exists()


def test_a_link_in_a_files_place_is_replaced_and_what_it_leads_to_stays(folder):
    (folder / "precious").write_text("precious")
    for name, write in (("one", atomic_write), ("set", lambda p, c: atomic_set({p: c}))):
        (folder / name).symlink_to("precious")
        write(folder / name, "new")
        assert not (folder / name).is_symlink() and (folder / name).read_text() == "new"
    assert (folder / "precious").read_text() == "precious"


def test_a_folder_in_the_place_of_one_leaves_all_as_they_were(folder):
    (folder / "c.png").mkdir()
    with pytest.raises(InputError, match="c.png: Is a directory"):
        atomic_set({folder / "a.json": "new", folder / "c.png": "new", folder / "b.npy": "new"})
    (folder / "c.png").rmdir()
    assert contents(folder) == OLD


@pytest.mark.parametrize("supported", [True, False])
def test_room_that_the_disk_lacks_is_told_before_it_is_needed(tmp_path, monkeypatch, supported):
    if not supported:

        def refuse(*_):
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(os, "posix_fallocate", refuse)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open(tmp_path / "f", "wb") as file:
        reserve(file.fileno(), tmp_path / "f", 3 << 20)
        assert os.fstat(file.fileno()).st_size == 3 << 20
        assert os.fstat(file.fileno()).st_blocks * 512 >= 3 << 20
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, limits[1]))
        try:
            with pytest.raises(InputError, match="f: File too large") as caught:
                reserve(file.fileno(), tmp_path / "f", 5 << 20)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.expected == "5,242,880 bytes" and "free" in caught.value.found
