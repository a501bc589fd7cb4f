"""One line of a list: its label, its path, and whether it is a header."""

import re
from typing import NamedTuple

from amcaffe.data.visible import visible
from amcaffe.errors import InputError

_NUMBER_CHARACTERS = "0123456789+-.eE"
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_SEPARATORS = re.compile(r"[ \t,;]+")
_DOT = re.compile(r"\A(?:\./+)+(?=.)")
ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
_LABEL_NAMES = frozenset(
    "label labels class classid class_id id identity person target y decision same issame is_same "
    "flag".split()
)
_LARGEST = 2**63 - 1
_EXACT = 2**53  # a float's whole numbers up to here are exact


class Labelled(NamedTuple):
    """A line split at its label. gap: its kind, " ", "," or ";"."""

    path: str
    label: int
    gap: str


def split_label(line, where):
    """Labelled of a line that ends in a number set off from the rest; None of another line.

    Args: line: without blanks around. where: file and line, for errors.
    Raises: InputError: several numbers, or one that is not whole or beyond int64.
    """
    head = line.rstrip(_NUMBER_CHARACTERS)
    number = line[len(head) :]
    if not head or head[-1] not in " \t,;" or not _NUMBER.fullmatch(number):
        return None
    name, gap = _cut_gap(head)
    if not name:
        return None
    if name[-1].isdigit() or name[-1] == ".":
        _refuse_several(line, where)
    return Labelled(_unquoted(name, gap), whole_number(number, where), gap)


def whole_number(text, where):
    """int of a label's text, such as 3, +3 or 3.0. Raises InputError where it is none."""
    if _WHOLE.fullmatch(text):
        value = int(text) if len(text) < 30 else _LARGEST + 1
    else:
        number = float(text)
        value = int(number) if abs(number) <= _EXACT and number.is_integer() else None
    if value is None:
        raise InputError(
            f"{where}: a label is a whole number", found=visible(text), expected="0, 1, 2, ..."
        )
    if not -_LARGEST <= value <= _LARGEST:
        raise InputError(f"{where}: a label beyond 64 bits", found=visible(text))
    return value


def is_header(line):
    """Whether a line names columns, the label's first or last."""
    fields = [field.strip('"').lower() for field in _SEPARATORS.split(line)]
    words = all(re.fullmatch(r"[a-z_]+[0-9]?(?:_[a-z0-9]+)?", field) for field in fields)
    return len(fields) > 1 and words and not _LABEL_NAMES.isdisjoint((fields[0], fields[-1]))


def without_dot(path):
    """A path without the `./` before it."""
    return _DOT.sub("", path) if path.startswith("./") else path


def _cut_gap(head):
    """(text before the gap that ends `head`, the gap's kind)"""
    name = head.rstrip(" \t")
    if name and name[-1] in ",;":
        return name[:-1].rstrip(" \t"), name[-1]
    return name, " "


def _unquoted(name, gap):
    """A field that a spreadsheet has put in quotes, without them."""
    if gap != " " and len(name) > 1 and name[0] == name[-1] == '"':
        return name[1:-1].replace('""', '"')
    return name


def _refuse_several(line, where):
    """Raise InputError where a line ends in several numbers after a name that ends in `.jpg` or so.

    `img 1 0`, without such an ending, is the image `img 1`.
    """
    fields = _SEPARATORS.split(line)
    count = 0
    while count < len(fields) and _NUMBER.fullmatch(fields[-1 - count]):
        count += 1
    if count > 1 and count < len(fields) and ENDING.search(fields[-1 - count]):
        raise InputError(
            f"{where}: {count} labels",
            found=visible(line),
            expected="one label a line",
            hint="Caffe's ImageData would take the last and look for an image named like the "
            "rest: keep one column",
        )
