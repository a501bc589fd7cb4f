"""Whether features tell anybody from anybody: a net that has collapsed gives all images one."""

import numpy as np

# Mean cosine between features of different people from which they are all alike.
ALIKE = 0.99


def mean_cosine(features, people=None):
    """Mean cosine similarity of features of different people.

    Args:
        features: (N, D) real.
        people: (N,) int, whom each is of; negative: a row that is left out. None: of all pairs.
    Returns: float in [-1, 1]; None where no two people differ, or a feature is not finite.
    """
    rows = np.asarray(features, np.float64)
    if people is None:
        people = np.arange(len(rows))
    rows, people = rows[people >= 0], people[people >= 0]
    lengths = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    if not np.isfinite(lengths).all():
        return None
    # Features of zeros, which have no direction, are alike as well.
    unit = np.divide(
        rows, lengths, out=np.full_like(rows, rows.shape[1] ** -0.5), where=lengths > 0
    )
    # The sum over all pairs of rows, less that over the pairs of each person.
    person, sizes = np.unique(people, return_inverse=True, return_counts=True)[1:]
    sums = np.zeros((len(sizes), rows.shape[1]))
    np.add.at(sums, person, unit)
    pairs = len(rows) ** 2 - int(np.square(sizes, dtype=np.int64).sum())
    if not pairs:
        return None
    both = np.square(sums.sum(axis=0)).sum() - np.square(sums).sum()
    return float(np.clip(both / pairs, -1, 1))
