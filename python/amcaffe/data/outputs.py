"""Where a step writes: one run alone, over none of its inputs. Standard library only.

A step that writes a folder, or files of one stem, claims it for as long as it runs. The lock is
a hidden file, `.amcaffe.lock` in the folder or `.NAME.lock` beside the files NAME.npy, NAME.txt.
It is the system's and ends with the process, however that ends, so that the file of a run that
was killed is no obstacle.

Links: a folder may be one. A file that is written whole replaces a link in its place
(data.files); one that is appended to, or mapped, is refused where it is a link.
"""

import contextlib
import fcntl
import os
import socket
import stat
import sys
import time
from pathlib import Path

from amcaffe.data.files import remove_parts
from amcaffe.errors import InputError

FOLDER_LOCK = ".amcaffe.lock"
_HOLDER_BYTES = 500  # of a lock file, which anybody may have written


class Claim:
    """A place that is this run's alone.

    folder: Path that the files lie in. files: their Paths.
    """

    def __init__(self, folder, files):
        self.folder, self.files = folder, files

    def spare(self, inputs):
        """refuse_inputs of the files that this run writes."""
        refuse_inputs(self.files, inputs)


@contextlib.contextmanager
def claimed_folder(folder, step, files, appended=()):
    """A folder for one run, made where missing; seen to be writable before the work.

    Args:
        folder: path.
        step: name of the step, which a second run is told.
        files: names of the files that the step writes whole.
        appended: names of those that it appends to or maps.
    Returns: context manager of a Claim.
    Raises: InputError: the folder cannot be made or written to, another run writes to it, or
        something else than a file stands in a file's place.
    """
    folder = named(folder)
    paths, grown = ([folder / name for name in names] for names in (files, appended))
    with _claimed(folder, folder / FOLDER_LOCK, folder, step, paths, grown) as claim:
        yield claim


@contextlib.contextmanager
def claimed_stem(stem, step, suffixes, appended=()):
    """As claimed_folder, the files STEM + suffix, beside others."""
    stem = Path(stem)
    lock = stem.with_name(f".{stem.name}.lock")
    paths, grown = (
        [stem.with_name(stem.name + suffix) for suffix in names] for names in (suffixes, appended)
    )
    with _claimed(stem.parent, lock, stem, step, paths, grown) as claim:
        yield claim


def named(path):
    """The Path of an output. Raises InputError where it is empty, which Path takes for `.`."""
    if not os.fspath(path):
        raise InputError(
            "the name of the output is empty",
            hint="where it is a variable's value: that is not set; nothing was written",
        )
    return Path(path)


def refuse_inputs(outputs, inputs):
    """Raise InputError where a file that is to be written is one that the run reads.

    Args: outputs, inputs: paths; those that are not there, or None, are passed over. A file is
        known by itself: under another name, through a link, as a hard link.
    """
    there = {}
    for path in outputs:
        with contextlib.suppress(OSError):
            there[_identity(path)] = path
    if not there:
        return
    for path in inputs:
        with contextlib.suppress(OSError, TypeError):  # None is no path
            output = there.get(_identity(path))
            if output is not None:
                raise InputError(
                    f"{output} would be written over, and is read by this run",
                    found=f"it is {path}" if str(path) != str(output) else None,
                    hint="give another name for the output; nothing was written",
                )


def _identity(path):
    status = os.stat(path)
    return status.st_dev, status.st_ino


@contextlib.contextmanager
def _claimed(folder, lock, place, step, paths, grown):
    made = _make(folder)
    try:
        with _locked(lock, place, step):
            for path in (*paths, *grown):
                _require_file(path, link=path in paths)
            names = {path.name for path in (*paths, *grown)}
            remove_parts(folder, names)
            yield Claim(folder, [*paths, *grown])
    finally:
        for empty in made:  # where nothing was written, nothing stays
            with contextlib.suppress(OSError):
                empty.rmdir()


def _make(folder):
    """The folders that were made, the innermost first."""
    missing = []
    for each in (folder, *folder.parents):
        if each.exists():
            break
        missing.append(each)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if folder.exists():
            raise InputError(f"{folder} is no folder", hint="give another name") from None
        raise InputError(f"cannot make the folder {folder}: {error.strerror}") from None
    return missing


def _require_file(path, link):
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return
    if stat.S_ISLNK(mode) and not link:
        raise InputError(
            f"cannot write {path}: it is a link",
            found=f"to {os.readlink(path)}",
            expected="a file, or none",
            hint="remove the link; what it leads to was left alone",
        )
    if stat.S_ISDIR(mode):
        raise InputError(f"cannot write {path}: Is a directory")
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise InputError(f"cannot write {path}: it is no file", expected="a file, or none")


@contextlib.contextmanager
def _locked(path, place, step):
    """Hold the lock file; its content tells a second run who does."""
    descriptor = _take(path, place)
    try:
        words = (
            f"amcaffe {step}, process {os.getpid()} on {socket.gethostname()}, "
            f"since {time.strftime('%Y-%m-%d %H:%M:%S %z')}\n"
        )
        with contextlib.suppress(OSError):  # a full disk: the lock holds without
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, words.encode(), 0)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)  # while it is held: who waits for it sees that it is gone
        os.close(descriptor)


def _take(path, place):
    """Descriptor of the lock file, locked."""
    while True:
        try:
            descriptor = os.open(
                path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666
            )
        except OSError as error:
            raise InputError(
                f"cannot write to the folder {path.parent}: {error.strerror}",
                found=f"{path} cannot be opened" if os.path.lexists(path) else None,
            ) from None
        try:
            _lock(descriptor, place)
            # Its holder may have removed it since it was opened here.
            if os.path.samestat(os.fstat(descriptor), os.lstat(path)):
                return descriptor
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor, place):
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            f"another run is writing {place}",
            found=_holder(descriptor),
            hint="let it end, or give another name for the output; nothing was written",
        ) from None
    except OSError as error:
        print(
            f"amcaffe: no lock for {place} on this disk ({error.strerror}): see to it that no "
            "other run writes there",
            file=sys.stderr,
        )


def _holder(descriptor):
    """Who holds a lock, in the words of its file."""
    words = os.pread(descriptor, _HOLDER_BYTES, 0).decode(errors="replace").partition("\n")[0]
    return "".join(c if c.isprintable() else "?" for c in words) or "it has not said who it is"
