"""Scores and features drawn for the tests of protocols, and an oracle of theirs."""

import numpy as np

from amcaffe.data.pairs import Pairs
from amcaffe.protocols.scores import pair_scores

FARS = [0.5, 0.1, 0.01]


def drawn_scores(seed=0, pairs=400, apart=0.4, grid=None):
    """Scores of pairs, every other one genuine; on a coarse grid there are many ties."""
    rng = np.random.default_rng(seed)
    same = np.arange(pairs) % 2 == 0
    scores = np.clip(rng.normal(apart * same, 0.3), -1, 1)
    return (scores if grid is None else np.round(scores * grid) / grid), same


def people(number=12, each=5, noise=1.0, size=16, seed=0):
    """Features of `number` people around a centre each, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(number), each)
    return rng.normal(size=(number, size))[labels] + noise * rng.normal(
        size=(len(labels), size)
    ), labels


def listed(rows, labels):
    """Scores of all pairs one by one, the slow way, and the rows of each pair."""
    i, j = np.tril_indices(len(rows), -1)
    return pair_scores(rows, i, j), labels[i] == labels[j], j, i


def folds_of(labels, folds=3, seed=0):
    i, j = np.tril_indices(len(labels), -1)
    fold = np.random.default_rng(seed).integers(folds, size=len(i))
    return Pairs(j, i, labels[i] == labels[j], fold, ("Drawn by lot.",), None)


def brute_force_tar(scores, same, far):
    """Try every score as the threshold, and one above all; keep the best allowed one."""
    allowed = [t for t in scores if np.mean(scores[~same] > t) <= far]
    return max(np.mean(scores[same] > t) for t in allowed)
