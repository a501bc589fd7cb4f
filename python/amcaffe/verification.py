"""Scores and figures for 1:1 face verification. NumPy only: no caffe, no cv2, no files.

A score is a cosine similarity in [-1, 1]; larger means "same person". A pair is
accepted where its score exceeds a threshold. A genuine pair shows one person, an
impostor pair two.

Scores are the same to the last bit whatever the order of the images, the size of
a block or the BLAS: unit vectors are rounded to whole steps of 2**-26, which makes
each partial sum of a dot product a whole number below 2**53, exact in float64. The
rounding moves a score by about 1e-8, less than float32 arithmetic does.
"""

import math
from dataclasses import dataclass
from typing import Optional

import numpy as np

from amcaffe.errors import InputError

STEP = 2.0**26  # steps to 1 in a component of a unit vector
ONE = 2**52  # a score of 1, in the units of a product of two such vectors
CELLS, CELL = 2**20, 2**33  # cells of the first count of all pairs, and the units in one
TILE = 2048  # rows of a block of all pairs: 32 MiB of scores
INTERVAL_PAIRS = 2**21  # at most so many scores are kept to resample people
REPLICATES = 1000


def unit_rows(features, names=None):
    """Features scaled to length 1, in steps of 2**-26: what scores are made of.

    Args:
        features: (N, D) real, finite, no row all zeros.
        names: N strings (paths) for error messages, or None.
    Returns: (N, D) float64 holding whole numbers; a row's length is 2**26.
    Raises: InputError: another shape, or a row that is zero or not finite; names the row.
    """
    matrix = np.array(features, dtype=np.float64, order="C", ndmin=1)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise InputError(
            "features are a matrix with a row an image",
            found=f"shape {matrix.shape}",
            expected="(N, D), N and D positive",
        )
    _no_row(~np.isfinite(matrix).all(axis=1), "is not finite", "a net that diverged", names)
    peak = np.abs(matrix).max(axis=1, keepdims=True)
    _no_row(peak[:, 0] == 0, "is all zeros: it has no direction", "a dead layer", names)
    matrix /= peak  # so that squares neither overflow nor vanish
    matrix *= STEP / np.sqrt(np.square(matrix).sum(axis=1, keepdims=True))
    return np.rint(matrix, out=matrix)


def _no_row(bad, what, cause, names):
    if bad.any():
        row = int(np.argmax(bad))
        name = f" ({names[row]})" if names is not None else ""
        raise InputError(
            f"the feature in row {row}{name} {what}",
            found=f"{int(bad.sum())} such of {len(bad)}",
            hint=f"{cause} makes such features; look at the net, then extract again",
        )


def pair_scores(rows, left, right):
    """Cosine similarity of listed pairs.

    Args:
        rows: (N, D) from unit_rows.
        left, right: (P,) int, rows of the two images of a pair.
    Returns: (P,) float64 in [-1, 1].
    """
    scores = np.empty(len(left))
    for start in range(0, len(left), TILE):
        part = slice(start, start + TILE)
        np.einsum("pd,pd->p", rows[left[part]], rows[right[part]], out=scores[part])
    return np.clip(scores / ONE, -1, 1)


@dataclass(frozen=True)
class Tally:
    """How many genuine and impostor scores lie in each of M cells, in ascending order.

    ceiling: (M,) float64 in [-1, 1], no score of a cell is above it; genuine, impostor:
    (M,) int64, not both 0. A cell is one score (`tally`), or a small range of them
    (`tally_all_pairs`), and then not where that could change a TAR or the EER.
    """

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
    scores, same = _checked(scores, same)
    ceiling, cell = np.unique(scores, return_inverse=True)
    total = np.bincount(cell)
    genuine = np.bincount(cell[same], minlength=len(ceiling))
    return Tally(ceiling, genuine, total - genuine)


def _checked(scores, same):
    scores, same = np.asarray(scores, np.float64), np.asarray(same)
    if scores.ndim != 1 or same.shape != scores.shape or same.dtype != bool:
        raise InputError(
            "scores and same are two lists of one length",
            found=f"{scores.shape} {scores.dtype} and {same.shape} {same.dtype}",
            expected="(P,) float and (P,) bool",
        )
    wrong = ~((scores >= -1) & (scores <= 1))
    if wrong.any():
        pair = int(np.argmax(wrong))
        raise InputError(f"the score of pair {pair} is no cosine", found=f"{scores[pair]}")
    _both_kinds(int(same.sum()), int((~same).sum()))
    return scores, same


def _both_kinds(genuine, impostor):
    if not genuine or not impostor:
        raise InputError(
            "verification needs pairs of one person and pairs of two",
            found=f"{genuine} genuine and {impostor} impostor pairs",
            hint="give two people or more, one of them at least with two images",
        )


def tar_at_far(scores, same, far):
    """`Tally.tar_at_far` of a list of pairs; see there, and `tally` for scores and same."""
    return tally(scores, same).tar_at_far(far)


