"""Accuracy by cross-validation: each fold at the threshold that is best on the others."""

from dataclasses import dataclass

import numpy as np

from amcaffe.errors import InputError
from amcaffe.protocols.roc import tally
from amcaffe.protocols.scores import checked_scores


def best_threshold(scores, same):
    """The threshold that decides most pairs rightly.

    Each gap between neighbouring distinct scores is tried, and those to -1 and to 1. Of the
    gaps that are equally good the widest is taken, of equally wide ones the lowest; the
    threshold is its middle.

    Args: scores, same: as for tally.
    Returns: (threshold, accuracy): the score to exceed, and a fraction in [0, 1].
    """
    return _best_threshold(tally(scores, same))


def _best_threshold(counts):
    genuine, impostor = counts.pairs
    rejected = np.concatenate([[0], np.cumsum(counts.impostor)])
    missed = np.concatenate([[0], np.cumsum(counts.genuine)])
    right = rejected + genuine - missed  # for the gap below cell 0, 1, ... and above the last
    low = np.concatenate([[-1.0], counts.ceiling])
    high = np.concatenate([counts.ceiling, [1.0]])
    gap = int(np.argmax(np.where(right == right.max(), high - low, -1)))
    middle = (low[gap] + high[gap]) / 2
    if gap < len(counts.ceiling) and middle >= high[gap]:  # neighbours in float64, or at -1
        middle = np.nextafter(high[gap], -2)
    return float(middle), float(right[gap] / (genuine + impostor))


@dataclass(frozen=True)
class FoldAccuracy:
    """accuracies, thresholds: (F,) float64, of each fold by the threshold of the others."""

    accuracies: np.ndarray
    thresholds: np.ndarray

    @property
    def mean(self):
        return float(self.accuracies.mean())

    @property
    def std(self):
        """Standard deviation over the folds, ddof 1; / sqrt(F) it is LFW's standard error."""
        return float(self.accuracies.std(ddof=1))


def fold_accuracy(scores, same, fold):
    """Accuracy on each fold at the threshold that is best on all other folds together.

    Args:
        scores, same: as for tally.
        fold: (P,) int, the fold of a pair; at least two different ones.
    Source: LFW's View 2 (Huang et al., 2007); `best_threshold` says how ties are broken.
    """
    scores, same = checked_scores(scores, same)
    fold = np.asarray(fold)
    folds = np.unique(fold)
    if fold.shape != scores.shape or len(folds) < 2:
        raise InputError(
            "cross-validation needs a fold for each pair, and two folds or more",
            found=f"{len(folds)} folds, {fold.size} fold numbers for {scores.size} pairs",
        )
    accuracies, thresholds = np.empty((2, len(folds)))
    for k, number in enumerate(folds):
        test = fold == number
        thresholds[k] = best_threshold(scores[~test], same[~test])[0]
        accuracies[k] = np.mean((scores[test] > thresholds[k]) == same[test])
    return FoldAccuracy(accuracies, thresholds)
