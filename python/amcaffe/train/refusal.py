"""A run's folder as it was, where going on in it is refused."""

import contextlib
import os
from pathlib import Path

from amcaffe.data.files import atomic_file
from amcaffe.errors import AmcaffeError, CaffeError
from amcaffe.train.list_copies import FOLDER

_WHOLE = ("solver.prototxt", "checked.json", f"{FOLDER}/*")
_LOG = "caffe.log"


@contextlib.contextmanager
def unchanged_if_refused(folder, resuming):
    """Take back what the checks before a training have written, where one of them refuses it.

    A check that failed in Caffe leaves its words in caffe.log.

    Args:
        folder: of the run. resuming: it holds an earlier one; what a first run's checks have
            written stays, so that its images are not decoded again.
    Returns: context manager of a function to call when nothing can be refused any more.
    """
    folder, begun = Path(folder), []
    with contextlib.ExitStack() as opened:
        # A file that is written whole is another one: the old one's bytes stay, while it is open.
        old = {path: opened.enter_context(open(path, "rb")) for path in _files(folder)}
        log = _status(folder / _LOG)
        try:
            yield lambda: begun.append(True)
        except AmcaffeError as error:
            if resuming and not begun:
                _put_back(folder, old)
                if not isinstance(error, CaffeError):
                    _cut(folder / _LOG, log)
            raise


def _files(folder):
    return [path for pattern in _WHOLE for path in folder.glob(pattern) if path.is_file()]


def _put_back(folder, old):
    for path, file in old.items():
        was = os.fstat(file.fileno())
        if path.exists() and os.path.samestat(was, path.stat()):
            continue
        with atomic_file(path) as new:
            new.write(file.read())
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    for path in set(_files(folder)) - set(old):
        path.unlink()
    with contextlib.suppress(OSError):  # it is not there, or not empty
        (folder / FOLDER).rmdir()


def _status(path):
    """Size and times of a file, or None where there is none."""
    return path.stat() if path.exists() else None


def _cut(path, was):
    """Take away what was appended to a file since it had this status."""
    if was is None:
        path.unlink(missing_ok=True)
    else:
        os.truncate(path, was.st_size)
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
