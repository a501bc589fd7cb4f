from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from amcaffe.errors import InputError
from amcaffe.pairs import balanced_pairs, locate, read_pairs

LFW = Path(__file__).parents[3] / "shared" / "data" / "lfw" / "pairs.txt"


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


def write(tmp_path, text):
    path = tmp_path / "pairs.txt"
    path.write_text(text, encoding="utf-8")
    return path


LFW_LIKE = (
    "2\t1\n"
    "Ann\t1\t2\n"
    "Ann\t3\tBo_Li\t12\n"
    "Cy\t4\t1\n"
    "Cy\t1\tDi\t1\n"
)  # fmt: skip


@pytest.mark.parametrize("text", [LFW_LIKE, LFW_LIKE.rstrip(), LFW_LIKE.replace("\n", "\r\n")])
def test_lfw_lists_are_read(tmp_path, text):
    named = read_pairs(write(tmp_path, text))
    assert named.left == [
        "Ann/Ann_0001.jpg",
        "Ann/Ann_0003.jpg",
        "Cy/Cy_0004.jpg",
        "Cy/Cy_0001.jpg",
    ]
    assert named.right[1] == "Bo_Li/Bo_Li_0012.jpg"
    assert named.same.tolist() == [True, False, True, False]
    assert named.fold.tolist() == [0, 0, 1, 1]


