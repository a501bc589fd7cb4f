import math
from types import SimpleNamespace

import numpy as np
import pytest

from amcaffe import verification
from amcaffe.errors import InputError
from amcaffe.verification import (
    best_threshold,
    fold_accuracy,
    hardest_of_all_pairs,
    hardest_of_list,
    pair_scores,
    tally,
    tally_all_pairs,
    tar_at_far,
    tar_intervals,
    unit_rows,
    verify,
)

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
    return SimpleNamespace(left=j, right=i, same=labels[i] == labels[j], fold=fold)


def brute_force_tar(scores, same, far):
    """Try every score as the threshold, and one above all; keep the best allowed one."""
    allowed = [t for t in scores if np.mean(scores[~same] > t) <= far]
    return max(np.mean(scores[same] > t) for t in allowed)


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
    assert [verification.false_accepts(k / 100, 100) for k in range(1, 100)] == list(range(1, 100))
    assert verification.false_accepts(0.001, 3000) == 3
    assert verification.false_accepts(0.0009999, 3000) == 2


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
    assert np.allclose(found / verification.STEP, [0.6, 0.8], atol=1e-8)


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
    monkeypatch.setattr(verification, "TILE", 7)
    other = tally_all_pairs(unit_rows(features[order]), labels[order], FARS)
    for name in ("ceiling", "genuine", "impostor"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    rows = unit_rows(features)
    i, j = np.tril_indices(len(rows), -1)
    product = (np.asfortranarray(rows) @ rows.T)[i, j] / verification.ONE
    assert np.array_equal(pair_scores(rows, i, j), np.clip(product, -1, 1))


@pytest.mark.parametrize("tile", [2048, 10])
@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_figures_of_all_pairs_agree_with_listing_the_pairs(monkeypatch, tile, noise):
    monkeypatch.setattr(verification, "TILE", tile)
    features, labels = people(noise=noise)
    rows = unit_rows(features)
    scores, same, _, _ = listed(rows, labels)
    found, exact = tally_all_pairs(rows, labels, FARS), tally(scores, same)
    assert found.pairs == exact.pairs
    for far in FARS:
        tar, threshold = found.tar_at_far(far)
        assert tar == exact.tar_at_far(far)[0]
        assert np.mean(scores[same] > threshold) == tar
        assert np.mean(scores[~same] > threshold) <= far
    assert found.eer() == pytest.approx(exact.eer(), abs=1e-12)
    assert found.auc() == pytest.approx(exact.auc(), abs=1e-5)


@pytest.mark.parametrize("spread", [1e-3, 1e-5, 1e-7])
def test_figures_stay_exact_where_all_scores_crowd_into_a_few_cells(spread):
    features, labels = people(noise=2.0)
    rows = unit_rows(1 + spread * features)
    scores, same, _, _ = listed(rows, labels)
    assert np.ptp(scores) < 60 * spread**2 + 3e-8  # the last term is rounding
    found, exact = tally_all_pairs(rows, labels, FARS), tally(scores, same)
    for far in FARS:
        assert found.tar_at_far(far)[0] == exact.tar_at_far(far)[0]
    assert found.eer() == pytest.approx(exact.eer(), abs=1e-12)


def test_features_that_are_all_one_point_tell_nobody_apart():
    counts = tally_all_pairs(unit_rows(np.ones((20, 4))), np.arange(20) // 4, [0.1])
    assert counts.tar_at_far(0.1)[0] == 0
    assert (counts.eer(), counts.auc()) == (0.5, 0.5)


def test_opposite_features_score_exactly_minus_1():
    rows = unit_rows([[1, 2, 3], [1, 2, 3], [-1, -2, -3]])
    counts = tally_all_pairs(rows, np.array([0, 0, 1]))
    scores = pair_scores(rows, np.array([0, 0]), np.array([1, 2]))
    assert scores == pytest.approx([1, -1], abs=1e-7)
    assert (counts.eer(), counts.auc()) == (0, 1)


def test_a_score_of_exactly_minus_1_is_counted():
    rows = unit_rows([[0, 1], [0, 1], [0, -1]])
    counts = tally_all_pairs(rows, np.array([0, 0, 1]))
    assert counts.ceiling.tolist() == [-1, 1]
    assert (counts.genuine.tolist(), counts.impostor.tolist()) == ([0, 1], [2, 0])


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]])
def test_all_pairs_of_one_kind_are_refused(labels):
    with pytest.raises(InputError, match="pairs of one person and pairs of two") as caught:
        tally_all_pairs(unit_rows(np.eye(3)), np.array(labels))
    assert "3 " in caught.value.found


@pytest.mark.parametrize("tile", [2048, 10])
@pytest.mark.parametrize("count", [9, 1000])
def test_hardest_pairs_are_the_most_wrongly_scored_ones(monkeypatch, tile, count):
    monkeypatch.setattr(verification, "TILE", tile)
    features, labels = people(number=4, each=7)
    features[:5] = features[0]  # equal scores: these go by their rows
    rows = unit_rows(features)
    scores, same, left, right = listed(rows, labels)
    assert (left < right).all()
    found = hardest_of_all_pairs(rows, labels, count)
    expected = hardest_of_list(scores, left, right, same, count)
    for kind, sign, one, other in zip((same, ~same), (1, -1), found, expected):
        assert np.array_equal(one.score, sign * np.sort(sign * scores[kind])[:count])
        for name in ("left", "right", "score"):
            assert np.array_equal(getattr(one, name), getattr(other, name))


def test_hardest_pairs_are_fewer_where_fewer_exist():
    genuine, impostor = hardest_of_all_pairs(unit_rows(np.eye(3)), np.array([0, 0, 1]), 8)
    assert (len(genuine.score), len(impostor.score)) == (1, 2)


def test_an_interval_draws_people_with_all_their_pairs(monkeypatch):
    """Oracle: write out the images of one draw, a person drawn twice as two people."""
    monkeypatch.setattr(verification, "REPLICATES", 1)
    features, labels = people(noise=1.5)
    rows = unit_rows(features)
    scores, same, left, right = listed(rows, labels)
    for seed in range(10):
        drawn = np.random.default_rng(seed).multinomial(12, np.full(12, 1 / 12))
        copies = [np.flatnonzero(labels == k) for k in range(12) for _ in range(drawn[k])]
        images = np.concatenate(copies)
        copy = np.repeat(np.arange(len(copies)), 5)
        i, j = np.tril_indices(len(images), -1)
        kept = (copy[i] == copy[j]) | (labels[images[i]] != labels[images[j]])
        i, j = i[kept], j[kept]
        expected = tar_at_far(pair_scores(rows, images[i], images[j]), copy[i] == copy[j], 0.05)[0]
        found = tar_intervals(scores, same, labels[left], labels[right], [0.05], seed)
        assert found[0.05] == pytest.approx((expected, expected))


def test_an_interval_holds_the_figure_and_narrows_with_more_people():
    widths = []
    for number in (10, 40):
        features, labels = people(number, noise=1.5)
        rows = unit_rows(features)
        scores, same, left, right = listed(rows, labels)
        interval = tar_intervals(scores, same, labels[left], labels[right], [0.05])[0.05]
        assert interval[0] < tar_at_far(scores, same, 0.05)[0] < interval[1]
        widths.append(interval[1] - interval[0])
    assert widths[1] < 0.7 * widths[0]


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
    moved = SimpleNamespace(
        left=place[pairs.left], right=place[pairs.right], same=pairs.same, fold=pairs.fold
    )
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
