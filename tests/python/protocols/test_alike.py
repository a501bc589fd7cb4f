import numpy as np
import pytest

from amcaffe.protocols.alike import mean_cosine


def slow(rows, people):
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    pairs = [(i, j) for i in range(len(rows)) for j in range(i) if people[i] != people[j]]
    return np.mean([unit[i] @ unit[j] for i, j in pairs])


def test_it_is_the_mean_over_pairs_of_different_people():
    random = np.random.default_rng(0)
    rows, people = random.normal(size=(30, 5)) + 1, random.integers(0, 4, 30)
    assert mean_cosine(rows, people) == pytest.approx(slow(rows, people), abs=1e-12)
    assert mean_cosine(rows) == pytest.approx(slow(rows, np.arange(30)), abs=1e-12)


def test_one_person_alike_in_all_images_is_not_counted():
    rows, people = np.repeat(np.eye(3), 5, axis=0), np.repeat(np.arange(3), 5)
    assert mean_cosine(rows, people) == 0
    assert mean_cosine(rows) > 0.2


@pytest.mark.parametrize("rows", [np.ones((4, 3)), np.zeros((4, 3))])
def test_features_that_are_one_or_zero_are_alike(rows):
    assert mean_cosine(rows) == pytest.approx(1)


def test_rows_without_a_person_are_left_out():
    rows = np.array([[1.0, 0], [0, 1], [-1, 0]])
    assert mean_cosine(rows, np.array([0, 1, -1])) == 0


def test_where_nothing_can_be_said_it_is_none():
    assert mean_cosine(np.ones((3, 2)), np.zeros(3, int)) is None
    assert mean_cosine(np.array([[np.nan, 1], [1, 1]])) is None
