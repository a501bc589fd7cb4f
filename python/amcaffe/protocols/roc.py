"""Counts of genuine and impostor scores, and what follows from them: ROC, TAR at FAR, EER, AUC."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amcaffe.errors import InputError
from amcaffe.protocols.scores import checked_scores


@dataclass(frozen=True)
class Tally:
    """How many genuine and impostor scores lie in each of M cells, in ascending order.

    ceiling: (M,) float64 in [-1, 1], no score of a cell is above it; genuine, impostor:
    (M,) int64, not both 0. A cell is one score (`tally`), or a small range of them
    (`tally_all_pairs`), and then not where that could change a TAR or the EER.
    """

    NOISY: ClassVar[int] = 30  # false accepts below which a TAR is mostly luck ("rule of 30")
    ceiling: np.ndarray
    genuine: np.ndarray
    impostor: np.ndarray

    @property
    def pairs(self):
        """(genuine, impostor) pairs, two ints."""
        return int(self.genuine.sum()), int(self.impostor.sum())

    def roc(self):
        """The ROC curve, at every threshold that changes it.

        Returns: (far, tar): (M + 1,) float64 each, ascending from (0, 0) to (1, 1).
        """
        genuine, impostor = self.pairs
        far = np.concatenate([[0], np.cumsum(self.impostor[::-1])]) / impostor
        tar = np.concatenate([[0], np.cumsum(self.genuine[::-1])]) / genuine
        return far, tar

    def tar_at_far(self, far):
        """True-accept rate at the loosest threshold that keeps false accepts <= far.

        Args: far: false-accept rate, a fraction in (0, 1); 0.001 means 0.1 %.
        Returns: (tar, threshold): a fraction in [0, 1], and the score to exceed.
        Raises: InputError: fewer than 1 / far impostor pairs, so far cannot be resolved.
        Source: fixed-FAR protocol of BLUFR (Liao et al., IJCB 2014), which rounds the
            number of false accepts to the nearest; here it never passes far.
        """
        genuine, impostor = self.pairs
        at = self._far_cell(far)
        tar = int(self.genuine[at + 1 :].sum()) / genuine
        return tar, float(self.ceiling[at])

    def _far_cell(self, far):
        """Index of the highest cell that no longer fits into far."""
        allowed = false_accepts(far, self.pairs[1])
        if allowed < 1:
            raise InputError(
                f"a FAR of {far:g} cannot be measured on {self.pairs[1]} impostor pairs",
                expected=f"at least {math.ceil(1 / far)}",
                hint="score more images or ask for a larger FAR",
            )
        above = np.searchsorted(np.cumsum(self.impostor[::-1]), allowed, side="right")
        return len(self.ceiling) - 1 - int(above)

    def eer(self):
        """Equal error rate: where FAR = 1 - TAR on the ROC curve, joined by straight lines.

        Returns: a fraction in [0, 1].
        """
        far, tar = self.roc()
        above = len(self.ceiling) - self._eer_cell()
        gap = far + tar - 1  # ascends from -1 to 1
        share = gap[above - 1] / (gap[above - 1] - gap[above])
        return float(far[above - 1] + share * (far[above] - far[above - 1]))

    def _eer_cell(self):
        """Index of the cell in which FAR overtakes 1 - TAR."""
        far, tar = self.roc()
        return len(self.ceiling) - int(np.argmax(far + tar - 1 >= 0))

    def auc(self):
        """Area under the ROC curve: P(genuine > impostor) + P(equal) / 2, a fraction in [0, 1].

        Two scores in one cell count as equal: exact from `tally`; from `tally_all_pairs`,
        whose cells are 2e-6 wide, off by at most half the chance of such a meeting.
        """
        far, tar = self.roc()
        return float(np.sum(np.diff(far) * (tar[1:] + tar[:-1])) / 2)

    def tar_at_fars(self, fars):
        """The ROC curve thinned out: its TAR at each of `fars`, none of them passed.

        Args: fars: (K,) float, fractions; below 1 / impostors the TAR is that of no false accept.
        Returns: (K,) float64. Where tar_at_far gives a figure it is the same one.
        """
        far, tar = self.roc()
        return tar[np.searchsorted(far, fars, side="right") - 1]

    def histogram(self, bins):
        """(genuine, impostor): (bins,) int64 each, over equal parts of [-1, 1]."""
        index = np.clip(np.ceil((self.ceiling + 1) * (bins / 2)).astype(int) - 1, 0, bins - 1)
        return tuple(
            np.bincount(index, kind, bins).astype(np.int64)
            for kind in (self.genuine, self.impostor)
        )


def resolved_well(far, impostors):
    """Whether so many impostor pairs leave Tally.NOISY false accepts or more at a FAR."""
    return false_accepts(far, impostors) >= Tally.NOISY


def false_accepts(far, impostors):
    """Largest whole k with k / impostors <= far, judged in float64."""
    if not 0 < far < 1:
        raise InputError(f"a FAR is a fraction between 0 and 1, not {far:g}")
    k = int(far * impostors)
    return k + 1 if (k + 1) / impostors <= far else k


def tally(scores, same):
    """Count listed scores, a cell for each distinct one.

    Args:
        scores: (P,) float in [-1, 1], one a pair.
        same: (P,) bool, True where both images show one person.
    Raises: InputError: lengths differ, a score is NaN or out of range, or one kind is missing.
    """
    scores, same = checked_scores(scores, same)
    ceiling, cell = np.unique(scores, return_inverse=True)
    total = np.bincount(cell)
    genuine = np.bincount(cell[same], minlength=len(ceiling))
    return Tally(ceiling, genuine, total - genuine)


def tar_at_far(scores, same, far):
    """`Tally.tar_at_far` of a list of pairs; see there, and `tally` for scores and same."""
    return tally(scores, same).tar_at_far(far)
