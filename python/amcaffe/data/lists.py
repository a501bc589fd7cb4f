"""Image lists, read by one rule for every step.

`FORMS` is that rule in a user's words, for --help; what is decoded and passed over before, module
`text_lists` says. The details: a label is the last field of its line, after blanks, a tab, a comma
or a semicolon, one of these kinds in the whole list, and what stands before it is the path, blanks
and all. A whole number may be written as `3.0`. Labels stand first where every line begins with a
number, none ends in one, and what follows is a file. A line that begins with names of columns,
`path label`, is a header. Backslashes in a path become slashes where the file is there with
slashes only; `./` before a path goes.

What is written here is read here as it was: a path that begins like something else gets `./`.
"""

import os
import re
from collections import Counter
from dataclasses import dataclass
from typing import Optional

import numpy as np

from amcaffe.data.list_lines import is_header, split_label, whole_number, without_dot
from amcaffe.data.text_lists import read_text_lines
from amcaffe.data.visible import visible
from amcaffe.errors import InputError

FORMS = """\
An image list has one `path label` a line, or one path a line. Between path and label stand
blanks, a tab, a comma or a semicolon; the label is a whole number, 3 or 3.0, and comes last, or
first where that is plain. Blanks and any letters in paths, a header `path label`, comment lines
(#), blank lines, CR LF, byte order marks, UTF-16 and a leading ./ are read; backslashes are read
as / where the file is there so. What is mixed is refused with its line."""
EXPECTED = "one `path label` a line, the label a whole number, or one path a line"

_FIRST = re.compile(r"([+-]?[0-9][0-9.]*)[ \t]*(?:[ \t]|[,;])[ \t]*(\S.*)")
_UNWRITABLE = re.compile("[\\x00-\\x1f\\x7f\\ud800-\\udfff]")  # lone surrogates are no UTF-8
_KINDS = {" ": "blanks", ",": "a comma", ";": "a semicolon"}
_TRIED = 200  # lines that tell whether labels stand first


@dataclass(frozen=True)
class ImageList:
    """N lines of an image list; an image may stand in several.

    paths: N strings. labels: (N,) int64 or None. lines: (N,) int64, their numbers from 1.
    notes: sentences on what was not taken as it stands, to be told.
    raw: the bytes of the file.
    """

    paths: list[str]
    labels: Optional[np.ndarray]
    lines: np.ndarray
    notes: tuple[str, ...]
    raw: bytes


def read_image_list(path, file_of=None, encoding=None):
    """Read an image list, in any of the forms that FORMS names.

    Args:
        path: text file.
        file_of: function from a path of the list to the name of its file; None where the
            images are not at hand: labels first and backslashes are then not looked for.
        encoding: as text_lists.read_text_lines takes it.
    Returns: ImageList.
    Raises: InputError: no text list, no line, or a line that does not fit the others or has
        several labels; names the file and the line, and what cannot be seen in it.
    """
    text = read_text_lines(path, "list", EXPECTED, encoding)
    lines, notes = text.lines, list(text.notes)
    found = [split_label(line, f"{path}:{number}") for number, line in lines]
    if len(found) > 1 and found[0] is None and found[1] is not None and is_header(lines[0][1]):
        notes.append(f"line {lines[0][0]} read as a header")
        lines, found = lines[1:], found[1:]
    labelled = sum(entry is not None for entry in found)
    if 0 < labelled < len(found):
        _refuse_mixed(path, lines, found, labelled)
    if labelled:
        paths, labels = _labels_last(path, lines, found)
    elif file_of is not None and _labels_stand_first(path, lines, file_of):
        paths, labels = _labels_first(path, lines)
        notes.append("labels stand first")
    else:
        paths, labels = [line for _, line in lines], None
    paths = list(map(without_dot, paths))
    _refuse_tabs(path, lines, paths)
    if file_of is not None:
        _refuse_doubtful_comments(path, text.comments, file_of)
        paths = _slashes(paths, file_of, notes)
        _require_readable_names(path, text, lines[0], paths[0], file_of)
    numbers = np.array([number for number, _ in lines], np.int64)
    return ImageList(paths, labels, numbers, tuple(notes), text.raw)


def image_list_text(path, paths, labels=None):
    """The text of a list of N paths, and of (N,) integer labels where given, as ImageData reads it.

    Args: path: of the list, for errors.
    Raises: InputError: a path that could not be read back, such as one with a line end.
    """
    lines = []
    for row, name in enumerate(paths):
        label = None if labels is None else int(labels[row])
        line = name if label is None else f"{name} {label}"
        if not _comes_back(line, name, label):
            line = f"./{line}"
            if not _comes_back(line, name, label):
                raise InputError(
                    f"cannot write row {row} of {path}: an image list has one path a line",
                    found=visible(name),
                    expected="a UTF-8 name without tabs or line ends, and no blank or number "
                    "set off at its end",
                    hint="rename the file or its folder",
                )
        lines.append(line)
    return "".join(f"{line}\n" for line in lines)


