"""How far a figure would move with other people of the same kind: bootstrap over people."""

import numpy as np

from amcaffe.protocols.roc import false_accepts
from amcaffe.protocols.scores import checked_scores

INTERVAL_PAIRS = 2**21  # at most so many scores are kept to resample people
REPLICATES = 1000
FIRST = 100  # impostor pairs that any draw looks at


def tar_intervals(scores, same, left, right, fars, seed=0, level=0.95):
    """Confidence intervals of TAR at FAR for the people met, by resampling people.

    People, not pairs, are drawn with replacement, since pairs that share a person are not
    independent. A person drawn k times brings the genuine pairs k times, and k * l times the
    impostor pairs with one drawn l times. Each draw finds its own threshold.

    Args:
        scores, same: as for tally.
        left, right: (P,) int, the person on each image of a pair.
        fars: fractions in (0, 1) that the pairs can resolve.
        seed: int, of the draws.
        level: share of 1000 draws inside the interval.
    Returns: {far: (low, high)}, fractions.
    Source: the subsets bootstrap (Bolle, Ratha and Pankanti, CVIU 93, 2004).
    """
    scores, same = checked_scores(scores, same)
    _, people = np.unique(np.concatenate([left, right]), return_inverse=True)
    left, right = np.split(people, 2)
    number = int(people.max()) + 1
    meetings, times = np.unique(left[~same] * number + right[~same], return_counts=True)
    meetings = np.divmod(meetings, number)

    order = np.argsort(scores[same], kind="stable")[::-1]
    descent, who = -scores[same][order], left[same][order]
    order = np.argsort(scores[~same], kind="stable")[::-1]
    impostor, one, other = scores[~same][order], left[~same][order], right[~same][order]
    first = FIRST + 2 * max(false_accepts(far, len(impostor)) for far in fars)

    rng = np.random.default_rng(seed)
    tars = {far: [] for far in fars}
    for _ in range(REPLICATES):
        drawn = rng.multinomial(number, np.full(number, 1 / number))
        impostors = int(np.sum(times * drawn[meetings[0]] * drawn[meetings[1]]))
        matched = np.concatenate([[0], np.cumsum(drawn[who])])
        if not impostors or not matched[-1]:
            continue
        allowed = {far: false_accepts(far, impostors) for far in fars}
        false = _false_accepts(drawn, one, other, max(allowed.values()), first)
        for far in fars:
            threshold = impostor[np.searchsorted(false, allowed[far], side="right")]
            accepted = np.searchsorted(descent, -threshold, side="left")
            tars[far].append(matched[accepted] / matched[-1])
    tail = (1 - level) / 2
    return {far: tuple(np.quantile(tar, [tail, 1 - tail]).tolist()) for far, tar in tars.items()}


def _false_accepts(drawn, one, other, allowed, first):
    """How many impostor pairs a draw holds down to each score, until there are more than allowed.

    Most draws need as many of the highest pairs as the people themselves, but one that lacks
    those who resemble each other needs any number more: what is looked at doubles until it does.

    Args: one, other: the people of the impostor pairs, highest score first. allowed: fewer than
        the draw has in all. first: pairs to begin with.
    """
    false = np.cumsum(drawn[one[:first]] * drawn[other[:first]])
    while false[-1] <= allowed:
        more = slice(len(false), 2 * len(false))
        added = np.cumsum(drawn[one[more]] * drawn[other[more]])
        false = np.concatenate([false, false[-1] + added])
    return false
