import numpy as np
import pytest

from amcaffe.protocols import intervals
from amcaffe.protocols.intervals import tar_intervals
from amcaffe.protocols.roc import tar_at_far
from amcaffe.protocols.scores import pair_scores, unit_rows
from protocols.drawn import listed, people


def test_an_interval_draws_people_with_all_their_pairs(monkeypatch):
    """Oracle: write out the images of one draw, a person drawn twice as two people."""
    monkeypatch.setattr(intervals, "REPLICATES", 1)
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


def written_out(scores, same, left, right, far, seed):
    """Oracle: TAR of each draw, its pairs written out as often as it holds them."""
    order = np.argsort(-scores)
    scores, same, left, right = scores[order], same[order], left[order], right[order]
    number = int(right.max()) + 1
    rng = np.random.default_rng(seed)
    tars = []
    for _ in range(intervals.REPLICATES):
        drawn = rng.multinomial(number, np.full(number, 1 / number))
        genuine = np.repeat(scores[same], drawn[left[same]])
        impostor = np.repeat(scores[~same], drawn[left[~same]] * drawn[right[~same]])
        if len(genuine) and len(impostor):
            # The first that would be one too many is the threshold.
            share = np.arange(1, len(impostor) + 1) / len(impostor)
            tars.append(np.mean(genuine > impostor[np.argmax(share > far)]))
    return tars


def some_people_of_whom_two_are_one(number=12, each=20):
    """Listed pairs with the people of each; the highest impostor scores are all of two people."""
    features, labels = people(number, each, noise=0.8)
    features[labels == 1] = features[labels == 0]
    scores, same, left, right = listed(unit_rows(features), labels)
    return scores, same, labels[left], labels[right]


def test_every_draw_finds_its_own_threshold(monkeypatch):
    """Without the two, a draw's threshold lies far below what it is for the people themselves."""
    pairs = some_people_of_whom_two_are_one()
    monkeypatch.setattr(intervals, "REPLICATES", 1)
    found = set()
    for seed in range(40):
        (expected,) = written_out(*pairs, 0.002, seed)
        assert tar_intervals(*pairs, [0.002], seed)[0.002] == (expected, expected), seed
        found.add(expected)
    assert min(found) < 0.1 and max(found) > 0.6


def test_an_interval_is_that_of_its_draws_written_out():
    pairs = some_people_of_whom_two_are_one()
    found = tar_intervals(*pairs, [0.02, 0.002])
    for far in found:
        expected = np.quantile(written_out(*pairs, far, 0), [0.025, 0.975])
        assert found[far] == pytest.approx(expected, abs=1e-12), far
    assert found[0.002][1] == pytest.approx(0.669, abs=5e-4)


def test_an_interval_of_tied_scores_is_that_of_its_draws_written_out():
    scores, same, left, right = some_people_of_whom_two_are_one(each=6)
    pairs = (np.round(scores * 20) / 20, same, left, right)
    expected = np.quantile(written_out(*pairs, 0.01, 0), [0.025, 0.975])
    assert tar_intervals(*pairs, [0.01])[0.01] == pytest.approx(expected, abs=1e-12)


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
