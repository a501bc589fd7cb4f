"""Every way in which the installer changes the disk, one small function each."""

import contextlib
import os
from pathlib import Path


def make_folder(path):
    """Make a folder that belongs to whom the folder around it belongs to."""
    os.mkdir(path)
    parent = Path(path).parent.stat()
    with _giving_away():
        os.lchown(path, parent.st_uid, parent.st_gid)


def remove_folder(path):
    os.rmdir(path)


def remove_file(path):
    os.unlink(path)


def write_file(path, data, mode, owner):
    """Write a new file of owner (user id, group id) and wait until the disk has it."""
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        with _giving_away():
            os.fchown(file.fileno(), *owner)
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


def replace(source, target):
    """Put `source` in the place of `target`, at once, and wait until the disk knows."""
    os.replace(source, target)
    folder = os.open(Path(target).parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def _giving_away():
    """Only root can give files away, and only root's would be lost to the tree's owner."""
    try:
        yield
    except PermissionError:
        if os.geteuid() == 0:
            raise
