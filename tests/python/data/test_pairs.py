import numpy as np
import pytest

from amcaffe.data.pair_lists import read_pairs
from amcaffe.data.pairs import locate
from amcaffe.errors import InputError
from pair_files import LFW_LIKE, write_pairs

CROPS = [
    f"x/{name}/{name}_{number:04d}.png"
    for name, number in (
        ("Ann", 1), ("Ann", 2), ("Ann", 3), ("Bo_Li", 12), ("Cy", 1), ("Cy", 4), ("Di", 1),
    )
]  # fmt: skip


def test_images_are_found_below_any_folder_and_with_any_file_ending(tmp_path):
    pairs = locate(read_pairs(write_pairs(tmp_path, LFW_LIKE)), CROPS)
    assert pairs.left.tolist() == [0, 2, 5, 4]
    assert pairs.right.tolist() == [1, 3, 4, 6]
    assert pairs.shared is None


def test_an_exact_path_goes_before_a_like_one(tmp_path):
    named = read_pairs(write_pairs(tmp_path, "a.png b.png 1\na.png c.png 0\n" * 2), folds=2)
    assert locate(named, ["a.jpg", "a.png", "b.jpg", "c.png"]).left.tolist() == [1] * 4


def test_a_name_that_fits_two_images_is_refused(tmp_path):
    named = read_pairs(write_pairs(tmp_path, LFW_LIKE))
    with pytest.raises(InputError, match="which image is Cy/Cy_0001.jpg") as caught:
        locate(named, [*CROPS, "y/Cy/Cy_0001.png"])
    assert caught.value.found == "x/Cy/Cy_0001.png, y/Cy/Cy_0001.png"


def test_missing_images_are_named(tmp_path):
    named = read_pairs(write_pairs(tmp_path, LFW_LIKE))
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
    named = read_pairs(write_pairs(tmp_path, text))
    pairs = locate(named, CROPS[1:], allow_missing=True)
    assert pairs.fold.tolist() == [0] * 2 + [1] * 4
    assert pairs.same.tolist() == [False] * 2 + [True, True, False, False]
    assert (
        "2 of 8 pairs left out, as 1 of their images have no feature: 2 in fold 1" in pairs.rule[1]
    )
    assert "not the published protocol" in pairs.rule[1]


def test_too_many_missing_images_leave_no_protocol(tmp_path):
    named = read_pairs(write_pairs(tmp_path, LFW_LIKE))
    with pytest.raises(InputError, match="no folds of matched and mismatched pairs") as caught:
        locate(named, CROPS[4:6], allow_missing=True)
    assert caught.value.found == "1 matched, 0 mismatched pairs"


def test_people_in_two_folds_are_noticed(tmp_path):
    people = np.array([0, 0, 0, 1, 2, 2, 3])
    pairs = locate(read_pairs(write_pairs(tmp_path, LFW_LIKE)), CROPS, people)
    assert (pairs.shared, pairs.rule[-1]) == (False, "No person stands in two folds.")
    text = LFW_LIKE.replace("Di\t1", "Ann\t1")
    pairs = locate(read_pairs(write_pairs(tmp_path, text)), CROPS, people)
    assert (pairs.shared, pairs.rule[-1]) == (True, "The folds share people.")


# Six pairs, of which the first three are matched.
SIX = "a/1 a/2 1\nb/1 b/2 1\nc/1 c/2 1\na/1 b/1 0\nb/1 c/1 0\na/2 c/2 0\n"
SIX_PATHS = [f"{person}/{k}.png" for person in "abc" for k in (1, 2)]
SIX_PEOPLE = np.repeat([7, 3, 5], 2)


def found(tmp_path, text, people=SIX_PEOPLE, paths=SIX_PATHS):
    return " ".join(locate(read_pairs(write_pairs(tmp_path, text), 2), paths, people).rule)


@pytest.mark.parametrize("people", [SIX_PEOPLE, None])
def test_labels_that_agree_with_the_identities_are_not_spoken_of(tmp_path, people):
    assert "contradict" not in found(tmp_path, SIX, people)


FLIPPED = SIX.replace(" 1\n", " x\n").replace(" 0\n", " 1\n").replace(" x\n", " 0\n")


def test_flipped_labels_are_refused(tmp_path):
    with pytest.raises(InputError, match="labels contradict the identities") as caught:
        found(tmp_path, FLIPPED)
    assert "in 6 of 6 pairs, the first in line 1: a/1.png and a/2.png" in caught.value.found
    assert "other way round" in caught.value.hint


def test_flipped_labels_are_told_where_only_the_folders_tell(tmp_path):
    said = found(tmp_path, FLIPPED, None)
    assert "labels contradict the identities" in said and "the images' folders" in said


def test_one_contradiction_is_told_with_its_line(tmp_path):
    text = SIX.replace("a/1 b/1 0", "a/1 b/1 1")
    said = found(tmp_path, text)
    assert (
        "labels contradict the identities" in said
        and "in 1 of 6 pairs, the first in line 4" in said
    )


def test_folders_of_days_are_not_taken_for_people(tmp_path):
    """A fold of pairs within a day and one between days, of both kinds: they tell nothing."""
    paths = [f"{day}/{person}{k}.png" for person in "abc" for k, day in ((1, "mon"), (2, "tue"))]
    text = SIX.replace("/", "") + "a1 b2 0\nb1 c2 0\n"
    assert "contradict" not in found(tmp_path, text, None, [*paths, "wed/d1.png"])


@pytest.mark.parametrize("folders", ["left right", "all all", ". ."])
def test_folders_that_are_no_people_are_not_taken_for_them(tmp_path, folders):
    one, other = folders.split()
    paths = [f"{folder}/{p}{k}.png" for p in "abc" for k, folder in ((1, one), (2, other))]
    text = SIX.replace("/", "")
    assert "contradict" not in found(tmp_path, text, None, paths)


def test_pairs_of_an_image_with_itself_and_repeated_ones_are_told(tmp_path):
    said = found(tmp_path, SIX + "a/1 a/1 1\na/2 a/1 1\nc/1 b/1 0\n")
    assert "1 pair of an image with itself, the first in line 7." in said
    assert "2 pairs repeated, the first in line 8, which stands in line 1 already." in said
    assert "as matched and as mismatched" not in said
    said = found(tmp_path, SIX + "a/2 a/1 0\n")
    assert "line 7 stands as matched and as mismatched, the other time in line 1" in said


def test_backslashes_in_a_list_of_pairs_are_slashes(tmp_path):
    named = read_pairs(write_pairs(tmp_path, SIX.replace("/", "\\")), 2)
    assert locate(named, SIX_PATHS).left.tolist() == [0, 2, 4, 0, 2, 1]
    assert locate(named, [f"x/{path}" for path in SIX_PATHS]).left.tolist() == [0, 2, 4, 0, 2, 1]
    whole = SIX.replace("/", "\\").replace(" 0\n", ".png 0\n").replace(" 1\n", ".png 1\n")
    named = read_pairs(
        write_pairs(tmp_path, whole.replace("\\1 ", "\\1.png ").replace("2 ", "2.png ")), 2
    )
    assert locate(named, [*SIX_PATHS, "x/a/1.png"]).left.tolist() == [0, 2, 4, 0, 2, 1]
