"""An installer that fails or is killed at each of its writes in turn loses nothing."""

import os
import signal
import sys
import warnings
from pathlib import Path

import pytest

from amcaffe.errors import TreeError
from amcaffe.host.tree import CaffeTree
from amcaffe.install import disk, transaction
from standins import FLIP_2, MARK, edit, owners, snapshot, write_files

# What Python reports (sys.addaudithook) of a process that changes files, whoever calls.
CHANGES = {
    "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.symlink", "os.truncate", "shutil.copyfile", "shutil.move", "shutil.rmtree",
}  # fmt: skip
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
    write_files(project, FLIP_2)
    write_files(project, {"layers/margins/late.hpp": MARK})
    (project / "layers/margins/flip_layer.cu").unlink()


def edit_elsewhere(tree):
    edit(tree / "src/caffe/util/io.cpp", "  use(a);", "  use(a);  // mine")


def restore(tree, state):
    """Make a tree what its snapshot `state` says."""
    for folder, names, files in os.walk(tree, topdown=False):
        for name in files:
            if os.path.relpath(Path(folder, name), tree) not in state:
                os.unlink(Path(folder, name))
        for name in names:
            if os.path.relpath(Path(folder, name), tree) not in state:
                os.rmdir(Path(folder, name))
    now = snapshot(tree)
    for name in sorted(state):
        path = tree / name
        if now.get(name, 0) == state[name]:
            continue
        if state[name] is None:
            path.mkdir()
        else:
            path.write_bytes(state[name][0])
            path.chmod(state[name][1])


# Each kind of run: arguments of an earlier one, what is done to the tree and the project after
# it, and the arguments of the run itself.
JOBS = {
    "install": (None, None, []),
    "upgrade": ([], lambda tree, project: upgrade(project), []),
    "under another type": ([], lambda tree, project: edit_elsewhere(tree), ["--as", "Flip=Side"]),
    "uninstall": (
        ["--as", "Flip=Side"], lambda tree, project: edit_elsewhere(tree), ["--uninstall"]
    ),
}  # fmt: skip
TWO_JOBS = pytest.mark.parametrize("job", ["upgrade", "uninstall"], indirect=True)


class Job:
    """A run of the installer that can be repeated from the same tree.

    before, after: snapshots.  changes: what the run applies, as transaction.apply takes it.
    """

    def __init__(self, tree, install, arguments, monkeypatch):
        self.tree, self.before = tree, snapshot(tree)
        self.run = lambda: install(*arguments)
        self.apply = lambda: transaction.apply(*self.changes)
        real = transaction.apply
        with monkeypatch.context() as patch:
            patch.setattr(transaction, "apply", lambda *a: (setattr(self, "changes", a), real(*a)))
            self.run()
        self.after = snapshot(tree)
        assert self.before != self.after
        self.rewind()

    def rewind(self):
        restore(self.tree, self.before)


@pytest.fixture(params=JOBS)
def job(request, install, tree, project, monkeypatch):
    first, meanwhile, arguments = JOBS[request.param]
    if first is not None:
        install(*first)
    if meanwhile:
        meanwhile(tree, project)
    return Job(tree, install, arguments, monkeypatch)


