"""Files written whole or not at all, and their digests. Standard library only.

What stands in a file's place is replaced and never written into: of a symbolic or hard link, the
file that it leads to stays as it is.
"""

import contextlib
import errno
import hashlib
import os
import re
import tempfile
from pathlib import Path

from amcaffe.errors import InputError

_PART = re.compile(r"\.(.+)\.[a-z0-9_]{8}\.part")  # of a file that is not whole yet
_UNRESERVABLE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


def atomic_write(path, content, durable=True):
    """Write str (as UTF-8) or bytes to path: the whole file or, on any failure, the old one.

    durable: wait until the disk has it.

    Raises: InputError: the folder cannot be made or written to, or the disk is full.
    """
    with atomic_file(path, durable) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def atomic_file(path, durable=True):
    """A binary file to write, which takes the place of `path` where the block ends well.

    Its name is that of the file that is written until then, in the same folder.

    Raises: InputError: the folder cannot be made or written to, or the disk is full.
    """
    with _part_of(path) as part:
        with open(part, "wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(part, path)


def atomic_set(contents):
    """Write files that belong together: all of them or, on any failure, none.

    All are on the disk before the first takes its place, and the old ones leave it before that,
    the last first. So, killed in between, some are missing, and none stands beside one of another
    set; the next run that claims the place (data.outputs) removes what was left.

    Args:
        contents: {path: str, bytes, a function that writes to the binary file it is given, the
            Path of a finished file in the same folder, which is moved, or None for no file}.
    Raises: InputError: as atomic_write does; a finished file is then where it was.
    """
    contents = {Path(path): content for path, content in contents.items()}
    parts, aside = {}, {}
    try:
        for path, content in contents.items():
            if isinstance(content, Path):
                parts[path] = content
            elif content is not None:
                parts[path] = _written(path, content)
        for path in reversed(list(contents)):
            if os.path.lexists(path):
                with _told(path):
                    aside[path] = _partial(path)
                    os.replace(path, aside[path])
        for path, part in parts.items():
            with _told(path):
                os.replace(part, path)
    except BaseException:
        _undo(contents, parts, aside)
        raise
    for part in aside.values():
        part.unlink()


def _undo(contents, parts, aside):
    for path, part in parts.items():
        if not os.path.lexists(part):  # it has taken its place
            os.replace(path, part)
        if part is not contents[path]:
            part.unlink()
    for path, old in aside.items():
        if os.path.lexists(path):  # it had not left it
            old.unlink()
        else:
            os.replace(old, path)


def remove_parts(folder, names):
    """Remove what runs that were killed left of files of these names."""
    with os.scandir(folder) as entries:
        for entry in entries:
            part = _PART.fullmatch(entry.name)
            if part and part[1] in names and not entry.is_dir(follow_symlinks=False):
                Path(entry.path).unlink(missing_ok=True)


def reserve(descriptor, path, size):
    """Have the disk keep `size` bytes for an open file: a full disk is met here, not later.

    A memory map over blocks that the disk cannot give ends the process, with no exception.

    Args: descriptor: of the file, open to write. path: of it, for the error.
    Raises: InputError: with the bytes needed and those that are free.
    """
    try:
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in _UNRESERVABLE:
                raise
            _fill(descriptor, size)
    except OSError as error:
        disk = os.statvfs(Path(path).parent)
        raise InputError(
            f"cannot write {path}: {error.strerror}",
            found=f"{disk.f_bavail * disk.f_frsize:,} bytes free",
            expected=f"{size:,} bytes",
            hint="make room, or write to another disk",
        ) from None


def _fill(descriptor, size):
    """Zeros after a file's end up to a size, where the file system keeps no room otherwise."""
    at, block = os.fstat(descriptor).st_size, bytes(1 << 20)
    while at < size:
        at += os.pwrite(descriptor, block[: size - at], at)


def _written(path, content):
    """Path of a finished file, which is to take the place of `path`."""
    with _part_of(path) as part, open(part, "wb") as file:
        if callable(content):
            content(file)
        else:
            file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    return part


@contextlib.contextmanager
def _part_of(path):
    """A new empty file beside `path`, which is gone where the block fails."""
    part = None
    try:
        with _told(path):
            part = _partial(path)
            yield part
    except BaseException:
        if part is not None:
            part.unlink(missing_ok=True)
        raise


def _partial(path):
    """An empty file beside `path`, of a name that remove_parts knows."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.fchmod(descriptor, 0o666 & ~umask())  # mkstemp's 0600 would hide it from others
    os.close(descriptor)
    return Path(name)


@contextlib.contextmanager
def _told(path):
    """What the disk refuses becomes an InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None


def umask():
    """The process's mask of file modes, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sha256_of(path):
    """Hexadecimal SHA-256 of a file."""
    with open(path, "rb") as file:
        return sha256_from(file)


def sha256_from(file):
    """Hexadecimal SHA-256 of what is left of an open binary file."""
    digest = hashlib.sha256()
    for block in iter(lambda: file.read(1 << 20), b""):
        digest.update(block)
    return digest.hexdigest()
