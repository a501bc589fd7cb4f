from pathlib import Path

import numpy as np
import pytest

from amcaffe.data.pairs import locate, read_pairs
from amcaffe.errors import InputError

LFW = Path(__file__).parents[4] / "shared" / "data" / "lfw" / "pairs.txt"


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
