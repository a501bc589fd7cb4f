"""Lists of image pairs for 1:1 verification, and the images that they name."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Optional

import numpy as np

from amcaffe.data.lists import numbered_lines
from amcaffe.errors import InputError

SHOWN = 5  # missing images named in an error


@dataclass(frozen=True)
class Pairs:
    """P pairs of images, in folds.

    left, right: (P,) int64 rows of the images; same: (P,) bool, True for one person;
    fold: (P,) int64 from 0. rule: sentences that say how the pairs came about.
    shared: whether a person stands in more than one fold; None where people are not known.
    """

    left: np.ndarray
    right: np.ndarray
    same: np.ndarray
    fold: np.ndarray
    rule: tuple[str, ...]
    shared: Optional[bool]


@dataclass(frozen=True)
class NamedPairs:
    """P pairs of images by name, as a list file has them.

    left, right: P strings; same: (P,) bool; fold: (P,) int64; rule: as in Pairs.
    """

    left: list[str]
    right: list[str]
    same: np.ndarray
    fold: np.ndarray
    rule: tuple[str, ...]


def read_pairs(path, folds=10):
    """Read a list of pairs: LFW's pairs.txt, or one `pathA pathB 0|1` a line.

    pairs.txt is known by its first line, `folds<TAB>n`; then come, for each fold, n lines
    `name n1 n2` (matched) and n lines `name1 n1 name2 n2`, tabs between. Its images are
    called name/name_0001.jpg. In a plain list 1 is a matched pair; fields are separated by
    tabs where the line has one and by blanks otherwise, and the matched and the mismatched
    pairs are each cut into `folds` equal parts in their order.

    Args: path: UTF-8 text file. folds: of a plain list; pairs.txt has its own number.
    Returns: NamedPairs.
    Raises: InputError: names the file and the line.
    """
    lines = numbered_lines(path, "list of pairs")
    header = lines[0][1].split("\t")
    if len(header) == 2 and all(field.isdecimal() for field in header):
        return _read_lfw(path, lines[1:], int(header[0]), int(header[1]))
    return _read_plain(path, lines, folds)


def _read_lfw(path, lines, folds, half):
    if folds < 2 or half < 1 or len(lines) != 2 * folds * half:
        raise InputError(
            f"{path}: the header and the number of lines do not agree",
            found=f"{len(lines)} pairs after the header",
            expected=f"{folds} folds of {half} matched and {half} mismatched pairs",
        )
    left, right, same = [], [], []
    for k, (number, line) in enumerate(lines):
        matched = k // half % 2 == 0
        fields = line.split("\t")
        numbers = fields[1:] if matched else fields[1::2]
        if len(fields) != 4 - matched or not all(text.isdecimal() for text in numbers):
            raise InputError(
                f"{path}:{number}: no {'matched' if matched else 'mismatched'} pair",
                found=repr(line),
                expected="name<TAB>n1<TAB>n2" if matched else "name1<TAB>n1<TAB>name2<TAB>n2",
            )
        names = [fields[0], fields[0] if matched else fields[2]]
        for side, name, index in zip((left, right), names, numbers):
            side.append(f"{name}/{name}_{int(index):04d}.jpg")
        same.append(matched)
    rule = (
        f"The {folds} folds of {half} matched and {half} mismatched pairs of "
        f"{Path(path).name}, as LFW's View 2 lists them.",
    )
    fold = np.repeat(np.arange(folds), 2 * half)
    return NamedPairs(left, right, np.array(same), fold, rule)


def _read_plain(path, lines, folds):
    left, right, same = [], [], []
    for number, line in lines:
        fields = line.split("\t") if "\t" in line else line.split()
        if len(fields) != 3 or not all(fields) or fields[2] not in ("0", "1"):
            raise InputError(
                f"{path}:{number}: no pair",
                found=repr(line),
                expected="`pathA pathB 1` for one person, `pathA pathB 0` for two",
                hint="put tabs between the fields where a path has a blank",
            )
        left.append(fields[0])
        right.append(fields[1])
        same.append(fields[2] == "1")
    same = np.array(same)
    fold = np.empty(len(same), np.int64)
    for kind in (same, ~same):
        if kind.sum() < folds:
            raise InputError(
                f"{path}: too few pairs for {folds} folds",
                found=f"{same.sum()} matched and {(~same).sum()} mismatched",
                expected=f"at least {folds} of each",
            )
        fold[kind] = np.arange(kind.sum()) * folds // kind.sum()
    rule = (
        f"The {same.sum()} matched and {(~same).sum()} mismatched pairs of {Path(path).name}, "
        f"each cut into {folds} folds in their order.",
    )
    return NamedPairs(left, right, same, fold, rule)


def locate(named, paths, people=None, allow_missing=False):
    """Find the images of named pairs among those that have features.

    An image is the one whose path is the name, else the only one whose path ends in the
    name, file endings apart: a/b/Ann_0001.png is Ann/Ann_0001.jpg where b is Ann.

    Args:
        named: NamedPairs.
        paths: N distinct strings, in the order of the features.
        people: (N,) int, to see whether folds share people, or None.
        allow_missing: leave out pairs with an image that is missing, and say how many.
    Returns: Pairs, in the order of `named`.
    Raises: InputError: images are missing, or a name fits several paths; names them.
    """
    find = _Finder(paths)
    rows = np.array([[find(name) for name in side] for side in (named.left, named.right)])
    kept = (rows >= 0).all(axis=0)
    rule = named.rule
    if not kept.all():
        wanted = zip(named.left + named.right, rows.ravel())
        missing = list(dict.fromkeys(name for name, row in wanted if row < 0))
        if not allow_missing:
            more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
            raise InputError(
                f"{len(missing)} images of the pairs have no feature, in {int((~kept).sum())} "
                f"of {len(kept)} pairs",
                found=", ".join(missing[:SHOWN]) + more + " missing",
                hint="extract them too, or go on without these pairs: --allow-missing",
            )
        lost = Counter((named.fold[~kept] + 1).tolist())
        each = ", ".join(f"{lost[k]} in fold {k}" for k in sorted(lost))
        rule += (
            f"{int((~kept).sum())} of {len(kept)} pairs left out, as {len(missing)} of their "
            f"images have no feature: {each}. This is not the published protocol.",
        )
    left, right = rows[:, kept]
    same, fold = named.same[kept], named.fold[kept]
    if not same.any() or same.all() or len(np.unique(fold)) < 2:
        raise InputError(
            "the pairs that have features are no folds of matched and mismatched pairs",
            found=f"{int(same.sum())} matched, {int((~same).sum())} mismatched pairs",
        )
    shared = None
    if people is not None:
        met = {(person, k) for side in (left, right) for person, k in zip(people[side], fold)}
        shared = len(met) > len({person for person, _ in met})
        rule += ("The folds share people." if shared else "No person stands in two folds.",)
    return Pairs(left, right, same, fold, rule, shared)


class _Finder:
    """Rows of names: find(name) is a row of paths, or -1."""

    def __init__(self, paths):
        self._paths = paths
        self._rows = {path: row for row, path in enumerate(paths)}
        self._ends = {}

    def __call__(self, name):
        row = self._rows.get(name)
        if row is not None:
            return row
        key = _parts(name)
        if len(key) not in self._ends:
            ends = self._ends[len(key)] = {}
            for row, path in enumerate(self._paths):
                ends.setdefault(_parts(path)[-len(key) :], []).append(row)
        rows = self._ends[len(key)].get(key, [])
        if len(rows) > 1:
            raise InputError(
                f"which image is {name}? Several features fit",
                found=", ".join(self._paths[row] for row in rows[:SHOWN]),
            )
        return rows[0] if rows else -1


def _parts(path):
    """The parts of a path, the last without its ending."""
    path = PurePosixPath(path)
    return (*path.parent.parts, path.stem)
