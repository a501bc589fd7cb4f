"""Merging the features of an image and of its mirror image. NumPy only."""

import numpy as np

MERGES = ("none", "sum", "concat", "max")


def merge(original, mirrored, how):
    """Features of images and of their mirrors as one.

    Args:
        original, mirrored: (N, D) float32. With "none", mirrored is not looked at.
        how: "none", "sum", "concat" (N, 2D) or "max" (of each value).
    """
    if how == "none":
        return original
    if how == "sum":
        return original + mirrored
    if how == "concat":
        return np.concatenate([original, mirrored], axis=1)
    return np.maximum(original, mirrored)


def normalize(features):
    """Rows divided by their L2 length; a row of zeros stays one."""
    length = np.sqrt(np.sum(np.square(features, dtype=np.float64), axis=1, keepdims=True))
    return (features / np.maximum(length, np.finfo(np.float64).tiny)).astype(np.float32)
