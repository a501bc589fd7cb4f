"""How alike images of one person and of two are to a net: pure figures from features and labels."""

import numpy as np

from amcaffe.protocols.roc import tally
from amcaffe.protocols.scores import pair_scores, unit_rows

FAR = 0.001


def pairs_of(features, labels):
    """The cosines of all pairs of images.

    Args:
        features: (N, D) real, no row all zeros; labels: (N,) int, the person on each image.
    Returns: (genuine, impostor): (G,) and (I,) float64 in [-1, 1], of one person and of two.
    Raises: InputError: a row has no direction.
    """
    rows, labels = unit_rows(features), np.asarray(labels)
    left, right = np.triu_indices(len(rows), 1)
    scores = pair_scores(rows, left, right)
    same = labels[left] == labels[right]
    return scores[same], scores[~same]


def centred(features):
    """Unit features less their mean: without what all of these images have in common.

    Args: features: (N, D) real, no row all zeros. Returns: (N, D) float64.
    """
    features = np.asarray(features, np.float64)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    return unit - unit.mean(axis=0)


def figures(genuine, impostor):
    """What two distributions of cosines are like.

    Args: genuine, impostor: (G,) and (I,) float in [-1, 1]; 1 / FAR impostors or more.
    Returns: dict of the means, standard deviations and numbers, and
        d_prime: distance of the means over the root of the mean variance,
        auc: P(genuine > impostor), tar_at_far_0.001: a fraction.
    Raises: InputError: too few impostors for FAR.
    """
    spread = np.sqrt((genuine.var() + impostor.var()) / 2)
    counts = tally(
        np.concatenate([genuine, impostor]), np.arange(len(genuine) + len(impostor)) < len(genuine)
    )
    return {
        "genuine": _moments(genuine),
        "impostor": _moments(impostor),
        "d_prime": float((genuine.mean() - impostor.mean()) / spread),
        "auc": counts.auc(),
        f"tar_at_far_{FAR:g}": counts.tar_at_far(FAR)[0],
    }


def _moments(scores):
    return {"pairs": len(scores), "mean": float(scores.mean()), "std": float(scores.std())}
