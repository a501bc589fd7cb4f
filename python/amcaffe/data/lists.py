"""Image lists, as Caffe's ImageData layer reads them.

A list has one `path label` a line. The last space separates the two, so paths
may hold spaces. A list without labels has one path a line.
"""

from pathlib import Path

import numpy as np

from amcaffe.data.files import atomic_write
from amcaffe.errors import InputError


def read_image_list(path):
    """Read an image list.

    Args:
        path: UTF-8 text file, one `path label` a line (blank lines are skipped),
            or one path a line. A file is labelled when its first line is.
    Returns: (paths, labels): a list of N strings, and (N,) int64 or None.
    Raises: InputError: no such file, not UTF-8, no line, or a line that does not
        fit the first one; names the file and the line.
    """
    lines = numbered_lines(path, expected="one `path label` a line")
    if _split(lines[0][1]) is None:
        return [text for _, text in lines], None
    paths, labels = [], np.empty(len(lines), np.int64)
    for row, (number, text) in enumerate(lines):
        parts = _split(text)
        if parts is None:
            raise InputError(
                f"{path}:{number}: this line has no label, the first line has one",
                found=repr(text),
                expected="`path label`, the label an integer",
            )
        paths.append(parts[0])
        labels[row] = parts[1]
    return paths, labels


def write_image_list(path, paths, labels=None):
    """Write N paths, and (N,) integer labels where given, atomically."""
    atomic_write(path, image_list_text(path, paths, labels))


def image_list_text(path, paths, labels=None):
    """What write_image_list writes; path: for errors."""
    for row, name in enumerate(paths):
        if not name.strip() or "\n" in name or "\r" in name:
            raise InputError(
                f"cannot write row {row} of {path}: an image list has one path a line",
                found=repr(name),
            )
    if labels is None:
        lines = [f"{name}\n" for name in paths]
    else:
        lines = [f"{name} {int(label)}\n" for name, label in zip(paths, labels)]
    return "".join(lines)


def numbered_lines(path, what="list", expected=None):
    """The lines of a text list that are not blank, each with its number and without blanks around.

    Args: path: UTF-8 text file. what: it is, and expected: what a line should hold, for errors.
    Returns: [(number from 1, text)], at least one.
    Raises: InputError: no such file, not UTF-8, or no such line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read the {what} {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text list: byte {error.start} is not UTF-8") from None
    lines = [
        (number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()
    ]
    if not lines:
        raise InputError(f"the {what} {path} is empty", expected=expected)
    return lines


def _split(line):
    """(path, label) of a labelled line, None where it ends in no integer."""
    name, _, label = line.rpartition(" ")
    try:
        return (name.rstrip(), int(label)) if name.strip() else None
    except ValueError:
        return None