def tally_all_pairs(rows, labels, fars=()):
    """Count the scores of all N (N - 1) / 2 pairs, none of which is stored.

    Cells are 2e-6 wide. One that holds both kinds, and in which the threshold of a FAR
    of `fars` or the EER falls, is counted anew in ever smaller cells until it has one
    kind or is one score. So those figures are exact, after two or three passes.
    Memory: 24 MiB of counts, the rows, and 150 MiB for a block of 2048 x 2048 scores.

    Args:
        rows: (N, D) from unit_rows.
        labels: (N,) int, the person on each image.
        fars: fractions in (0, 1); those that the pairs cannot resolve are passed over.
    Raises: InputError: all images of one person, or each of another.
    """
    _, people = np.unique(labels, return_inverse=True)
    each = np.bincount(people)
    genuine = int(np.sum(each * (each - 1) // 2))
    impostor = len(people) * (len(people) - 1) // 2 - genuine
    _both_kinds(genuine, impostor)
    fars = [far for far in fars if false_accepts(far, impostor) >= 1]

    counts = np.zeros((2, CELLS + 1), np.int64)  # cell 0 holds a score of exactly -1
    for units, same, _ in _tiles(rows, people):
        index = ((units + (ONE - 1)) >> 33) + 1
        index[same] += CELLS + 1
        counts += np.bincount(index, minlength=counts.size).reshape(counts.shape)
    ceiling = np.arange(CELLS + 1) * CELL - ONE
    width = np.full(CELLS + 1, CELL)
    while True:
        used = counts.any(axis=0)
        counts, ceiling, width = counts[:, used], ceiling[used], width[used]
        found = Tally(ceiling / ONE, counts[1], counts[0])
        deciding = {found._eer_cell(), *(found._far_cell(far) for far in fars)}
        split = [cell for cell in deciding if counts[:, cell].all() and width[cell] > 1]
        if not split:
            return found
        parts = [_split(rows, people, ceiling[cell], width[cell]) for cell in split]
        counts = np.delete(counts, split, axis=1)
        counts = np.concatenate([counts, *(part[0] for part in parts)], axis=1)
        ceiling = np.concatenate([np.delete(ceiling, split), *(part[1] for part in parts)])
        width = np.concatenate([np.delete(width, split), *(part[2] for part in parts)])
        order = np.argsort(ceiling)
        counts, ceiling, width = counts[:, order], ceiling[order], width[order]


def _split(rows, people, ceiling, width):
    """Counts (2, n), ceilings and widths of a cell cut into at most 2**17 equal ones."""
    shift = max(0, int(width).bit_length() - 1 - 17)
    number = int(width) >> shift
    counts = np.zeros((2, number), np.int64)
    for units, same, _ in _tiles(rows, people):
        inside = (units > ceiling - width) & (units <= ceiling)
        index = (units[inside] - (ceiling - width + 1)) >> shift
        index[same[inside]] += number
        counts += np.bincount(index, minlength=counts.size).reshape(counts.shape)
    ceilings = ceiling - width + ((np.arange(number) + 1) << shift)
    return counts, ceilings, np.full(number, 1 << shift)


def _tiles(rows, people):
    """All pairs in blocks: (units, same, place).

    units: (n,) int64 scores in units of 2**-52; same: (n,) bool; place: function of
    (k,) positions in these that gives the two rows of each, (k,) int each.
    """
    for top in range(0, len(rows), TILE):
        for left in range(0, top + 1, TILE):
            a, b = slice(top, top + TILE), slice(left, left + TILE)
            units = np.clip(rows[a] @ rows[b].T, -ONE, ONE).astype(np.int64)
            same = people[a, None] == people[None, b]
            if top == left:
                lower = np.tril_indices(len(units), -1)
                yield units[lower], same[lower], _placer(lower, top)
            else:
                yield units.ravel(), same.ravel(), _unraveller(units.shape, top, left)


def _placer(indices, start):
    return lambda at: (indices[0][at] + start, indices[1][at] + start)


def _unraveller(shape, top, left):
    def place(at):
        i, j = np.divmod(at, shape[1])
        return i + top, j + left

    return place


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
    for units, same, place in _tiles(rows, people):
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
    scores, same = _checked(scores, same)
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
    scores, same = _checked(scores, same)
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


@dataclass(frozen=True)
class Verification:
    """What one set of features scores.

    folds: FoldAccuracy on listed pairs, fold_pairs (genuine, impostor) of them.
    tally: counts of the pairs behind all else; eer, auc: fractions.
    tar: {far: (tar, threshold)}, or {far: None} where the pairs cannot resolve far;
    unresolved: {far: why}. intervals: {far: (low, high)}, 95 %, or {} where not computed.
    hardest: (genuine, impostor), Hardest each.
    """

    folds: FoldAccuracy
    fold_pairs: tuple[int, int]
    tally: Tally
    eer: float
    auc: float
    tar: dict[float, Optional[tuple[float, float]]]
    unresolved: dict[float, str]
    intervals: dict[float, tuple[float, float]]
    hardest: tuple[Hardest, Hardest]


def verify(
    features, pairs, people, fars=(0.01, 0.001), all_pairs=True, seed=0, names=None, hardest=8
):
    """Every figure of one set of features.

    Args:
        features: (N, D), as for unit_rows.
        pairs: has left, right, fold: (P,) int and same: (P,) bool (`pairs.Pairs`); the
            accuracy is over these.
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
        folds,
        (int(pairs.same.sum()), int((~pairs.same).sum())),
        counts,
        counts.eer(),
        counts.auc(),
        tar,
        unresolved,
        intervals,
        worst,
    )
