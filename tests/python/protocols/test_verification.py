import dataclasses

import numpy as np
import pytest

from amcaffe.protocols.verification import verify
from protocols.drawn import FARS, folds_of, people


def test_perfect_features_make_no_mistake():
    labels = np.repeat(np.arange(12), 5)
    found = verify(np.eye(12)[labels], folds_of(labels), labels, FARS)
    assert [tar for tar, _ in found.tar.values()] == [1, 1, 1]
    assert set(found.intervals.values()) == {(1, 1)}
    assert (found.eer, found.auc, found.folds.mean, found.folds.std) == (0, 1, 1, 0)


def test_random_features_tell_nobody_apart():
    features, labels = people(number=60, noise=1.0)
    features = np.random.default_rng(5).normal(size=features.shape)
    found = verify(features, folds_of(labels), labels, FARS)
    assert found.auc == pytest.approx(0.5, abs=0.05)
    assert found.eer == pytest.approx(0.5, abs=0.05)
    assert found.tar[0.1][0] == pytest.approx(0.1, abs=0.05)


def test_verify_of_all_pairs_ignores_the_order_of_the_images():
    features, labels = people()
    order = np.random.default_rng(6).permutation(len(labels))
    place = np.argsort(order)
    pairs = folds_of(labels)
    moved = dataclasses.replace(pairs, left=place[pairs.left], right=place[pairs.right])
    one = verify(features, pairs, labels, FARS)
    other = verify(features[order], moved, labels[order], FARS)
    assert (one.tar, one.eer, one.auc) == (other.tar, other.eer, other.auc)
    assert one.intervals == other.intervals
    assert np.array_equal(one.folds.accuracies, other.folds.accuracies)


def test_verify_of_all_pairs_and_of_all_pairs_listed_agree():
    features, labels = people()
    one = verify(features, folds_of(labels), labels, FARS)
    other = verify(features, folds_of(labels), labels, FARS, all_pairs=False)
    assert [tar for tar, _ in one.tar.values()] == [tar for tar, _ in other.tar.values()]
    assert one.intervals == other.intervals
    assert one.eer == pytest.approx(other.eer, abs=1e-12)


def test_verify_says_why_a_far_is_not_resolved():
    features, labels = people(number=3)
    found = verify(features, folds_of(labels), labels, [0.1, 0.001])
    assert found.tar[0.1] is not None and 0.1 in found.intervals
    assert found.tar[0.001] is None and 0.001 not in found.intervals
    assert "75 impostor pairs; needs at least 1000" in found.unresolved[0.001]


def test_without_people_there_are_no_intervals():
    features, labels = people()
    assert verify(features, folds_of(labels), None, FARS, all_pairs=False).intervals == {}
