"""1:1 verification: every figure of one set of features on pairs of images.

A pair is accepted where its score exceeds a threshold. A genuine pair shows one
person, an impostor pair two. NumPy only: no caffe, no cv2, no files.
"""

from dataclasses import dataclass
from typing import ClassVar, Optional

import numpy as np

from amcaffe.errors import InputError
from amcaffe.protocols.alike import ALIKE, mean_cosine
from amcaffe.protocols.all_pairs import tally_all_pairs
from amcaffe.protocols.folds import FoldAccuracy, fold_accuracy
from amcaffe.protocols.hardest import Hardest, hardest_of_all_pairs, hardest_of_list
from amcaffe.protocols.intervals import INTERVAL_PAIRS, tar_intervals
from amcaffe.protocols.roc import Tally, tally
from amcaffe.protocols.scores import pair_scores, unit_rows

MEASURES = (
    (
        "Score",
        "Cosine similarity of two features; a pair is accepted where it exceeds a threshold.",
    ),
    (
        "Accuracy",
        "Of each fold, at the threshold that is best on the other folds: every distinct score "
        "is tried, and of equally good thresholds the middle of the widest gap is taken. Mean "
        "over the folds and standard deviation (ddof 1). No mean is subtracted, no projection "
        "fitted.",
    ),
    (
        "TAR at FAR",
        "Share of genuine pairs accepted at the loosest threshold that accepts at most the given "
        "share of impostor pairs (BLUFR's rule, rounded down). The threshold is found on the "
        "pairs that are counted.",
    ),
    (
        "Interval",
        "95 % of 1000 bootstrap draws of people, each with its own threshold: how far the figure "
        "would move with other people of the same kind.",
    ),
    ("EER, AUC", "Where FAR equals 1 - TAR on the ROC curve; the area under it."),
)
OF_ALL = "TAR, EER and AUC are over all pairs of the images."
OF_LIST = "TAR, EER and AUC are over the pairs of the list."


@dataclass(frozen=True)
class Verification:
    """What one set of features scores.

    rules: sentences that say which pairs were scored, and which are behind which figure;
    measures: (name, definition) of each figure.
    folds: FoldAccuracy on listed pairs, fold_pairs (genuine, impostor) of them.
    tally: counts of the pairs behind all else; eer, auc: fractions.
    tar: {far: (tar, threshold)}, or {far: None} where the pairs cannot resolve far;
    unresolved: {far: why}. intervals: {far: (low, high)}, 95 %, or {} where not computed.
    hardest: (genuine, impostor), Hardest each.
    mean_cosine: between features of different people, or, without people, of all pairs; None
    where no people differ.
    """

    measures: ClassVar[tuple[tuple[str, str], ...]] = MEASURES
    rules: tuple[str, ...]
    folds: FoldAccuracy
    fold_pairs: tuple[int, int]
    tally: Tally
    eer: float
    auc: float
    tar: dict[float, Optional[tuple[float, float]]]
    unresolved: dict[float, str]
    intervals: dict[float, tuple[float, float]]
    hardest: tuple[Hardest, Hardest]
    mean_cosine: Optional[float]

    @property
    def threshold(self):
        """Mean over the folds of the thresholds chosen on the others, a score."""
        return float(self.folds.thresholds.mean())

    @property
    def doubt(self):
        """Why the figures say nothing, a sentence, or None."""
        if self.mean_cosine is None or self.mean_cosine <= ALIKE:
            return None
        return (
            f"features are all alike: the mean cosine between them is {self.mean_cosine:.6f}, so "
            "the figures tell small differences and chance; see that the net has learnt anything"
        )

    def figures(self):
        """The figures as plain numbers and text for a report.json; rates are fractions."""
        matched, mismatched = self.fold_pairs
        genuine, impostor = self.tally.pairs
        return {
            "doubt": self.doubt,
            "mean_cosine": self.mean_cosine,
            "accuracy": self.folds.mean,
            "accuracy_std": self.folds.std,
            "accuracy_per_fold": self.folds.accuracies.tolist(),
            "threshold": self.threshold,
            "threshold_per_fold": self.folds.thresholds.tolist(),
            "tar_at_far": {f"{far:g}": found and found[0] for far, found in self.tar.items()},
            "tar_threshold": {f"{far:g}": found and found[1] for far, found in self.tar.items()},
            "tar_interval_95": {f"{far:g}": list(pair) for far, pair in self.intervals.items()},
            "tar_unresolved": {f"{far:g}": reason for far, reason in self.unresolved.items()},
            "eer": self.eer,
            "auc": self.auc,
            "pairs": {
                "accuracy": {"matched": matched, "mismatched": mismatched},
                "tar": {"matched": genuine, "mismatched": impostor},
            },
        }


def verify(
    features, pairs, people, fars=(0.01, 0.001), all_pairs=True, seed=0, names=None, hardest=8
):
    """Every figure of one set of features.

    Args:
        features: (N, D), as for unit_rows.
        pairs: data.pairs.Pairs; the accuracy is over these.
        people: (N,) int, the person on each image, or None.
        fars: fractions in (0, 1).
        all_pairs: whether TAR, EER, AUC and the curve are over all N (N - 1) / 2 pairs
            (needs people), or over `pairs`.
        seed: of the intervals.
        names: N strings for error messages, or None.
        hardest: how many pairs of each kind to name.
    Returns: Verification.
    """
    rows = unit_rows(features, names)
    listed = pair_scores(rows, pairs.left, pairs.right)
    folds = fold_accuracy(listed, pairs.same, pairs.fold)
    left, right, scores, same = pairs.left, pairs.right, listed, pairs.same
    if all_pairs:
        counts = tally_all_pairs(rows, people, fars)
        worst = hardest_of_all_pairs(rows, people, hardest)
    else:
        counts = tally(listed, pairs.same)
        worst = hardest_of_list(listed, left, right, same, hardest)
    tar, unresolved = {}, {}
    for far in fars:
        try:
            tar[far] = counts.tar_at_far(far)
        except InputError as error:
            tar[far], unresolved[far] = None, f"{error.what}; needs {error.expected}"
    resolved = [far for far in fars if tar[far]]
    intervals = {}
    if people is not None and resolved and sum(counts.pairs) <= INTERVAL_PAIRS:
        if all_pairs:
            left, right = np.tril_indices(len(rows), -1)
            scores, same = pair_scores(rows, left, right), people[left] == people[right]
        intervals = tar_intervals(scores, same, people[left], people[right], resolved, seed)
    return Verification(
        (*pairs.rule, OF_ALL if all_pairs else OF_LIST),
        folds,
        (int(pairs.same.sum()), int((~pairs.same).sum())),
        counts,
        counts.eer(),
        counts.auc(),
        tar,
        unresolved,
        intervals,
        worst,
        mean_cosine(rows, people),
    )