def dying(number, change):
    """Call change() in a process of its own that is killed at its write number `number`.

    A write is any call that changes a file, folder, name, mode or owner; it is not made. A file
    being written is one more: of it, half is. Returns: None, or, where the process lived to its
    end, the number of its writes.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which do no work here
        child = os.fork()
    if child == 0:
        try:
            counter = _Counter(number)
            sys.addaudithook(counter.hook)
            disk.write_file = counter.tearing(disk.write_file)
            change()
            os.write(writing, str(counter.passed).encode())
        finally:
            os._exit(1)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        written = pipe.read()
    assert written or os.WTERMSIG(status) == signal.SIGKILL
    return int(written) if written else None


class _Counter:
    """Counts writes in a process and kills it at one of them."""

    def __init__(self, number):
        self.number, self.passed, self.counting = number, 0, True

    def point(self):
        if self.passed == self.number:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed += 1

    def hook(self, event, arguments):
        writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT
        if self.counting and (event in CHANGES or event == "open" and arguments[2] & writing):
            self.point()

    def tearing(self, real):
        def write_file(path, data, mode, owner):
            if self.passed == self.number:
                self.counting = False
                Path(path).write_bytes(data[: len(data) // 2])
            self.point()
            real(path, data, mode, owner)

        return write_file


def test_a_kill_at_every_write_leaves_the_old_or_the_new_tree(job, tree):
    """That is what recovering makes of it, with which each next run starts."""
    total = dying(-1, job.apply)
    assert snapshot(tree) == job.after
    outcomes = []
    for number in range(total):
        job.rewind()
        assert dying(number, job.apply) is None
        if number % 10 == 5:  # the whole of a next run, from there
            half = snapshot(tree)
            job.run()
            assert snapshot(tree) == job.after, number
            restore(tree, half)
        transaction.recover(CaffeTree(tree))
        state = snapshot(tree)
        assert state in (job.before, job.after), number
        outcomes.append("old" if state == job.before else "new")
    print(f"{total} write points, {len(outcomes)} clean outcomes")
    assert len(outcomes) == total > 4 * len(job.changes[1])
    turn = outcomes.index("new")  # the one write that counts
    assert outcomes == ["old"] * turn + ["new"] * (total - turn)


@pytest.mark.parametrize("job", ["upgrade"], indirect=True)
def test_a_kill_at_every_write_of_recovering_is_made_good_too(job, tree, monkeypatch):
    kill_before_the_last_change(monkeypatch, job.run)
    half = snapshot(tree)
    total = dying(-1, lambda: transaction.recover(CaffeTree(tree)))
    assert snapshot(tree) == job.before
    job.before, wanted = half, job.before
    for number in range(total):
        job.rewind()
        assert dying(number, lambda: transaction.recover(CaffeTree(tree))) is None
        transaction.recover(CaffeTree(tree))
        assert snapshot(tree) == wanted, number
    job.run()
    assert snapshot(tree) == job.after


@TWO_JOBS
def test_a_disk_that_refuses_one_write_leaves_the_tree_as_it_was(job, tree, monkeypatch):
    total = count_writes(monkeypatch, job.apply)
    outcomes = []
    for number in range(total):
        job.rewind()
        full = OSError(28, "No space left on device", "x")
        try:
            stop_at(monkeypatch, job.apply, number, full, for_good=False)
        except TreeError as error:
            assert "No space left on device" in str(error)
            assert "nothing was changed" in str(error)
            outcomes.append("refused")
            assert snapshot(tree) == job.before, number
        else:  # what failed was tidying up after the last change
            outcomes.append("done")
            job.run()
            assert snapshot(tree) == job.after, number
    assert outcomes[0] == "refused" and outcomes.count("refused") > total / 2


@TWO_JOBS
def test_ctrl_c_at_any_write_leaves_the_tree_as_it_was(job, tree, monkeypatch):
    for number in range(count_writes(monkeypatch, job.apply)):
        job.rewind()
        with pytest.raises(KeyboardInterrupt):
            stop_at(monkeypatch, job.apply, number, KeyboardInterrupt(), for_good=False)
        if snapshot(tree) != job.before:
            job.run()
            assert snapshot(tree) == job.after, number


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


@pytest.mark.parametrize("name", ["new", "old"])
def test_a_link_in_our_folder_is_refused_and_what_it_leads_to_stays(install, tree, tmp_path, name):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/file").write_text("kept")
    (tree / ".amcaffe").mkdir()
    (tree / ".amcaffe" / name).symlink_to(tmp_path / "theirs")
    for arguments in ((), ("--uninstall",)):
        with pytest.raises(TreeError, match="symbolic link"):
            install(*arguments)
    assert (tmp_path / "theirs/file").read_text() == "kept"


def test_our_folder_as_a_link_is_refused(install, tree, tmp_path):
    (tmp_path / "theirs/new").mkdir(parents=True)
    (tmp_path / "theirs/new/file").write_text("kept")
    (tree / ".amcaffe").symlink_to(tmp_path / "theirs")
    with pytest.raises(TreeError):
        install()
    assert (tmp_path / "theirs/new/file").read_text() == "kept"


@pytest.mark.parametrize(
    "journal",
    [
        "{",
        "{}",
        '{"files": [], "made": ["../outside"], "removed": []}',
        '{"files": [], "made": [], "removed": ["../made"]}',
        '{"files": [{"index": "../x", "path": "a", "before": null, "after": null}],'
        ' "made": [], "removed": []}',
        '{"files": [{"index": 0, "path": "../a", "before": null, "after": null}],'
        ' "made": [], "removed": []}',
    ],
)
def test_a_journal_that_is_damaged_or_leads_out_of_the_tree_is_refused(
    install, tree, tmp_path, journal
):
    (tmp_path / "outside").mkdir()
    (tree / ".amcaffe").mkdir()
    (tree / ".amcaffe/journal.json").write_text(journal)
    with pytest.raises(TreeError):
        install()
    assert (tmp_path / "outside").is_dir() and not (tmp_path / "made").exists()
