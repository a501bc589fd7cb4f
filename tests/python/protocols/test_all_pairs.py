import numpy as np
import pytest

from amcaffe.errors import InputError
from amcaffe.protocols import all_pairs
from amcaffe.protocols.all_pairs import tally_all_pairs
from amcaffe.protocols.hardest import hardest_of_all_pairs, hardest_of_list
from amcaffe.protocols.roc import tally
from amcaffe.protocols.scores import pair_scores, unit_rows
from protocols.drawn import FARS, listed, people


@pytest.mark.parametrize("tile", [2048, 10])
@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_figures_of_all_pairs_agree_with_listing_the_pairs(monkeypatch, tile, noise):
    monkeypatch.setattr(all_pairs, "TILE", tile)
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
    monkeypatch.setattr(all_pairs, "TILE", tile)
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
