"""Apply changes to a tree so that it is never left between two states.

Order: stage every new and save every old content in .amcaffe/, write the
journal, put the files in place one by one, remove the journal, tidy up. While
the journal is there the old state counts, and :func:`recover` goes back to it;
before and after, whatever else lies in .amcaffe/ is only litter.
"""

import contextlib
import fcntl
import json
import os
import stat

from amcaffe.data.files import umask
from amcaffe.errors import TreeError
from amcaffe.install import disk
from amcaffe.install.edits import digest
from amcaffe.install.record import FOLDER

JOURNAL, NEW, OLD, SPARE = "journal.json", "new", "old", "spare"


@contextlib.contextmanager
def locked(tree):
    """Keep a second installer out of the tree; the lock ends with the process."""
    folder = os.open(tree.root, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TreeError(
            f"another amcaffe is at work in {tree.root}", hint="wait until it has ended"
        ) from None
    else:
        yield
    finally:
        os.close(folder)


def interrupted(tree):
    """True where an earlier run was cut off, so that recover() has something to undo."""
    return (_state(tree) / JOURNAL).exists()


def apply(tree, changes, make=(), remove=()):
    """Make all changes, or none.

    Args:
        changes: objects with path, before, after (bytes, or None for no file).
        make: folders to make, parents first.  remove: folders to remove where empty.
    Raises: TreeError: the disk refused; the tree is as it was.
    """
    state = _state(tree)
    try:
        _stage(tree, state, changes, make, remove)
        for folder in make:
            disk.make_folder(tree.path(folder))
        for index, change in enumerate(changes):
            if change.after is None:
                disk.remove_file(tree.path(change.path))
            else:
                disk.replace(state / NEW / str(index), tree.path(change.path))
        for folder in remove:
            _remove_if_empty(tree.path(folder))
        disk.remove_file(state / JOURNAL)
    except BaseException as error:
        _roll_back(tree, error)
        raise
    with contextlib.suppress(OSError):  # litter does no harm, and the next run removes it
        _tidy(state)


def _roll_back(tree, error):
    """Recover at once; turn the disk's refusal into a TreeError that says how it ended."""
    try:
        recover(tree)
        ended = "nothing was changed"
    except OSError:
        ended = "run the same command again once that is solved: it first restores the tree"
    if isinstance(error, OSError):
        place = f": {error.filename}" if error.filename else ""
        raise TreeError(
            f"cannot write in {tree.root}: {error.strerror}{place}",
            expected="a tree in which this user may write, with room on the disk",
            hint=ended,
        ) from error


def recover(tree):
    """Undo what an interrupted run has done so far.

    Returns: paths put back, sorted; empty where no run was interrupted.
    Raises: TreeError: a file was changed since the interruption, or the journal is none of
        ours; nothing is touched.
    """
    state = _state(tree)
    restored = []
    if interrupted(tree):
        journal = _read_journal(tree, state / JOURNAL)
        undo = [entry for entry in journal["files"] if _is_done(tree, entry)]
        for folder in reversed(journal["removed"]):
            if not tree.path(folder).is_dir():
                disk.make_folder(tree.path(folder))
        for entry in reversed(undo):
            target = tree.path(entry["path"])
            if entry["before"] is None:
                disk.remove_file(target)
            else:
                saved = state / OLD / str(entry["index"])
                _discard(state / SPARE)
                disk.write_file(state / SPARE, saved.read_bytes(), *_like(saved))
                disk.replace(state / SPARE, target)
            restored.append(entry["path"])
        for folder in reversed(journal["made"]):
            _remove_if_empty(tree.path(folder))
        disk.remove_file(state / JOURNAL)
    _tidy(state)
    return sorted(restored)


def _state(tree):
    """The folder of everything in progress; a tree that someone made may have a link there.

    Raises: TreeError: it, or what is written and removed in it, leads somewhere else.
    """
    state = tree.root / FOLDER
    for path in (state, *(state / name for name in (NEW, OLD, SPARE, JOURNAL))):
        if path.is_symlink() or (path == state and path.exists() and not path.is_dir()):
            raise TreeError(
                f"{path} is a symbolic link, or no folder",
                expected="a folder of amcaffe's own, or nothing",
                hint="remove it, if it is of no use to you; nothing was changed",
            )
    return state


def _read_journal(tree, path):
    """The journal of an interrupted run, every path of it inside the tree."""
    try:
        journal = json.loads(path.read_text("ascii"))
        for entry in journal["files"]:
            if not isinstance(entry["index"], int) or not {"before", "after"} <= set(entry):
                raise ValueError(entry)
            tree.path(entry["path"])
        for folder in journal["made"] + journal["removed"]:
            tree.path(folder)
    except (ValueError, KeyError, TypeError) as error:
        raise TreeError(
            f"{path} is not a journal of amcaffe's, or it is damaged",
            found=repr(error),
            hint=f"the files in {FOLDER}/{OLD} are the old contents; once the tree is as it should "
            "be, delete the journal; nothing was changed",
        ) from None
    return journal


def _stage(tree, state, changes, make, remove):
    if not state.is_dir():
        disk.make_folder(state)
    disk.make_folder(state / NEW)
    disk.make_folder(state / OLD)
    entries = []
    for index, change in enumerate(changes):
        target = tree.path(change.path)
        if tree.read(change.path) != change.before:
            raise TreeError(f"{target} changed while amcaffe was at work", hint="run it again")
        if change.before is not None:
            disk.write_file(state / OLD / str(index), change.before, *_like(target))
        if change.after is not None:
            disk.write_file(state / NEW / str(index), change.after, *_like(target))
        entry = {"index": index, "path": change.path}
        entries.append({**entry, "before": digest(change.before), "after": digest(change.after)})
    journal = json.dumps({"files": entries, "made": list(make), "removed": list(remove)})
    disk.write_file(state / SPARE, journal.encode("ascii"), *_like(state / SPARE))
    disk.replace(state / SPARE, state / JOURNAL)


def _is_done(tree, entry):
    """True where a journal's change has been made, False where not yet."""
    now = digest(tree.read(entry["path"]))
    if now not in (entry["before"], entry["after"]):
        raise TreeError(
            f"{tree.root / entry['path']} was changed after an interrupted run of amcaffe",
            expected="the file as it was before that run, or as that run wrote it",
            hint=f"the old file is {FOLDER}/{OLD}/{entry['index']}: put it in place (or delete "
            "the file if there is none) and run this again; nothing was changed",
        )
    return now != entry["before"]


def _tidy(state):
    """Remove what staging left; the folder itself too once nothing else is in it."""
    for name in (NEW, OLD):
        if (state / name).is_dir():
            for path in sorted((state / name).iterdir()):
                disk.remove_file(path)
            disk.remove_folder(state / name)
    _discard(state / SPARE)
    _remove_if_empty(state)


def _discard(path):
    if path.exists():
        disk.remove_file(path)


def _remove_if_empty(folder):
    if folder.is_dir() and not any(folder.iterdir()):
        disk.remove_folder(folder)


def _like(path):
    """(mode, owner) of the file at `path`; for a new one, the folder's owner."""
    if path.exists():
        status = path.stat()
        mode = stat.S_IMODE(status.st_mode)
    else:
        status = next(folder for folder in path.parents if folder.is_dir()).stat()
        mode = 0o666 & ~umask()
    return mode, (status.st_uid, status.st_gid)
