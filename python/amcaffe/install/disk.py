"""Every way in which the installer changes the disk, one small function each."""

import os
from pathlib import Path


def make_folder(path):
    os.mkdir(path)


def remove_folder(path):
    os.rmdir(path)


def remove_file(path):
    os.unlink(path)


def write_file(path, data, mode):
    """Write a new file and wait until the disk has it."""
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
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
