"""The forms that a list of pairs may have, each a function from its lines to pairs.

form(lines, separator) takes [(number, text)] and "," or ";", or None for blanks and tabs. It
returns Listing, or raises Unfit.
"""

import re

import numpy as np

from amcaffe.data.list_lines import ENDING

_FLAGS = {
    "1": 1, "+1": 1, "1.0": 1, "true": 1, "yes": 1,
    "0": 0, "0.0": 0, "false": 0, "no": 0, "-1": -1, "-1.0": -1,
}  # fmt: skip
_TRIED = 200  # lines that tell which form a list was meant in, where none fits
_NUMBER = re.compile(r"[0-9]{1,9}")
_LABEL = re.compile(r"([+-]?[0-9]{1,18})(?:\.0*)?")
# Two paths with blanks in them, told apart by the ending of the first.
_TWO_PATHS = re.compile(r"(.*?\.[A-Za-z][A-Za-z0-9]{1,4})[ \t]+(.*)")


class Listing:
    """Pairs as one form reads them. how: of the form, for the rule."""

    def __init__(self, left, right, same, lines, how=""):
        self.left, self.right, self.how = left, right, how
        self.same, self.lines = np.array(same, bool), np.array(lines, np.int64)


class Unfit(Exception):
    """A line that a form cannot read. fitting: how many of the first lines it can read."""

    def __init__(self, row, what, fitting):
        self.row, self.what, self.fitting = row, what, fitting


def _line_a_pair(read):
    """A form of one line a pair. read(line, separator): (left, right, flag of _FLAGS) or None."""

    def form(lines, separator):
        left, right, same, flags = [], [], [], set()
        for row, (_, line) in enumerate(lines):
            found = read(line, separator)
            if found is None:
                fits = sum(read(line, separator) is not None for _, line in lines[:_TRIED])
                raise Unfit(row, "no pair", fits)
            left.append(found[0])
            right.append(found[1])
            same.append(found[2] == 1)
            flags.add(found[2])
            if len(flags) == 3:
                raise Unfit(row, "labels 1, 0 and -1: which are two people?", row)
        return Listing(left, right, same, [number for number, _ in lines])

    return form


def _fields(line, separator):
    if separator is None:
        fields = (field.strip(" ") for field in line.split("\t" if "\t" in line else " "))
        return [field for field in fields if field]
    return [field.strip(' \t"') for field in line.split(separator)]


@_line_a_pair
def _lfw(line, separator):
    fields = _fields(line, separator)
    matched = len(fields) == 3
    numbers = fields[1:] if matched else fields[1::2]
    if len(fields) not in (3, 4) or not all(map(_NUMBER.fullmatch, numbers)):
        return None
    names = (fields[0], fields[0] if matched else fields[2])
    if not all(names):
        return None
    left, right = (f"{name}/{name}_{int(n):04d}.jpg" for name, n in zip(names, numbers))
    return left, right, int(matched)


@_line_a_pair
def _label_last(line, separator):
    fields = _fields(line, separator)
    rest = line[: len(line) - len(fields[-1])]
    return _two_paths(fields[:-1], fields[-1], rest, separator)


@_line_a_pair
def _label_first(line, separator):
    fields = _fields(line, separator)
    return _two_paths(fields[1:], fields[0], line[len(fields[0]) :], separator)


def _two_paths(paths, flag, rest, separator):
    """(left, right, flag) of a line's paths, which `rest` has as they were written."""
    flag = _FLAGS.get(flag.lower())
    if flag is None:
        return None
    if len(paths) > 2 and separator is None and "\t" not in rest:
        parts = _TWO_PATHS.fullmatch(rest.strip(" "))
        if parts is None or _TWO_PATHS.fullmatch(parts.group(2)):
            return None
        paths = parts.groups()
    return (*paths, flag) if len(paths) == 2 and all(paths) else None


def _two_lines(lines, separator, label_first=False):
    """Two lines a pair, each `path label` or, where no path has a folder or an ending, `name n`."""
    read = [_path_and_label(line, separator, label_first) for _, line in lines]
    fits = len(read[:_TRIED]) - read[:_TRIED].count(None)
    if None in read:
        raise Unfit(read.index(None), "no pair", fits)
    if len(lines) % 2:
        raise Unfit(len(lines) - 1, "the second line of the last pair is missing", fits)
    paths, labels = zip(*read)
    left, right = labels[::2], labels[1::2]
    if not {*labels} <= {-1, 0, 1} and not any("/" in p or ENDING.search(p) for p in paths):
        same = [one == other for one, other in zip(paths[::2], paths[1::2])]
        paths = [f"{name}/{name}_{n:04d}.jpg" for name, n in read]
        how = ", two lines a pair"
    elif {*labels} <= {0, 1} or {*labels} <= {-1, 1}:
        for row, (one, other) in enumerate(zip(left, right)):
            if one != other:
                raise Unfit(2 * row + 1, "the two lines of a pair differ in its label", fits)
        same, how = [label == 1 for label in left], ", two lines a pair"
    else:
        changes = sum(one != other for one, other in zip(labels, labels[1:]))
        if len({*paths}) == len(paths) and changes < len({*labels}):
            what = "an image list, not one of pairs: each image once, person by person"
            raise Unfit(0, what, fits)
        same = [one == other for one, other in zip(left, right)]
        how = ", two lines a pair, matched where their labels are one"
    return Listing(paths[::2], paths[1::2], same, [number for number, _ in lines[::2]], how)


def _path_and_label(line, separator, label_first):
    """(path, label) of a line, or None."""
    fields = _fields(line, separator)
    if separator is None and len(fields) > 2 and "\t" not in line:
        fields = line.split(" ", 1) if label_first else line.rsplit(" ", 1)
        fields = [field.strip(" ") for field in fields]
    label = _LABEL.fullmatch(fields[0 if label_first else -1])
    path = fields[-1 if label_first else 0]
    if len(fields) != 2 or not label or not path:
        return None
    if " " in path and (_TWO_PATHS.fullmatch(path) or not ENDING.search(path)):
        return None
    return path, int(label.group(1))


def _two_lines_label_first(lines, separator):
    return _two_lines(lines, separator, label_first=True)


ONE_LINE = (_lfw, _label_last, _label_first)
TWO_LINES = (_two_lines, _two_lines_label_first)
