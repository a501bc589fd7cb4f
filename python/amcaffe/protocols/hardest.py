"""The pairs most wrongly scored, of a list or of all."""

from dataclasses import dataclass

import numpy as np

from amcaffe.protocols.all_pairs import tiles
from amcaffe.protocols.scores import ONE


@dataclass(frozen=True)
class Hardest:
    """The pairs most wrongly scored: (K,) int64 rows left < right, (K,) float64 scores, each."""

    left: np.ndarray
    right: np.ndarray
    score: np.ndarray


def hardest_of_all_pairs(rows, labels, count):
    """The genuine pairs of lowest and the impostor pairs of highest score, of all pairs.

    Args: rows, labels: as for tally_all_pairs. count: how many of each, at least 1.
    Returns: (genuine, impostor): Hardest each, the worst first; equal scores by row.
    """
    _, people = np.unique(labels, return_inverse=True)
    worst = [np.empty((3, 0), np.int64), np.empty((3, 0), np.int64)]
    for units, same, place in tiles(rows, people):
        for kind, (mask, cost) in enumerate(((same, units), (~same, -units))):
            at = np.flatnonzero(mask)
            if len(at) > count:  # the count-th smallest and all that equal it
                at = at[cost[at] <= np.partition(cost[at], count - 1)[count - 1]]
            right, left = place(at)
            found = np.concatenate([worst[kind], [cost[at], left, right]], axis=1)
            order = np.lexsort((found[2], found[1], found[0]))[:count]
            worst[kind] = found[:, order]
    return tuple(
        Hardest(left, right, sign * cost / ONE) for sign, (cost, left, right) in zip((1, -1), worst)
    )


def hardest_of_list(scores, left, right, same, count):
    """As hardest_of_all_pairs, of (P,) listed pairs."""
    hardest = []
    for sign, kind in ((1, same), (-1, ~same)):
        at = np.flatnonzero(kind)
        at = at[np.lexsort((right[at], left[at], sign * scores[at]))[:count]]
        hardest.append(Hardest(left[at], right[at], scores[at]))
    return tuple(hardest)
