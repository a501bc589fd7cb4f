import numpy as np
import pytest

from amcaffe.protocols import intervals
from amcaffe.protocols.intervals import tar_intervals
from amcaffe.protocols.scores import pair_scores, unit_rows
from amcaffe.protocols.tally import tar_at_far
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
