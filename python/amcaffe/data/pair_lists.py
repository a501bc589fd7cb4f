"""Lists of image pairs, read by one rule for every step.

`FORMS` is that rule in a user's words, for --help; what is decoded and passed over before, module
`text_lists` says. Fields are separated by commas or semicolons where every line can be read so,
else by tabs in a line that has one, else by blanks. The first form that fits every line, and in
which there are matched and mismatched pairs, is the list's; where several do, it is refused.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amcaffe.data.list_lines import is_header, without_dot
from amcaffe.data.pair_forms import ONE_LINE, TWO_LINES, Unfit
from amcaffe.data.text_lists import read_text_lines
from amcaffe.data.visible import shown, visible
from amcaffe.errors import InputError

FORMS = """\
A list of pairs is one of these, fields set off by blanks, tabs, commas or semicolons:
  LFW's View 2: `10 300`, then ten times 300 lines `name n1 n2` and 300 `name1 n1 name2 n2`
  LFW's View 1: `N`, then N lines `name n1 n2` and N `name1 n1 name2 n2`, cut by --folds
  such lines without a header, cut by --folds
  lines `pathA pathB 1` for one person and `pathA pathB 0` (or -1) for two, or `1 pathA pathB`;
    True, False, Yes, No and a header are read too; cut by --folds
  two lines a pair, `pathA label` and `pathB label`: labels 1 for one person and 0 (or -1) for
    two, in both lines, or the people's own labels; or `name n1` and `name n2`; cut by --folds
Tabs keep blanks in paths. Comments (#), blank lines, CR LF, byte order marks, UTF-16 are read."""

_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class NamedPairs:
    """P pairs of images by name, as a list file has them.

    left, right: P strings; same: (P,) bool; fold: (P,) int64 from 0; lines: (P,) int64, the
    number of each pair's first line; rule: sentences that say how the pairs came about.
    """

    left: list[str]
    right: list[str]
    same: np.ndarray
    fold: np.ndarray
    lines: np.ndarray
    rule: tuple[str, ...]


def read_pairs(path, folds=10, encoding=None):
    """Read a list of pairs, in any of the forms that FORMS names.

    LFW's images are called name/name_0001.jpg. Lists but View 2, which has folds of its own, are
    cut into `folds` equal parts, the matched and the mismatched pairs each in their order.

    Args: path: text file. folds: at least 2. encoding: as text_lists.read_text_lines takes it.
    Returns: NamedPairs.
    Raises: InputError: names the file and the line, and the forms.
    """
    text = read_text_lines(path, "list of pairs", FORMS, encoding)
    lines, name = text.lines, Path(path).name
    notes = [f"{name}: {note}." for note in text.notes]
    header = _header(lines[0][1])
    if header is None and len(lines) > 1 and is_header(lines[0][1]):
        notes.append(f"{name}: line {lines[0][0]} read as a header.")
        lines = lines[1:]
    elif header is not None:
        lines = lines[1:]
    read = _read(path, lines)
    if header is not None and len(header) == 2:
        fold = _view2_folds(path, read, *header)
        how = (
            f"The {header[0]} folds of {header[1]} matched and {header[1]} mismatched pairs of "
            f"{name}, as LFW's View 2 lists them."
        )
    else:
        if header is not None:
            _check_count(path, read, *header)
        fold = _cut(path, read.same, folds)
        how = (
            f"The {read.same.sum()} matched and {(~read.same).sum()} mismatched pairs of {name}"
            f"{read.how}, each cut into {folds} folds in their order."
        )
    left, right = (list(map(without_dot, names)) for names in (read.left, read.right))
    return NamedPairs(left, right, read.same, fold, read.lines, (*notes, how))


def _read(path, lines):
    """The pairs of lines, by the one form that fits."""
    unfit, one_kind = [], None
    for separator in (",", ";", None):
        if not lines or (separator and separator not in lines[0][1]):
            continue
        for forms in (ONE_LINE, TWO_LINES):
            fitting = []
            for form in forms:
                try:
                    read = form(lines, separator)
                except Unfit as error:
                    unfit.append(error)
                    continue
                if read.same.all() or not read.same.any():
                    one_kind = one_kind or read
                else:
                    fitting.append(read)
            if len(fitting) == 1:
                return fitting[0]
            if fitting:
                raise InputError(
                    f"{path}: these pairs can be read in two ways",
                    found=visible(lines[0][1]),
                    expected=FORMS,
                )
    best = max(unfit, key=lambda error: error.fitting, default=None)
    if one_kind is not None and not (one_kind.how and best and best.fitting):
        kind = "matched" if one_kind.same.all() else "mismatched"
        raise InputError(
            f"{path}: all {len(one_kind.same)} pairs are {kind}: is its column of labels constant?",
            found=visible(lines[0][1]),
            expected="matched and mismatched pairs",
        )
    if best is None:
        raise InputError(f"{path}: no pair after the header", expected=FORMS)
    number, line = lines[best.row]
    raise InputError(
        f"{path}:{number}: {best.what}",
        found=visible(line),
        expected=FORMS,
        hint="put tabs between the fields where a path has a blank",
    )


def _header(line):
    """The one or two numbers of a header, or None."""
    fields = re.split(r"[ \t,;]+", line)
    if len(fields) > 2 or not all(map(_NUMBER.fullmatch, fields)):
        return None
    return [int(field) for field in fields]


def _view2_folds(path, read, folds, half):
    """(P,) folds of View 2: in each, `half` matched and then as many mismatched pairs."""
    if folds < 2 or half < 1 or len(read.same) != 2 * folds * half:
        raise InputError(
            f"{path}: the header and the number of lines do not agree",
            found=f"{len(read.same)} pairs after the header",
            expected=f"{folds} folds of {half} matched and {half} mismatched pairs",
        )
    _check_order(path, read, half)
    return np.repeat(np.arange(folds), 2 * half)


def _check_count(path, read, count):
    """Of a header with one number: the pairs, or those of each kind, the matched ones first."""
    if len(read.same) == 2 * count:
        _check_order(path, read, count)
    elif len(read.same) != count:
        raise InputError(
            f"{path}: the header and the number of lines do not agree",
            found=f"{len(read.same)} pairs after the header",
            expected=f"{count} matched and {count} mismatched pairs, or {count} in all",
        )


def _check_order(path, read, half):
    expected = np.arange(len(read.same)) // half % 2 == 0
    if (read.same != expected).any():
        row = int(np.argmax(read.same != expected))
        kinds = ("mismatched", "matched")
        left, right = shown(read.left[row]), shown(read.right[row])
        raise InputError(
            f"{path}:{read.lines[row]}: no {kinds[int(expected[row])]} pair",
            found=f"{left} and {right}, {kinds[int(read.same[row])]}",
            expected=f"by the header, {half} matched and {half} mismatched pairs in turn",
        )


def _cut(path, same, folds):
    """(P,) folds: the matched and the mismatched pairs each in equal parts."""
    fold = np.empty(len(same), np.int64)
    if folds < 2:
        raise InputError(f"--folds {folds}: folds are 2 or more")
    for kind in (same, ~same):
        if kind.sum() < folds:
            raise InputError(
                f"{path}: too few pairs for {folds} folds",
                found=f"{same.sum()} matched and {(~same).sum()} mismatched",
                expected=f"at least {folds} of each",
                hint="ask for fewer: --folds N",
            )
        fold[kind] = np.arange(kind.sum()) * folds // kind.sum()
    return fold
