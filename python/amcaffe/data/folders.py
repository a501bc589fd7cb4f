"""Folders that a step writes its output to."""

import tempfile
from pathlib import Path

from amcaffe.errors import InputError


def writable_folder(path):
    """The folder, made where missing: seen to be writable before the work and not after it.

    Raises: InputError: it cannot be made or written to.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InputError(f"cannot write to the folder {path}: {error.strerror}") from None
    return path