def test_the_real_lfw_list_has_what_is_known_of_it():
    if not LFW.is_file():
        pytest.skip("no ../shared/data/lfw/pairs.txt beside this checkout")
    named = read_pairs(LFW)
    assert np.array_equal(named.same, np.arange(6000) % 600 < 300)
    assert np.array_equal(named.fold, np.arange(6000) // 600)
    images = sorted({*named.left, *named.right})
    names, people = np.unique([image.split("/")[0] for image in images], return_inverse=True)
    assert (len(images), len(names)) == (7701, 4281)
    pairs = locate(named, [f"crops/{image}".replace(".jpg", ".png") for image in images], people)
    assert pairs.shared is False
    assert np.array_equal(pairs.same, people[pairs.left] == people[pairs.right])


@pytest.mark.parametrize(
    ("line", "text", "expected"),
    [
        (2, "Ann\t1", "name<TAB>n1<TAB>n2"),
        (2, "Ann\t1\ttwo", "name<TAB>n1<TAB>n2"),
        (2, "Ann 1 2", "name<TAB>n1<TAB>n2"),
        (3, "Ann\t3\t4", "name1<TAB>n1<TAB>name2<TAB>n2"),
        (5, "Cy\t1\tDi\tx", "name1<TAB>n1<TAB>name2<TAB>n2"),
    ],
)
def test_a_broken_line_of_an_lfw_list_is_named(tmp_path, line, text, expected):
    lines = LFW_LIKE.split("\n")
    lines[line - 1] = text
    with pytest.raises(InputError, match=f"pairs.txt:{line}: no") as caught:
        read_pairs(write(tmp_path, "\n".join(lines)))
    assert (caught.value.found, caught.value.expected) == (repr(text), expected)


def test_a_cut_lfw_list_is_refused(tmp_path):
    path = write(tmp_path, LFW_LIKE[: LFW_LIKE.index("Cy\t1")])
    with pytest.raises(InputError, match="header") as caught:
        read_pairs(path)
    assert caught.value.found == "3 pairs after the header"


def test_plain_lists_are_read_and_cut_into_folds_of_both_kinds(tmp_path):
    lines = [f"a/{k}.png b/{k}.png 1" for k in range(6)]
    lines += [f"a/{k}.png\tc d/{k}.png\t0" for k in range(9)]
    named = read_pairs(write(tmp_path, "\n".join(lines) + "\n\n"), folds=3)
    assert (named.left[0], named.right[0]) == ("a/0.png", "b/0.png")
    assert named.right[6] == "c d/0.png"
    assert named.same.tolist() == [True] * 6 + [False] * 9
    assert named.fold.tolist() == [0, 0, 1, 1, 2, 2] + [0] * 3 + [1] * 3 + [2] * 3


@pytest.mark.parametrize("text", ["a b", "a b 2", "a b c 1", "a b yes", "a\tb\t1\tx", "a\t\t1"])
def test_a_broken_line_of_a_plain_list_is_named(tmp_path, text):
    path = write(tmp_path, f"a b 1\n{text}\n")
    with pytest.raises(InputError, match="pairs.txt:2: no pair"):
        read_pairs(path, folds=2)


def test_a_plain_list_too_short_for_its_folds_is_refused(tmp_path):
    with pytest.raises(InputError, match="too few pairs for 10 folds") as caught:
        read_pairs(write(tmp_path, "a b 1\nc d 0\n"))
    assert caught.value.found == "1 matched and 1 mismatched"


def test_lists_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(InputError, match="none.txt: No such file"):
        read_pairs(tmp_path / "none.txt")
    with pytest.raises(InputError, match="pairs.txt is empty"):
        read_pairs(write(tmp_path, "\n \n"))
    (tmp_path / "bytes.txt").write_bytes(b"a b 1\n\xff\xfe b 1\n")
    with pytest.raises(InputError, match="byte 6 is not UTF-8"):
        read_pairs(tmp_path / "bytes.txt")


CROPS = [
    f"x/{name}/{name}_{number:04d}.png"
    for name, number in (
        ("Ann", 1), ("Ann", 2), ("Ann", 3), ("Bo_Li", 12), ("Cy", 1), ("Cy", 4), ("Di", 1),
    )
]  # fmt: skip


def test_images_are_found_below_any_folder_and_with_any_file_ending(tmp_path):
    pairs = locate(read_pairs(write(tmp_path, LFW_LIKE)), CROPS)
    assert pairs.left.tolist() == [0, 2, 5, 4]
    assert pairs.right.tolist() == [1, 3, 4, 6]
    assert pairs.shared is None


def test_an_exact_path_goes_before_a_like_one(tmp_path):
    named = read_pairs(write(tmp_path, "a.png b.png 1\na.png c.png 0\n" * 2), folds=2)
    assert locate(named, ["a.jpg", "a.png", "b.jpg", "c.png"]).left.tolist() == [1] * 4


def test_a_name_that_fits_two_images_is_refused(tmp_path):
    named = read_pairs(write(tmp_path, LFW_LIKE))
    with pytest.raises(InputError, match="which image is Cy/Cy_0001.jpg") as caught:
        locate(named, [*CROPS, "y/Cy/Cy_0001.png"])
    assert caught.value.found == "x/Cy/Cy_0001.png, y/Cy/Cy_0001.png"


def test_missing_images_are_named(tmp_path):
    named = read_pairs(write(tmp_path, LFW_LIKE))
    with pytest.raises(
        InputError, match="2 images of the pairs have no feature, in 2 of 4"
    ) as caught:
        locate(named, [path for path in CROPS if "0001" not in path or "Cy" in path])
    assert caught.value.found == "Ann/Ann_0001.jpg, Di/Di_0001.jpg missing"
    assert "--allow-missing" in caught.value.hint


def test_missing_images_can_be_allowed_and_are_then_counted_by_fold(tmp_path):
    text = LFW_LIKE.replace("2\t1", "2\t2").replace("Ann\t1\t2\n", "Ann\t1\t2\nAnn\t1\t3\n")
    text = text.replace("Bo_Li\t12\n", "Bo_Li\t12\nAnn\t2\tCy\t1\n")
    text = text.replace("Cy\t4\t1\n", "Cy\t4\t1\nAnn\t2\t3\n") + "Cy\t4\tDi\t1\n"
    named = read_pairs(write(tmp_path, text))
    pairs = locate(named, CROPS[1:], allow_missing=True)
    assert pairs.fold.tolist() == [0] * 2 + [1] * 4
    assert pairs.same.tolist() == [False] * 2 + [True, True, False, False]
    assert (
        "2 of 8 pairs left out, as 1 of their images have no feature: 2 in fold 1" in pairs.rule[1]
    )
    assert "not the published protocol" in pairs.rule[1]


def test_too_many_missing_images_leave_no_protocol(tmp_path):
    named = read_pairs(write(tmp_path, LFW_LIKE))
    with pytest.raises(InputError, match="no folds of matched and mismatched pairs") as caught:
        locate(named, CROPS[4:6], allow_missing=True)
    assert caught.value.found == "1 matched, 0 mismatched pairs"


def test_people_in_two_folds_are_noticed(tmp_path):
    people = np.array([0, 0, 0, 1, 2, 2, 3])
    pairs = locate(read_pairs(write(tmp_path, LFW_LIKE)), CROPS, people)
    assert (pairs.shared, pairs.rule[-1]) == (False, "No person stands in two folds.")
    text = LFW_LIKE.replace("Di\t1", "Ann\t1")
    pairs = locate(read_pairs(write(tmp_path, text)), CROPS, people)
    assert (pairs.shared, pairs.rule[-1]) == (True, "The folds share people.")
