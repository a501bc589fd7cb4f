import math

import numpy as np
import pytest

from amcaffe.errors import InputError
from amcaffe.protocols.folds import fold_accuracy
from amcaffe.protocols.roc import false_accepts, tally, tar_at_far
from protocols.drawn import FARS, brute_force_tar, drawn_scores


@pytest.mark.parametrize("far", FARS)
@pytest.mark.parametrize("grid", [None, 10])
def test_tar_at_far_agrees_with_trying_every_threshold(far, grid):
    scores, same = drawn_scores(grid=grid)
    tar, threshold = tar_at_far(scores, same, far)
    assert tar == brute_force_tar(scores, same, far)
    assert np.mean(scores[same] > threshold) == tar
    assert np.mean(scores[~same] > threshold) <= far


def test_a_far_counts_as_many_false_accepts_as_it_names():
    # 0.29 * 100 is 28.999999999999996 in float64; 29 of 100 are still a FAR of 0.29.
    assert [false_accepts(k / 100, 100) for k in range(1, 100)] == list(range(1, 100))
    assert false_accepts(0.001, 3000) == 3
    assert false_accepts(0.0009999, 3000) == 2


def test_a_looser_far_never_accepts_less():
    counts = tally(*drawn_scores())
    tars = [counts.tar_at_far(far)[0] for far in np.linspace(0.005, 0.995, 100)]
    assert tars == sorted(tars)
    assert tars[0] < tars[-1]


def test_a_far_that_the_pairs_cannot_resolve_is_refused_with_the_number_needed():
    scores, same = drawn_scores(pairs=400)
    tar_at_far(scores, same, 0.005)
    with pytest.raises(InputError, match="0.004.* 200 impostor pairs") as caught:
        tar_at_far(scores, same, 0.004)
    assert caught.value.expected == "at least 250"


@pytest.mark.parametrize("far", [0, 1, -0.1, 1.5, math.nan])
def test_a_far_outside_0_to_1_is_refused(far):
    with pytest.raises(InputError, match="fraction between 0 and 1"):
        tar_at_far(*drawn_scores(), far)


@pytest.mark.parametrize("grid", [None, 10])
def test_auc_is_the_chance_that_a_genuine_score_is_the_larger(grid):
    scores, same = drawn_scores(grid=grid)
    difference = scores[same][:, None] - scores[~same]
    chance = np.mean(difference > 0) + np.mean(difference == 0) / 2
    assert tally(scores, same).auc() == pytest.approx(chance, abs=1e-14)


def test_eer_of_a_hand_made_list():
    # At a threshold between 0.4 and 0.5: one of four genuine missed, one of four accepted.
    scores = np.array([0.9, 0.8, 0.6, 0.3, 0.5, 0.4, 0.2, 0.1])
    same = np.array([True] * 4 + [False] * 4)
    assert tally(scores, same).eer() == 0.25


@pytest.mark.parametrize("grid", [None, 10])
@pytest.mark.parametrize("seed", range(5))
def test_eer_lies_between_the_two_errors_nearest_to_equal(grid, seed):
    scores, same = drawn_scores(seed, grid=grid)
    errors = [
        (np.mean(scores[~same] > t), np.mean(scores[same] <= t)) for t in [-2, *np.unique(scores)]
    ]
    eer = tally(scores, same).eer()
    assert max(map(min, errors)) - 1e-12 <= eer <= min(map(max, errors)) + 1e-12


def test_a_rising_function_of_the_score_changes_no_rate():
    scores, same = drawn_scores(grid=50)
    one, other = tally(scores, same), tally(np.sin(scores) ** 3, same)
    for far in FARS:
        assert one.tar_at_far(far)[0] == other.tar_at_far(far)[0]
    assert (one.eer(), one.auc()) == (other.eer(), other.auc())


def test_the_order_of_the_pairs_changes_nothing():
    scores, same = drawn_scores(grid=50)
    fold = np.arange(len(scores)) % 10
    order = np.random.default_rng(1).permutation(len(scores))
    one, other = tally(scores, same), tally(scores[order], same[order])
    assert np.array_equal(one.roc(), other.roc())
    one = fold_accuracy(scores, same, fold)
    other = fold_accuracy(scores[order], same[order], fold[order])
    assert np.array_equal(one.accuracies, other.accuracies)
    assert np.array_equal(one.thresholds, other.thresholds)


def test_a_thinned_roc_curve_keeps_each_tar_at_far():
    counts = tally(*drawn_scores(grid=50))
    assert counts.tar_at_fars(FARS).tolist() == [counts.tar_at_far(far)[0] for far in FARS]
    assert counts.tar_at_fars([0, 1])[1] == 1


def test_histogram_counts_agree_with_numpy_away_from_edges():
    scores, same = drawn_scores()
    genuine, impostor = tally(scores, same).histogram(20)
    assert np.array_equal(genuine, np.histogram(scores[same], 20, (-1, 1))[0])
    assert np.array_equal(impostor, np.histogram(scores[~same], 20, (-1, 1))[0])


def test_histogram_holds_scores_of_exactly_minus_1_and_1():
    genuine, impostor = tally(np.array([1.0, -1.0]), np.array([True, False])).histogram(4)
    assert (genuine.tolist(), impostor.tolist()) == ([0, 0, 0, 1], [1, 0, 0, 0])
