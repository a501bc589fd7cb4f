import math

import numpy as np
import pytest

from amcaffe.errors import InputError
from amcaffe.protocols import all_pairs
from amcaffe.protocols.all_pairs import tally_all_pairs
from amcaffe.protocols.roc import tally
from amcaffe.protocols.scores import ONE, STEP, pair_scores, unit_rows
from protocols.drawn import FARS, people


@pytest.mark.parametrize(
    ("scores", "same", "message"),
    [
        ([0.1, math.nan], [True, False], "score of pair 1 is no cosine"),
        ([0.1, 1.1], [True, False], "score of pair 1 is no cosine"),
        ([0.1, 0.2], [True, True], "pairs of one person and pairs of two"),
        ([0.1, 0.2], [False, False], "pairs of one person and pairs of two"),
        ([0.1], [True, False], "two lists of one length"),
        ([0.1, 0.2], [1, 0], "two lists of one length"),
    ],
)
def test_unusable_scores_are_refused(scores, same, message):
    with pytest.raises(InputError, match=message):
        tally(np.array(scores), np.array(same))


def test_scores_are_cosines():
    features, _ = people(size=512)
    i, j = np.tril_indices(len(features), -1)
    length = np.linalg.norm(features, axis=1)
    cosines = (features @ features.T / length[:, None] / length)[i, j]
    found = pair_scores(unit_rows(features.astype(np.float32)), i, j)
    assert np.abs(found - cosines).max() < 2e-7
    assert np.abs(pair_scores(unit_rows(features), i, j) - cosines).max() < 5e-8


def test_features_of_any_length_have_a_direction():
    found = unit_rows([[3e300, 4e300], [3e-300, 4e-300], [3, 4]])
    assert np.array_equal(found, found[[2, 2, 2]])
    assert np.allclose(found / STEP, [0.6, 0.8], atol=1e-8)


@pytest.mark.parametrize("value", [math.nan, math.inf, 0])
def test_a_feature_without_direction_is_named(value):
    features = np.ones((3, 4))
    features[1] = value
    with pytest.raises(InputError, match=r"row 1 \(ann/2.png\)"):
        unit_rows(features, ["ann/1.png", "ann/2.png", "bo/1.png"])


@pytest.mark.parametrize("shape", [(3,), (0, 4), (4, 0), (2, 2, 2)])
def test_features_that_are_no_matrix_are_refused(shape):
    with pytest.raises(InputError, match="a matrix with a row an image"):
        unit_rows(np.ones(shape))


def test_a_score_is_the_same_to_the_bit_in_any_order_block_and_product(monkeypatch):
    features, labels = people(size=300)
    order = np.random.default_rng(3).permutation(len(labels))
    one = tally_all_pairs(unit_rows(features), labels, FARS)
    monkeypatch.setattr(all_pairs, "TILE", 7)
    other = tally_all_pairs(unit_rows(features[order]), labels[order], FARS)
    for name in ("ceiling", "genuine", "impostor"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    rows = unit_rows(features)
    i, j = np.tril_indices(len(rows), -1)
    product = (np.asfortranarray(rows) @ rows.T)[i, j] / ONE
    assert np.array_equal(pair_scores(rows, i, j), np.clip(product, -1, 1))
