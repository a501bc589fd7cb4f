import math

import numpy as np
import pytest

from amcaffe.errors import InputError
from amcaffe.protocols.folds import best_threshold, fold_accuracy
from protocols.drawn import drawn_scores


@pytest.mark.parametrize("grid", [None, 8])
@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_decides_better_than_the_best(grid, seed):
    scores, same = drawn_scores(seed, 100, grid=grid)
    threshold, accuracy = best_threshold(scores, same)
    assert np.mean((scores > threshold) == same) == accuracy
    assert accuracy == max(np.mean((scores > t) == same) for t in [-2, *scores])


@pytest.mark.parametrize(
    ("scores", "same", "threshold"),
    [
        ([0.2, 0.6], [False, True], 0.4),
        ([0.0, 0.1, 0.2, 0.8], [False, True, False, True], 0.5),  # the wider of two good gaps
        ([0.25, 0.5, 0.75, 1.0], [False, True, False, True], 0.375),  # the lower of two equal ones
        ([1.0, 1.0], [True, False], 0.0),  # accepting both (from -1 to 1) or none is as good
    ],
)
def test_threshold_is_the_middle_of_the_widest_best_gap(scores, same, threshold):
    assert best_threshold(np.array(scores), np.array(same))[0] == pytest.approx(threshold)


def test_accepting_all_and_accepting_none_are_possible_at_the_ends():
    threshold, accuracy = best_threshold(np.array([-1.0, -1.0, 1.0]), np.array([1, 1, 0], bool))
    assert (threshold < -1, accuracy) == (True, 2 / 3)
    threshold, accuracy = best_threshold(np.array([-1.0, 1.0, 1.0]), np.array([1, 0, 0], bool))
    assert (threshold, accuracy) == (1, 2 / 3)


def test_a_threshold_between_neighbouring_floats_still_parts_them():
    low = 0.5
    high = np.nextafter(low, 1)
    threshold, accuracy = best_threshold(np.array([low, high]), np.array([False, True]))
    assert accuracy == 1
    assert low <= threshold < high


def test_fold_accuracy_agrees_with_doing_it_by_hand():
    scores, same = drawn_scores()
    fold = np.random.default_rng(2).integers(4, size=len(scores))
    found = fold_accuracy(scores, same, fold)
    for k in range(4):
        here, there = fold == k, fold != k
        best = max(np.mean((scores[there] > t) == same[there]) for t in scores)
        threshold = found.thresholds[k]
        assert np.mean((scores[there] > threshold) == same[there]) == best
        assert np.mean((scores[here] > threshold) == same[here]) == found.accuracies[k]
    assert found.mean == pytest.approx(np.sum(found.accuracies) / 4)
    assert found.std == pytest.approx(math.sqrt(np.sum((found.accuracies - found.mean) ** 2) / 3))


def test_the_threshold_of_a_fold_is_blind_to_that_fold():
    scores, same = drawn_scores()
    fold = np.arange(len(scores)) // 40
    changed = np.where(fold == 3, ~same, same)
    one, other = fold_accuracy(scores, same, fold), fold_accuracy(scores, changed, fold)
    assert one.thresholds[3] == other.thresholds[3]
    assert one.accuracies[3] == pytest.approx(1 - other.accuracies[3])


def test_one_fold_is_refused():
    scores, same = drawn_scores()
    with pytest.raises(InputError, match="two folds or more"):
        fold_accuracy(scores, same, np.zeros(len(scores), int))
