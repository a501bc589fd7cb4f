"""How far a figure would move with other people of the same kind: bootstrap over people."""

import numpy as np

from amcaffe.protocols.scores import checked_scores
from amcaffe.protocols.tally import false_accepts

INTERVAL_PAIRS = 2**21  # at most so many scores are kept to resample people
REPLICATES = 1000


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

    order = np.argsort(scores[same], kind="stable")[::-1]
    genuine, who = scores[same][order], left[same][order]
    # Draws differ in how often they hold the highest impostors: four times the mean is kept.
    kept = 4 * max(false_accepts(far, int((~same).sum())) for far in fars) + 100
    order = np.argsort(scores[~same], kind="stable")[::-1][:kept]
    impostor, one, other = scores[~same][order], left[~same][order], right[~same][order]

    rng = np.random.default_rng(seed)
    tars = {far: [] for far in fars}
    for _ in range(REPLICATES):
        drawn = rng.multinomial(number, np.full(number, 1 / number))
        impostors = int(np.sum(times * drawn[meetings // number] * drawn[meetings % number]))
        matched = np.concatenate([[0], np.cumsum(drawn[who])])
        if not impostors or not matched[-1]:
            continue
        false = np.cumsum(drawn[one] * drawn[other])
        for far in fars:
            at = np.searchsorted(false, false_accepts(far, impostors), side="right")
            threshold = impostor[min(int(at), len(impostor) - 1)]
            accepted = np.searchsorted(-genuine, -threshold, side="left")
            tars[far].append(matched[accepted] / matched[-1])
    tail = (1 - level) / 2
    return {far: tuple(np.quantile(tar, [tail, 1 - tail]).tolist()) for far, tar in tars.items()}
