"""Files written whole or not at all, and their digests. Standard library only."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from amcaffe.errors import InputError


def atomic_write(path, content):
    """Write str (as UTF-8) or bytes to path: the whole file or, on any failure, the old one.

    Raises: InputError: the folder cannot be made or written to, or the disk is full.
    """
    with atomic_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def atomic_set(contents):
    """Write several files, {path: str or bytes}: all of them or, on any failure, none.

    Killed between two of them, it leaves each of them whole, the old one or the new.

    Raises: InputError: as atomic_write does, and where an old file cannot be read.
    """
    before = {Path(path): _content_of(Path(path)) for path in contents}
    try:
        with contextlib.ExitStack() as files:
            for path, content in contents.items():
                file = files.enter_context(atomic_file(path))
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()  # a full disk is met before the first of them takes its place
    except BaseException:
        for path, content in before.items():
            if content is None:
                path.unlink(missing_ok=True)
            elif _content_of(path) != content:
                atomic_write(path, content)
        raise


def _content_of(path):
    """Bytes of a file, or None where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


@contextlib.contextmanager
def atomic_file(path):
    """A binary file to write, which takes the place of `path` where the block ends well.

    Its name is that of the file that is written until then, in the same folder.

    Raises: InputError: the folder cannot be made or written to, or the disk is full.
    """
    path = Path(path)
    partial = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(descriptor)
        with open(partial, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(partial, 0o666 & ~_umask())  # mkstemp's 0600 would hide it from others
        os.replace(partial, path)
    except BaseException as error:
        if partial is not None:
            Path(partial).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InputError(f"cannot write {path}: {error.strerror}") from None
        raise


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sha256_of(path):
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
