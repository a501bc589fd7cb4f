from collections import Counter

import numpy as np
import pytest

from amcaffe.errors import InputError
from amcaffe.protocols.drawn_pairs import balanced_pairs


def people_of(pairs, labels, fold):
    here = pairs.fold == fold
    return {*labels[pairs.left[here]].tolist(), *labels[pairs.right[here]].tolist()}


def assert_sound(pairs, labels, folds, half):
    """What holds for any balanced pairs."""
    assert (pairs.left < pairs.right).all()
    assert len({*zip(pairs.left.tolist(), pairs.right.tolist())}) == len(pairs.left)
    assert np.array_equal(pairs.same, labels[pairs.left] == labels[pairs.right])
    expected = {(fold, same): half for fold in range(folds) for same in (True, False)}
    assert Counter(zip(pairs.fold.tolist(), pairs.same.tolist())) == expected


@pytest.mark.parametrize("seed", range(3))
def test_folds_are_balanced_and_share_nobody_where_people_suffice(seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(40), 6))
    pairs = balanced_pairs(labels, seed=seed)
    # A fold has 4 people: 4 * 15 matched pairs are the fewest.
    assert_sound(pairs, labels, 10, 60)
    met = [people_of(pairs, labels, fold) for fold in range(10)]
    assert sum(map(len, met)) == len(set.union(*met)) == 40
    assert pairs.shared is False
    assert pairs.rule[-1] == "No person stands in two folds."


def test_folds_of_many_people_have_300_pairs_of_each_kind_as_in_lfw():
    labels = np.repeat(np.arange(100), 20)
    assert_sound(balanced_pairs(labels), labels, 10, 300)


def test_ten_people_share_folds_but_no_pair_and_the_rule_says_so():
    labels = np.repeat(np.arange(10), 10)
    pairs = balanced_pairs(labels)
    assert_sound(pairs, labels, 10, 45)
    assert len(people_of(pairs, labels, 0)) > 1
    assert pairs.shared is True
    assert pairs.rule[-1] == (
        "The folds share people: 10 have two images or more, and folds of different people "
        "would need 20."
    )


def test_twenty_people_are_enough_for_ten_folds_and_nineteen_are_not():
    assert balanced_pairs(np.repeat(np.arange(20), 3)).shared is False
    assert balanced_pairs(np.repeat(np.arange(19), 3)).shared is True


def test_people_with_one_image_do_not_count_but_serve_in_mismatched_pairs():
    labels = np.concatenate([np.repeat(np.arange(20), 4), np.arange(20, 420)])
    pairs = balanced_pairs(labels)
    assert_sound(pairs, labels, 10, 12)
    assert pairs.shared is False
    mismatched = ~pairs.same
    assert (labels[pairs.right[mismatched]] >= 20).mean() > 0.5
    assert balanced_pairs(np.concatenate([np.repeat(np.arange(19), 4), np.arange(19, 400)])).shared


def test_pairs_are_spread_evenly_over_people():
    # One person with 100 images has more pairs than the 39 others together.
    labels = np.concatenate([np.zeros(100, int), np.repeat(np.arange(1, 40), 10)])
    pairs = balanced_pairs(labels, folds=2, per_fold=200)
    count = Counter(labels[pairs.left[pairs.same]].tolist())
    assert set(count.values()) == {5}
    couples = np.stack([labels[pairs.left], labels[pairs.right]])[:, ~pairs.same]
    assert max(Counter(map(tuple, np.sort(couples, axis=0).T.tolist())).values()) == 1


def test_who_gives_a_pair_more_is_drawn_and_not_always_the_first():
    """6 people who share 4 folds of one pair of each kind: 4 people, or couples, give one."""
    labels = np.repeat(np.arange(6), 4)
    matched, mismatched = Counter(), Counter()
    for seed in range(150):
        pairs = balanced_pairs(labels, folds=4, per_fold=2, seed=seed)
        assert_sound(pairs, labels, 4, 1)
        people = np.stack([labels[pairs.left], labels[pairs.right]], axis=1)
        matched.update(people[pairs.same, 0].tolist())
        mismatched.update(map(tuple, np.sort(people[~pairs.same]).tolist()))
    # 100 each of 150 draws, and 40: give or take five standard deviations.
    assert sorted(matched) == list(range(6)) and len(mismatched) == 15
    assert all(71 < count < 129 for count in matched.values()), matched
    assert all(13 < count < 67 for count in mismatched.values()), mismatched


@pytest.mark.parametrize("folds", [2, 3, 10])
def test_every_pair_there_is_can_be_asked_for(folds):
    labels = np.repeat(np.arange(2 * folds), 2)
    pairs = balanced_pairs(labels, folds)
    # Each fold: two people of two images, so all of its two matched pairs.
    assert_sound(pairs, labels, folds, 2)
    assert balanced_pairs(labels, folds, per_fold=2).same.sum() == folds


def test_the_same_seed_draws_the_same_pairs_and_another_seed_others():
    labels = np.repeat(np.arange(30), 8)
    one, again, other = (balanced_pairs(labels, seed=seed) for seed in (4, 4, 5))
    assert np.array_equal(one.left, again.left) and np.array_equal(one.right, again.right)
    assert not np.array_equal(one.left, other.left)


def test_labels_are_names_and_their_values_do_not_matter():
    labels = np.repeat(np.arange(30), 8)
    one, other = balanced_pairs(labels), balanced_pairs(1000 * labels - 7)
    assert np.array_equal(one.left, other.left) and np.array_equal(one.right, other.right)


@pytest.mark.parametrize(
    ("labels", "arguments", "found"),
    [
        (np.zeros(50, int), {}, "at most 0 pairs a fold"),  # one person
        (np.arange(50), {}, "at most 0 pairs a fold"),  # nobody twice
        ([0, 0, 0, 1], {}, "at most 0 pairs a fold"),  # three pairs of each kind for ten folds
        (np.repeat(np.arange(10), 10), {"per_fold": 92}, "at most 90 pairs a fold"),
    ],
)
def test_too_few_pairs_are_refused_with_the_number_that_there_is(labels, arguments, found):
    with pytest.raises(InputError, match="do not give 10 folds") as caught:
        balanced_pairs(labels, **arguments)
    assert caught.value.found == found


@pytest.mark.parametrize("arguments", [{"folds": 1}, {"per_fold": 7}, {"per_fold": 0}])
def test_folds_that_cannot_be_balanced_are_refused(arguments):
    with pytest.raises(InputError, match="an even number of pairs"):
        balanced_pairs(np.repeat(np.arange(40), 6), **arguments)
