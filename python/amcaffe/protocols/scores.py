"""Scores of pairs: cosine similarities in [-1, 1]; larger means "same person".

Scores are the same to the last bit whatever the order of the images, the size of
a block or the BLAS: unit vectors are rounded to whole steps of 2**-26, which makes
each partial sum of a dot product a whole number below 2**53, exact in float64. The
rounding moves a score by about 1e-8, less than float32 arithmetic does.
"""

import numpy as np

from amcaffe.errors import InputError

STEP = 2.0**26  # steps to 1 in a component of a unit vector
ONE = 2**52  # a score of 1, in the units of a product of two such vectors
TILE = 2048  # rows of a block of all pairs: 32 MiB of scores


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


def checked_scores(scores, same):
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
    require_both_kinds(int(same.sum()), int((~same).sum()))
    return scores, same


def require_both_kinds(genuine, impostor):
    if not genuine or not impostor:
        raise InputError(
            "verification needs pairs of one person and pairs of two",
            found=f"{genuine} genuine and {impostor} impostor pairs",
            hint="give two people or more, one of them at least with two images",
        )
