"""Pairs of images for 1:1 verification: those of a list, found among the images at hand."""

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Optional

import numpy as np

from amcaffe.data.pair_checks import remarks
from amcaffe.data.visible import shown
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


def locate(named, paths, people=None, allow_missing=False):
    """Find the images of named pairs among those that have features.

    An image is the one whose path is the name, else the only one whose path ends in the
    name, file endings apart: a/b/Ann_0001.png is Ann/Ann_0001.jpg where b is Ann.

    Args:
        named: NamedPairs.
        paths: N distinct strings, in the order of the features.
        people: (N,) int, to see whether folds share people, or None.
        allow_missing: leave out pairs with an image that is missing, and say how many.
    Returns: Pairs, in the order of `named`; its rule says what pair_checks.remarks does.
    Raises: InputError: images are missing, a name fits several paths, or the labels of the pairs
        are the other way round; names them.
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
                found=", ".join(map(shown, missing[:SHOWN])) + more + " missing",
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
    rule += remarks(left, right, same, named.lines[kept], paths, people)
    return Pairs(left, right, same, fold, rule, shared)


class _Finder:
    """Rows of names: find(name) is a row of paths, or -1."""

    def __init__(self, paths):
        self._paths = paths
        self._rows = {path: row for row, path in enumerate(paths)}
        self._ends = {}

    def __call__(self, name):
        row = self._rows.get(name, self._rows.get(name.replace("\\", "/")))
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
                f"which image is {shown(name)}? Several features fit",
                found=", ".join(shown(self._paths[row]) for row in rows[:SHOWN]),
            )
        return rows[0] if rows else -1


def _parts(path):
    """The parts of a path, the last without its ending; a backslash is a slash."""
    path = PurePosixPath(path.replace("\\", "/"))
    return (*path.parent.parts, path.stem)