def _refuse_mixed(path, lines, found, labelled):
    """Some lines have a label and some have none: name the first of the fewer."""
    rare = labelled * 2 <= len(found)  # labelled lines are the fewer
    row = next(row for row, entry in enumerate(found) if (entry is not None) == rare)
    number, line = lines[row]
    others = (len(found) - labelled) if rare else labelled
    has, have = ("a label", "none") if rare else ("no label", "one")
    raise InputError(
        f"{path}:{number}: this line has {has}, {others} others have {have}",
        found=visible(line),
        expected=EXPECTED,
        hint="mend that line; begin it with # where it is none of the list",
    )


def _labels_last(path, lines, found):
    kinds = Counter(entry.gap for entry in found)
    usual = kinds.most_common(1)[0][0]
    for (number, line), entry in zip(lines, found):
        if entry.gap != usual:
            raise InputError(
                f"{path}:{number}: {_KINDS[entry.gap]} before the label, where {kinds[usual]} "
                f"lines have {_KINDS[usual]}",
                found=visible(line),
                hint="separate path and label alike in all lines",
            )
        if usual != " " and usual in entry.path and '"' not in line:
            raise InputError(
                f"{path}:{number}: more than two columns",
                found=visible(line),
                expected=EXPECTED,
                hint="put the path in quotes where that is part of it",
            )
    return [entry.path for entry in found], np.array([entry.label for entry in found], np.int64)


def _labels_stand_first(path, lines, file_of):
    """Whether lines without a label at their end have it at their start: by the files there are."""
    if not all(line[0] in "+-0123456789" and _FIRST.fullmatch(line) for _, line in lines):
        return False
    whole = rest = 0
    for _, line in lines[:_TRIED]:
        whole += os.path.isfile(file_of(line))
        rest += os.path.isfile(file_of(_slashed(_FIRST.fullmatch(line).group(2), file_of)))
    if whole and not rest:
        return False
    if whole or not rest:
        number, line = lines[0]
        files = "files of both names" if whole else "no file of either name"
        raise InputError(
            f"{path}:{number}: a label and a path, or a path with a number at its start?",
            found=f"{visible(line)}: {files}",
            expected=EXPECTED,
            hint="write the label last; or give the folder that the paths start from",
        )
    return True


def _labels_first(path, lines):
    parts = [_FIRST.fullmatch(line).groups() for _, line in lines]
    labels = [whole_number(label, f"{path}:{n}") for (n, _), (label, _) in zip(lines, parts)]
    return [name.strip('"') for _, name in parts], np.array(labels, np.int64)


def _refuse_tabs(path, lines, paths):
    for (number, line), name in zip(lines, paths):
        if "\t" in name:
            raise InputError(
                f"{path}:{number}: more than two columns", found=visible(line), expected=EXPECTED
            )


def _refuse_doubtful_comments(path, comments, file_of):
    for number, line in comments:
        try:
            entry = split_label(line, f"{path}:{number}")
        except InputError:
            continue
        name = line if entry is None else entry.path
        if os.path.isfile(file_of(name)):
            raise InputError(
                f"{path}:{number}: a comment, or the image of that name?",
                found=visible(line),
                hint=f"./{name} is the image; two # begin a comment",
            )


def _slashes(paths, file_of, notes):
    changed = 0
    for row, name in enumerate(paths):
        if "\\" in name:
            paths[row] = _slashed(name, file_of)
            changed += paths[row] != name
    if changed:
        notes.append(f"backslashes read as /, {changed} paths")
    return paths


def _slashed(name, file_of):
    """The path with slashes where its file is there so, and not with its backslashes."""
    slashed = without_dot(name.replace("\\", "/"))
    return (
        slashed if not os.path.isfile(file_of(name)) and os.path.isfile(file_of(slashed)) else name
    )


def _require_readable_names(path, text, line, name, file_of):
    """Raise InputError where files bear names in the list's own bytes, not in UTF-8."""
    if text.encoding.startswith("utf") or name.isascii() or os.path.isfile(file_of(name)):
        return
    as_bytes = name.encode(text.encoding, "replace").decode("utf-8", "surrogateescape")
    if os.path.isfile(file_of(as_bytes)):
        raise InputError(
            f"{path}:{line[0]}: the file's name is in {text.encoding}, not in UTF-8",
            found=visible(name),
            hint=f"rename the files: convmv -f {text.encoding} -t utf-8 -r --notest FOLDER",
        )


def _comes_back(line, name, label):
    """Whether the reader takes a line of a list of ours for this path and label."""
    if line != line.strip(" \t").lstrip("\ufeff") or line[:1] in ("", "#"):
        return False
    if _UNWRITABLE.search(name):
        return False
    try:
        entry = split_label(line, "")
    except InputError:
        return False
    if entry is None:
        return label is None and without_dot(line) == name
    return (without_dot(entry.path), entry.label, entry.gap) == (name, label, " ")
