"""What a result was made from: files by path and SHA-256, images by size and time."""

import hashlib
import os

from amcaffe.data.files import sha256_from
from amcaffe.data.regular_files import open_regular


def made_from(path):
    """{"path", "sha256"} of a file that a result was made from.

    Raises: InputError: it cannot be read.
    """
    with open_regular(path, "file") as file:
        return {"path": str(path), "sha256": sha256_from(file)}


def stamp_of(paths):
    """SHA-256 over the size and time of many files; those that are missing count, too.

    A file that was replaced by another one shows, without being read.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            stat = os.stat(path)
            digest.update(b"%d %d\n" % (stat.st_size, stat.st_mtime_ns))
        except (OSError, ValueError):  # a name may hold what no file name can
            digest.update(b"missing\n")
    return digest.hexdigest()
