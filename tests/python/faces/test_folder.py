import hashlib
import os
import signal
import subprocess
import sys
import time

import cv2
import pytest

from amcaffe import cli
from amcaffe.errors import InputError
from amcaffe.faces import main
from amcaffe.faces.folder import make_faces, picture_path

SIZE = (40, 32)


def hashes(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def ended(group, seconds=10):
    """Whether no process of a group is left, or goes within some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """Three people, four pictures of each, made by one process in one go."""
    folder = tmp_path_factory.mktemp("faces") / "reference"
    assert make_faces(folder, 3, 4, SIZE, seed=5, workers=1) == 12
    return hashes(folder)


def test_the_folder_holds_a_sub_folder_a_person(reference, tmp_path):
    pictures = [name for name in reference if name != "faces.json"]
    assert pictures == [f"p{j:04d}/{i:03d}.jpg" for j in range(3) for i in range(4)]
    assert len({reference[name] for name in pictures}) == 12


def test_two_workers_make_the_same_files_as_one(reference, tmp_path):
    make_faces(tmp_path / "out", 3, 4, SIZE, seed=5, workers=2)
    assert hashes(tmp_path / "out") == reference


def test_adding_people_and_pictures_keeps_and_equals_a_run_in_one_go(reference, tmp_path):
    out = tmp_path / "out"
    make_faces(out, 2, 2, SIZE, seed=5, workers=1)
    kept = picture_path(out, 1, 1)
    before = kept.stat().st_mtime_ns
    assert make_faces(out, 3, 4, SIZE, seed=5, workers=1) == 12 - 4
    assert kept.stat().st_mtime_ns == before
    assert hashes(out) == reference
    assert make_faces(out, 3, 4, SIZE, seed=5, workers=1) == 0


def test_a_cut_off_picture_and_a_left_over_part_are_made_good(reference, tmp_path):
    out = tmp_path / "out"
    make_faces(out, 3, 4, SIZE, seed=5, workers=1)
    cut = picture_path(out, 0, 1)
    cut.write_bytes(cut.read_bytes()[:-9])
    picture_path(out, 2, 3).unlink()
    (out / "p0002" / ".003.jpg.0a_1b2c3.part").write_bytes(b"half")
    assert make_faces(out, 3, 4, SIZE, seed=5, workers=1) == 2
    assert hashes(out) == reference


def test_a_killed_run_resumes_to_the_same_files(tmp_path):
    argv = ["--identities", "4", "--images", "8", "--size", "48x40", "--seed", "9"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert cli.run("faces", main, [str(whole), *argv]) == 0
    command = [sys.executable, "-m", "amcaffe.faces", str(killed), *argv, "--workers", "1"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 30
    while not picture_path(killed, 0, 3).exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    left = sum(1 for _ in killed.rglob("*.jpg"))
    assert 3 < left < 32, "the run was to be killed half-way"
    assert cli.run("faces", main, [str(killed), *argv]) == 0
    assert hashes(killed) == hashes(whole)


def test_an_interrupted_run_says_so_and_leaves_no_worker_behind(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "amcaffe.faces", str(out), "--identities", "200"]
    process = subprocess.Popen(
        [*command, "--workers", "2"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 30
    while not picture_path(out, 0, 1).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, text = process.communicate(timeout=30)
    assert process.returncode == cli.INTERRUPTED
    assert "interrupted; run the same command to go on" in text and "Traceback" not in text
    assert ended(process.pid)


@pytest.mark.parametrize(
    "change, named",
    [
        (dict(seed=6), "another seed"),
        (dict(size=(48, 32)), "another size"),
        (dict(identities=2), "more identities"),
        (dict(images=3), "more images"),
    ],
)
def test_faces_of_other_settings_are_refused_and_untouched(tmp_path, change, named):
    settings = dict(identities=3, images=4, size=SIZE, seed=5, workers=1)
    out = tmp_path / "out"
    make_faces(out, **settings)
    before = hashes(out)
    with pytest.raises(InputError, match=named) as error:
        make_faces(out, **{**settings, **change})
    assert "remove" in str(error.value) and str(out) in str(error.value)
    assert hashes(out) == before


def test_faces_of_another_version_of_the_drawing_are_refused(tmp_path, monkeypatch):
    make_faces(tmp_path, 1, 1, SIZE, seed=5, workers=1)
    monkeypatch.setattr("amcaffe.faces.folder.drawing", lambda: "another")
    with pytest.raises(InputError, match="another drawing"):
        make_faces(tmp_path, 1, 1, SIZE, seed=5, workers=1)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="was not made by this step"):
        make_faces(tmp_path, 1, 1, SIZE, seed=5, workers=1)
    with pytest.raises(InputError, match="is no folder"):
        make_faces(tmp_path / "thesis.tex", 1, 1, SIZE, seed=5, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_broken_settings_are_named(tmp_path):
    (tmp_path / "faces.json").write_text('{"seed": 5')
    with pytest.raises(InputError, match="faces.json"):
        make_faces(tmp_path, 1, 1, SIZE, seed=5, workers=1)


@pytest.mark.parametrize(
    "argv, named",
    [
        (["--identities", "0"], "--identities"),
        (["--images", "0"], "--images"),
        (["--size", "112"], "--size"),
        (["--size", "8x96"], "--size (height)"),
        (["--size", "112x9999"], "--size (width)"),
        (["--seed", "-1"], "--seed"),
        (["--workers", "0"], "--workers"),
    ],
)
def test_bad_arguments_are_named_and_nothing_is_made(tmp_path, capsys, argv, named):
    assert cli.run("faces", main, [str(tmp_path / "out"), *argv]) == InputError.exit_status
    assert named in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command_prints_what_it_made(tmp_path, capsys):
    argv = [str(tmp_path / "out"), "--identities", "1", "--images", "2", "--size", "40x32"]
    assert cli.run("faces", main, argv) == 0
    assert "1 people x 2 pictures, 2 of 2 drawn now" in capsys.readouterr().out
    assert cv2.imread(str(picture_path(tmp_path / "out", 0, 1))).shape == (40, 32, 3)
