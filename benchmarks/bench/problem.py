"""The problem that every implementation of the head solves: its shape, margin and numbers."""

from dataclasses import dataclass

import numpy as np

MARGIN, SCALE = 0.35, 30.0  # of the AM-Softmax experiment
SAMPLE_RATE = 0.1  # of the sampled loss, a fraction of the classes
# Of each feature with its class's weight: above the margin, as in a net that has learnt, where
# LabelSpecificAdd's guard does nothing and all implementations have one loss.
TARGET_COSINE = 0.6
FEATURE_LENGTH = 8.0


class LeftOut(Exception):
    """This machine cannot run an implementation; the text is the reason and what would help."""


@dataclass(frozen=True)
class Shape:
    """Rows of a batch, length of a feature, number of classes."""

    batch: int
    dim: int
    classes: int

    @classmethod
    def parse(cls, text):
        """Of "BATCHxDIMxCLASSES". Raises ValueError."""
        numbers = [int(part) for part in text.split("x")]
        shape = cls(*numbers) if len(numbers) == 3 else None
        if shape is None or min(shape.batch, shape.dim) < 1 or shape.classes < 2:
            raise ValueError(f"{text!r} is not BATCHxDIMxCLASSES with two classes or more")
        return shape

    def __str__(self):
        return f"{self.batch}x{self.dim}x{self.classes}"

    @property
    def weight_bytes(self):
        """Of the weight matrix in float."""
        return 4 * self.classes * self.dim


def fill(weight, shape):
    """Write the weights, and make features and labels to go with them.

    Args: weight: (classes, dim) float32, contiguous; filled in place, since a copy would be
        counted as an implementation's memory.
    Returns: (feature, label): (batch, dim) float32 and (batch,) int64; the same at each call.
    """
    random = np.random.default_rng(0)
    random.standard_normal(out=weight, dtype=np.float32)
    label = random.integers(shape.classes, size=shape.batch)
    along = _unit(weight[label])
    across = random.standard_normal((shape.batch, shape.dim), dtype=np.float32)
    across = _unit(across - (across * along).sum(axis=1, keepdims=True) * along)
    unit = TARGET_COSINE * along + (1 - TARGET_COSINE**2) ** 0.5 * across
    return np.ascontiguousarray(FEATURE_LENGTH * unit, dtype=np.float32), label


def _unit(rows):
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(length, np.float32(1e-12))
