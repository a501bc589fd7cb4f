"""Where --resume is refused, the run's folder is what it was."""

import os

import pytest

from amcaffe.data.files import atomic_write
from amcaffe.errors import CaffeError, InputError
from amcaffe.train.refusal import unchanged_if_refused


def state(folder):
    """{name: (bytes, time)} of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.usefixtures("stock_caffe")
def test_a_refused_resume_changes_nothing(train, tiny_faces):
    lines = tiny_faces.list.read_text()
    tiny_faces.list.write_text(lines.replace(" ", "\t"))  # which gets a copy for Caffe
    tiny_faces.render(max_iter=4, snapshot=2)
    assert train().returncode == 0
    out = tiny_faces.folder / "out"
    before = state(out)
    assert {"caffe.log", "checked.json", "for_caffe/train.txt"} <= set(before)
    tiny_faces.list.write_text(lines.replace(" ", "\t") + "0.png\t0\n")
    tiny_faces.render(max_iter=8, snapshot=2, channels=8)  # other layers than the snapshots'
    refused = train("--resume")
    assert refused.returncode == 2 and "can be resumed from" in refused.stderr
    assert state(out) == before
    tiny_faces.render(max_iter=8, snapshot=2)
    assert train("--resume").returncode == 0
    after = state(out)
    assert len(after["caffe.log"][0]) > len(before["caffe.log"][0])
    assert after["checked.json"] != before["checked.json"]


@pytest.fixture
def run(tmp_path):
    """The folder of an earlier run, and a check that writes into it and fails with `error`."""
    for name in ("caffe.log", "checked.json", "solver.prototxt", "for_caffe/a.txt"):
        atomic_write(tmp_path / name, f"old {name}")
        os.utime(tmp_path / name, (1, 1))

    def check(error, resuming=True, begins=False):
        with unchanged_if_refused(tmp_path, resuming) as begun:
            with open(tmp_path / "caffe.log", "a") as log:
                log.write("new words")
            for name in ("checked.json", "for_caffe/a.txt", "for_caffe/b.txt"):
                atomic_write(tmp_path / name, f"new {name}")
            if begins:
                begun()
            raise error

    return tmp_path, check


def test_each_file_is_put_back_or_taken_away(run):
    folder, check = run
    before = state(folder)
    with pytest.raises(InputError):
        check(InputError("no"))
    assert state(folder) == before


def test_the_log_of_a_check_that_failed_in_caffe_stays(run):
    folder, check = run
    with pytest.raises(CaffeError):
        check(CaffeError("no"))
    assert (folder / "caffe.log").read_text() == "old caffe.lognew words"
    assert (folder / "checked.json").read_text() == "old checked.json"
    assert not (folder / "for_caffe/b.txt").exists()


@pytest.mark.parametrize(
    "options, error",
    [
        ({"resuming": False}, InputError("no")),
        ({"begins": True}, InputError("the disk is full")),
        ({}, KeyboardInterrupt()),
    ],
)
def test_what_is_no_refusal_of_a_resumed_run_leaves_what_was_written(run, options, error):
    folder, check = run
    with pytest.raises(type(error)):
        check(error, **options)
    assert (folder / "checked.json").read_text() == "new checked.json"
    assert (folder / "caffe.log").read_text() == "old caffe.lognew words"


def test_what_was_not_there_goes_again(tmp_path):
    with pytest.raises(InputError), unchanged_if_refused(tmp_path, True):
        for name in ("caffe.log", "checked.json", "for_caffe/a.txt"):
            atomic_write(tmp_path / name, "new")
        raise InputError("no")
    assert not list(tmp_path.iterdir())
