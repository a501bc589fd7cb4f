"""A training's folder is one run's, and what Caffe writes follows no link."""

import signal
import subprocess
import sys
import time

import pytest

from conftest import step_environment

pytestmark = pytest.mark.usefixtures("stock_caffe")


def test_a_second_run_is_refused_and_a_killed_one_goes_on(train, tiny_faces):
    tiny_faces.render(max_iter=100000, snapshot=20)
    out = tiny_faces.folder / "out"
    running = subprocess.Popen(
        [sys.executable, "-m", "amcaffe.train", "--solver", tiny_faces.solver, "--out", "out"],
        cwd=tiny_faces.folder,
        env=step_environment(),
        stderr=subprocess.DEVNULL,
    )
    while not list(out.glob("*_iter_20.solverstate")):
        assert running.poll() is None
        time.sleep(0.02)
    for arguments in ((), ("--resume",)):
        second = train(*arguments)
        assert second.returncode == 2 and "another run is writing out" in second.stderr
        assert f"amcaffe train, process {running.pid} on " in second.stderr
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert (out / ".amcaffe.lock").exists()
    done = train("--resume", "--iterations", 1)
    assert done.returncode == 0, done.stderr
    assert not list(out.glob(".*"))


@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_results_without_their_snapshots_are_not_overwritten(train, tiny_faces, resume):
    assert train().returncode == 0
    out = tiny_faces.folder / "out"
    for path in out.glob("*_iter_*"):
        path.unlink()
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    done = train("--seed", 5, *resume)
    assert done.returncode == 2 and "holds the results of an earlier run" in done.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_links_in_place_of_the_files_are_not_followed(train, tiny_faces):
    out = tiny_faces.folder / "out"
    out.mkdir()
    (tiny_faces.folder / "precious").write_text("precious")
    for name in ("solver.prototxt", "metrics.csv", "checked.json", ".final.caffemodel"):
        (out / name).symlink_to("../precious")
    done = train()
    assert done.returncode == 0, done.stderr
    assert not [path for path in out.iterdir() if path.is_symlink()]
    last = next(out.glob("*_iter_12.caffemodel"))
    last.unlink()
    last.symlink_to("../precious")
    done = train("--resume")
    assert done.returncode == 0, done.stderr
    assert not last.is_symlink()
    (out / "caffe.log").unlink()
    (out / "caffe.log").symlink_to("../precious")
    done = train("--resume")
    assert done.returncode == 2 and "out/caffe.log: it is a link" in done.stderr
    assert (tiny_faces.folder / "precious").read_text() == "precious"


def test_a_solver_in_the_folder_is_not_overwritten(train, tiny_faces):
    solver = tiny_faces.folder / "out/solver.prototxt"
    solver.parent.mkdir()
    text = (tiny_faces.folder / tiny_faces.solver).read_text()
    solver.write_text(text)
    done = train(solver="out/solver.prototxt")
    assert done.returncode == 2 and "solver.prototxt would be written over" in done.stderr
    assert solver.read_text() == text
