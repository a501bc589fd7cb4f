"""An installer that fails or is killed at each of its writes in turn loses nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from standins import HOST, MARK, owners, snapshot, write_files

import amcaffe
from amcaffe.errors import TreeError
from amcaffe.install import disk

WRITES = ("make_folder", "remove_folder", "remove_file", "write_file", "replace")


class Killed(BaseException):
    """Stands for the end of the process: nothing after it reaches the disk."""


def count_writes(monkeypatch, run):
    """The number of writes that run() makes."""
    made = []
    with monkeypatch.context() as patch:
        for name in WRITES:
            real = getattr(disk, name)
            patch.setattr(disk, name, lambda *a, real=real: (made.append(1), real(*a)))
        run()
    return len(made)


def stop_at(monkeypatch, run, number, error, for_good):
    """Call run() with its write number `number` (from 0) cut off in the middle by `error`.

    for_good: every later write fails too, as after a kill.
    """
    made = []

    def guarded(name, real):
        def write(*arguments):
            made.append(name)
            if len(made) - 1 == number or (for_good and len(made) - 1 > number):
                if name == "write_file" and len(made) - 1 == number:
                    Path(arguments[0]).write_bytes(arguments[1][: len(arguments[1]) // 2])
                raise error
            return real(*arguments)

        return write

    with monkeypatch.context() as patch:
        for name in WRITES:
            patch.setattr(disk, name, guarded(name, getattr(disk, name)))
        run()


def kill_before_the_last_change(monkeypatch, run):
    """Cut run() off when all files are in place but the record of them is not."""
    real = disk.replace

    def replace(source, target):
        if Path(target).name == "manifest.json":
            for name in WRITES:
                patch.setattr(disk, name, dead)
            dead()
        real(source, target)

    def dead(*arguments):
        raise Killed()

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(disk, "replace", replace)
        run()


def upgrade(project):
    write_files(project, {"layers/flip_layer.cpp": MARK + "REGISTER_LAYER_CLASS(Flip); // 2\n"})
    write_files(project, {"layers/late.hpp": MARK})
    (project / "layers/flip_layer.cu").unlink()


@pytest.fixture(params=["install", "upgrade", "uninstall"])
def job(request, install, tree, project):
    """(run, snapshot before, snapshot after, rewind) of each kind of run."""
    pristine = snapshot(tree)
    if request.param != "install":
        install()
    before = snapshot(tree)
    if request.param == "upgrade":
        upgrade(project)

    def run():
        install(*(["--uninstall"] if request.param == "uninstall" else []))

    run()
    after = snapshot(tree)
    assert before != after
    if request.param == "uninstall":
        assert after == pristine

    def rewind():
        for folder, names, files in os.walk(tree, topdown=False):
            for name in files:
                os.unlink(Path(folder, name))
            for name in names:
                os.rmdir(Path(folder, name))
        for name in sorted(before):
            path = tree / name
            if before[name] is None:
                path.mkdir(exist_ok=True)
            else:
                path.write_bytes(before[name][0])
                path.chmod(before[name][1])
        assert snapshot(tree) == before

    rewind()
    return run, before, after, rewind


def test_a_disk_that_refuses_one_write_leaves_the_tree_as_it_was(job, tree, monkeypatch):
    run, before, after, rewind = job
    total = count_writes(monkeypatch, run)
    outcomes = []
    for number in range(total):
        rewind()
        full = OSError(28, "No space left on device", "x")
        try:
            stop_at(monkeypatch, run, number, full, for_good=False)
        except TreeError as error:
            assert "No space left on device" in str(error)
            assert "nothing was changed" in str(error)
            outcomes.append("refused")
            assert snapshot(tree) == before, number
        else:  # what failed was tidying up after the last change
            outcomes.append("done")
            run()
            assert snapshot(tree) == after, number
    assert outcomes[0] == "refused" and outcomes.count("refused") > total / 2


def test_ctrl_c_at_any_write_leaves_the_tree_as_it_was(job, tree, monkeypatch):
    run, before, after, rewind = job
    for number in range(count_writes(monkeypatch, run)):
        rewind()
        with pytest.raises(KeyboardInterrupt):
            stop_at(monkeypatch, run, number, KeyboardInterrupt(), for_good=False)
        if snapshot(tree) != before:
            run()
            assert snapshot(tree) == after, number


def test_a_kill_at_any_write_is_made_good_by_the_next_run(job, install, tree, monkeypatch):
    """The next run, of either kind, ends where it would have ended without the kill."""
    run, before, after, rewind = job
    for number in range(count_writes(monkeypatch, run)):
        rewind()
        with pytest.raises(Killed):
            stop_at(monkeypatch, run, number, Killed(), for_good=True)
        hosts = {name: (tree / name).exists() for name in HOST}
        assert all(hosts.values()), (number, hosts)
        run()
        assert snapshot(tree) == after, number


def test_after_a_kill_at_any_write_uninstall_gives_back_the_original(
    install, tree, project, monkeypatch
):
    pristine = snapshot(tree)
    total = count_writes(monkeypatch, install)
    install("--uninstall")
    for number in range(total):
        with pytest.raises(Killed):
            stop_at(monkeypatch, install, number, Killed(), for_good=True)
        install("--uninstall")
        assert snapshot(tree) == pristine, number


def test_a_kill_while_recovering_is_made_good_too(job, tree, monkeypatch):
    run, _, after, rewind = job
    total = count_writes(monkeypatch, run)
    for number in range(3, total, 9):
        for again in range(0, total, 7):
            rewind()
            with pytest.raises(Killed):
                stop_at(monkeypatch, run, number, Killed(), for_good=True)
            try:
                stop_at(monkeypatch, run, again, Killed(), for_good=True)
            except Killed:
                run()
            assert snapshot(tree) == after, (number, again)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to another user")
def test_what_the_next_run_puts_back_keeps_its_owner(install, tree, monkeypatch):
    for path in [tree, *tree.rglob("*")]:
        os.chown(path, 1001, 1002)
    before = owners(tree)
    kill_before_the_last_change(monkeypatch, install)
    install("--uninstall")
    assert owners(tree) == before


def test_the_next_run_says_what_it_put_back(install, tree, monkeypatch, capsys):
    kill_before_the_last_change(monkeypatch, install)
    capsys.readouterr()
    install()
    assert "an earlier run was interrupted: put back" in capsys.readouterr().out


def test_a_dry_run_after_a_kill_writes_nothing(install, tree, monkeypatch):
    kill_before_the_last_change(monkeypatch, install)
    before = snapshot(tree)
    with pytest.raises(TreeError, match="interrupted"):
        install("--dry-run")
    assert snapshot(tree) == before


def test_a_file_edited_after_a_kill_is_not_overwritten(install, tree, monkeypatch):
    kill_before_the_last_change(monkeypatch, install)
    io = tree / "src/caffe/util/io.cpp"
    io.write_bytes(io.read_bytes() + b"// mine\n")
    before = snapshot(tree)
    with pytest.raises(TreeError, match="src/caffe/util/io.cpp was changed"):
        install()
    assert snapshot(tree) == before


SCRIPT = """
import os, pathlib, signal, sys
import amcaffe.install, amcaffe.resources
from amcaffe.install import disk
root, project, number, after = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "after"
amcaffe.resources.PACKAGE = pathlib.Path(project)
made = 0
def guarded(real):
    def write(*arguments):
        global made
        made += 1
        if made == number and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        real(*arguments)
        if made == number:
            os.kill(os.getpid(), signal.SIGKILL)
    return write
for name in ("make_folder", "remove_folder", "remove_file", "write_file", "replace"):
    setattr(disk, name, guarded(getattr(disk, name)))
amcaffe.install.main([root])
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_real_sigkill_is_made_good_by_the_next_run(install, tree, project, monkeypatch, when):
    pristine = snapshot(tree)
    total = count_writes(monkeypatch, install)
    installed = snapshot(tree)
    install("--uninstall")
    environment = {**os.environ, "PYTHONPATH": str(Path(amcaffe.__file__).parents[1])}
    for number in range(2, total + 1, 6):
        arguments = [str(tree), str(project / "python/amcaffe"), str(number), when]
        done = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], env=environment)
        assert done.returncode == -signal.SIGKILL
        install()
        assert snapshot(tree) == installed, number
        install("--uninstall")
        assert snapshot(tree) == pristine, number
