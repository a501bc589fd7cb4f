"""A folder or a stem is one run's at a time, and never one of its inputs."""

import contextlib
import errno
import fcntl
import os
import subprocess
import sys

import pytest

from amcaffe.data.outputs import claimed_folder, claimed_stem, refuse_inputs
from amcaffe.errors import InputError
from amcaffe.extract import Options, extract
from amcaffe.fetch.servers import fetch
from conftest import step_environment

FILES = ("report.json", "plot.png")


def claim(place, kind="folder", **options):
    if kind == "folder":
        return claimed_folder(place, "evaluate", FILES, **options)
    return claimed_stem(place, "extract", (".npy", ".txt"), **options)


def test_an_empty_name_is_not_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for take in (lambda: claim("").__enter__(), lambda: fetch(""), lambda: extract_to("")):
        with pytest.raises(InputError, match="name of the output is empty"):
            take()
    assert not list(tmp_path.iterdir())


def extract_to(out):
    extract(Options("list", out, "net", "weights"))


HOLD = """
import sys
from amcaffe.data.outputs import claimed_folder, claimed_stem
with (claimed_folder if sys.argv[1] == "folder" else claimed_stem)(sys.argv[2], "train", ()):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def held(place, kind):
    """Another process that holds it."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, kind, place],
        env=step_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout.readline() == b"held\n"
        yield other


@pytest.mark.parametrize("kind", ["folder", "stem"])
def test_a_second_run_is_refused_and_told_who_is_there(tmp_path, kind):
    place = tmp_path / "out"
    with held(place, kind) as other:
        with pytest.raises(InputError, match=f"another run is writing {place}") as caught:
            with claim(place, kind):
                pass
        assert f"amcaffe train, process {other.pid} on " in caught.value.found
        assert ", since 20" in caught.value.found
        other.stdin.close()
        other.wait()
        with claim(place, kind):
            pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["folder", "stem"])
def test_the_lock_of_a_run_that_was_killed_is_no_obstacle(tmp_path, kind):
    with held(tmp_path / "out", kind) as other:
        other.kill()
        other.wait()
    assert len(list(tmp_path.rglob("*.lock"))) == 1
    with claim(tmp_path / "out", kind):
        pass
    assert not list(tmp_path.rglob("*.lock"))


def test_a_lock_file_that_its_holder_removed_meanwhile_lets_nobody_in(tmp_path, monkeypatch):
    """It is opened while the first holds it; then the first goes, and a third comes."""
    flock = fcntl.flock
    first, third = contextlib.ExitStack(), contextlib.ExitStack()
    first.enter_context(claim(tmp_path))

    def late(*arguments):
        monkeypatch.setattr(fcntl, "flock", flock)
        first.close()
        third.enter_context(claim(tmp_path))
        flock(*arguments)

    monkeypatch.setattr(fcntl, "flock", late)
    with third, pytest.raises(InputError, match="another run"), claim(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_two_stems_in_a_folder_and_the_folder_itself_are_three_places(tmp_path):
    with claim(tmp_path / "a", "stem"), claim(tmp_path / "b", "stem"), claim(tmp_path):
        assert len(list(tmp_path.iterdir())) == 3


def test_where_the_disk_has_no_locks_the_run_goes_on_with_a_warning(tmp_path, monkeypatch, capsys):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with claim(tmp_path) as claimed:
        assert claimed.folder == tmp_path
    assert "no lock for" in capsys.readouterr().err


def test_a_lock_file_with_hostile_words_is_told_plainly(tmp_path):
    lock = tmp_path / ".amcaffe.lock"
    lock.write_bytes(b"\x1b[2Jme\xff" + b"x" * 10000)
    with open(lock) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(InputError) as caught, claim(tmp_path):
            pass
    assert "\x1b" not in caught.value.found and len(caught.value.found) < 600


def test_a_link_for_a_lock_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / ".amcaffe.lock").symlink_to("precious")
    with pytest.raises(InputError, match="cannot write to the folder"), claim(tmp_path):
        pass
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_folder_may_be_a_link_and_one_made_for_nothing_goes_again(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    with claim(tmp_path / "link/new/deep") as claimed:
        (claimed.folder / "file").write_text("")
    assert (tmp_path / "disk/new/deep/file").exists()
    with pytest.raises(ZeroDivisionError), claim(tmp_path / "a/b"):
        raise ZeroDivisionError
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "stand, words",
    [
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: os.mkfifo(path), "it is no file"),
        (lambda path: path.symlink_to("elsewhere"), "it is a link"),
    ],
)
def test_what_cannot_be_appended_to_is_refused(tmp_path, stand, words):
    stand(tmp_path / "caffe.log")
    with (
        pytest.raises(InputError, match=f"caffe.log: {words}"),
        claim(tmp_path, appended=["caffe.log"]),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["caffe.log"]


def test_what_a_killed_run_left_of_the_files_goes(tmp_path):
    for name in (".report.json.abcd1234.part", ".other.json.abcd1234.part", "report.json"):
        (tmp_path / name).write_text("")
    with claim(tmp_path):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {
        ".other.json.abcd1234.part",
        "report.json",
    }


@pytest.mark.parametrize("same", [os.link, os.symlink, lambda path, new: None])
def test_a_file_that_is_read_is_not_written_under_any_name(tmp_path, monkeypatch, same):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report.json").write_text("read")
    same("report.json", "input")
    read = "input" if (tmp_path / "input").exists() else f"{tmp_path}/./report.json"
    with (
        pytest.raises(InputError, match="report.json would be written over"),
        claim(".") as claimed,
    ):
        claimed.spare([None, "nowhere", read])
    refuse_inputs(["report.json"], [None, "nowhere"])
