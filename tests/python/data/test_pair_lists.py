from pathlib import Path

import numpy as np
import pytest

from amcaffe.data.pair_lists import FORMS, read_pairs
from amcaffe.data.pairs import locate
from amcaffe.errors import InputError
from pair_files import LFW_LIKE, write_pairs

DATA = Path(__file__).parents[4] / "shared" / "data"
LFW = DATA / "lfw" / "pairs.txt"


@pytest.mark.parametrize("text", [LFW_LIKE, LFW_LIKE.rstrip(), LFW_LIKE.replace("\n", "\r\n")])
def test_lfw_lists_are_read(tmp_path, text):
    named = read_pairs(write_pairs(tmp_path, text))
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
    ("line", "text"),
    [(2, "Ann\t1"), (2, "Ann\t1\ttwo"), (3, "Ann\t3\t\tBo"), (5, "Cy\t1\tDi\tx")],
)
def test_a_broken_line_of_an_lfw_list_is_named_with_the_forms(tmp_path, line, text):
    lines = LFW_LIKE.split("\n")
    lines[line - 1] = text
    with pytest.raises(InputError, match=f"pairs.txt:{line}: no pair") as caught:
        read_pairs(write_pairs(tmp_path, "\n".join(lines)))
    assert caught.value.expected == FORMS and repr(text) in caught.value.found


def test_a_kind_of_pair_that_the_header_does_not_have_there_is_named(tmp_path):
    text = LFW_LIKE.replace("Ann\t3\tBo_Li\t12", "Ann\t3\t4")
    with pytest.raises(InputError, match="pairs.txt:3: no mismatched pair"):
        read_pairs(write_pairs(tmp_path, text))


def test_a_cut_lfw_list_is_refused(tmp_path):
    path = write_pairs(tmp_path, LFW_LIKE[: LFW_LIKE.index("Cy\t1")])
    with pytest.raises(InputError, match="header") as caught:
        read_pairs(path)
    assert caught.value.found == "3 pairs after the header"


def test_plain_lists_are_read_and_cut_into_folds_of_both_kinds(tmp_path):
    lines = [f"a/{k}.png b/{k}.png 1" for k in range(6)]
    lines += [f"a/{k}.png\tc d/{k}.png\t0" for k in range(9)]
    named = read_pairs(write_pairs(tmp_path, "\n".join(lines) + "\n\n"), folds=3)
    assert (named.left[0], named.right[0]) == ("a/0.png", "b/0.png")
    assert named.right[6] == "c d/0.png"
    assert named.same.tolist() == [True] * 6 + [False] * 9
    assert named.fold.tolist() == [0, 0, 1, 1, 2, 2] + [0] * 3 + [1] * 3 + [2] * 3


@pytest.mark.parametrize("text", ["a b", "a b 2", "a b c 1", "a b perhaps", "a\tb\t1\tx", "a\t\t1"])
def test_a_broken_line_of_a_plain_list_is_named_with_the_forms(tmp_path, text):
    path = write_pairs(tmp_path, f"a b 1\n{text}\n")
    with pytest.raises(InputError, match="pairs.txt:2: no pair") as caught:
        read_pairs(path, folds=2)
    assert "two lines a pair" in str(caught.value) and "View 1" in str(caught.value)


def test_a_plain_list_too_short_for_its_folds_is_refused(tmp_path):
    with pytest.raises(InputError, match="too few pairs for 10 folds") as caught:
        read_pairs(write_pairs(tmp_path, "a b 1\nc d 0\n"))
    assert caught.value.found == "1 matched and 1 mismatched"


def test_lists_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(InputError, match="none.txt: No such file"):
        read_pairs(tmp_path / "none.txt")
    with pytest.raises(InputError, match="pairs.txt is empty"):
        read_pairs(write_pairs(tmp_path, "\n \n"))
    with pytest.raises(InputError, match="no pair after the header"):
        read_pairs(write_pairs(tmp_path, "10\t300\n"))
    (tmp_path / "bytes.txt").write_bytes(b"a b 1\n\xff\xfe b 1\n")
    with pytest.raises(InputError, match="bytes.txt:2: not UTF-8"):
        read_pairs(tmp_path / "bytes.txt")


# Four pairs in every form: 1, 0, 1, 0.
PLAIN = [("a/1.png", "a/2.png", 1), ("a/1.png", "b/1.png", 0), ("b/1.png", "b/2.png", 1),
         ("c/1.png", "b/2.png", 0)]  # fmt: skip
PEOPLE = {"a/1.png": 5, "a/2.png": 5, "b/1.png": 0, "b/2.png": 0, "c/1.png": 7}


def plain(form, no="0"):
    return "".join(form.format(a, b, same or no) + "\n" for a, b, same in PLAIN)


FORMS_OF_FOUR = {
    "blanks": plain("{} {} {}"),
    "runs of blanks": plain("{}   {}  {}  "),
    "tabs": plain("{}\t{}\t{}"),
    "two tabs": plain("{}\t\t{}\t{}"),
    "commas": plain("{},{},{}"),
    "commas and blanks": plain("{}, {}, {}"),
    "semicolons": plain("{};{};{}"),
    "label first": plain("{2} {0} {1}"),
    "label first, commas": plain("{2},{0},{1}"),
    "-1": plain("{} {} {}", no="-1"),
    "-1 first": plain("{2}\t{0}\t{1}", no="-1"),
    "as floats": plain("{} {} {}.0"),
    "words": plain("{} {} {}").replace(" 1\n", " True\n").replace(" 0\n", " False\n"),
    "a header": "file_x,file_y,Decision\n"
    + plain("{},{},{}").replace(",1\n", ",Yes\n").replace(",0\n", ",No\n"),
    "a header of words": "img1 img2 issame\n" + plain("{} {} {}"),
    "a count": "4\n" + plain("{} {} {}"),
    "a byte order mark": "\ufeff" + plain("{} {} {}"),
    "CR LF": plain("{} {} {}\r"),
    "CR": plain("{} {} {}").replace("\n", "\r"),
    "no last line end": plain("{} {} {}").rstrip(),
    "blank lines": plain("{} {} {}\n"),
    "comments": "# pairs\n" + plain("{} {} {}"),
    "leading ./": plain("./{} ./{} {}"),
    "two lines": plain("{0} {2}\n{1} {2}"),
    "two lines, tabs": plain("{0}\t{2}\n{1}\t{2}"),
    "two lines, commas": plain("{0},{2}\n{1},{2}"),
    "two lines, -1": plain("{0} {2}\n{1} {2}", no="-1"),
    "two lines, label first": plain("{2} {0}\n{2} {1}"),
    "two lines, people": "".join(f"{a} {PEOPLE[a]}\n{b} {PEOPLE[b]}\n" for a, b, _ in PLAIN),
}


@pytest.mark.parametrize("form", FORMS_OF_FOUR)
def test_each_form_gives_the_same_pairs(tmp_path, form):
    named = read_pairs(write_pairs(tmp_path, FORMS_OF_FOUR[form]), folds=2)
    assert list(zip(named.left, named.right, named.same.tolist())) == PLAIN
    assert named.fold.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "gbk"])
def test_pairs_are_read_in_their_encoding(tmp_path, encoding):
    path = tmp_path / "pairs.txt"
    path.write_bytes(plain("张/{}\t张/{}\t{}").encode(encoding))
    asked = None if encoding == "utf-16" else encoding
    assert read_pairs(path, 2, asked).left[0] == "张/a/1.png"


LFW_LINES = ["Ann\t1\t2", "Cy\t4\t1", "Ann\t3\tBo_Li\t12", "Cy\t1\tDi\t1"]


@pytest.mark.parametrize("header", ["", "2\n"])
@pytest.mark.parametrize("gap", ["\t", " ", "  ", ",", ";"])
def test_view_1_and_lines_without_a_header_are_cut_by_folds(tmp_path, header, gap):
    text = header + "\n".join(LFW_LINES).replace("\t", gap)
    named = read_pairs(write_pairs(tmp_path, text), folds=2)
    assert named.right == [
        "Ann/Ann_0002.jpg", "Cy/Cy_0001.jpg", "Bo_Li/Bo_Li_0012.jpg", "Di/Di_0001.jpg",
    ]  # fmt: skip
    assert named.same.tolist() == [True, True, False, False]
    assert named.fold.tolist() == [0, 1, 0, 1]
    with pytest.raises(InputError, match="too few pairs for 3 folds"):
        read_pairs(tmp_path / "pairs.txt", folds=3)


@pytest.mark.parametrize("header, folds", [("", 1), ("2\n", 1), ("2\t2\n", 2)])
def test_two_lines_a_pair_may_be_names_and_numbers(tmp_path, header, folds):
    text = "Ann\t1\nAnn\t2\nCy\t4\nCy\t1\nAnn\t3\nBo_Li\t12\nCy\t1\nDi\t1\n"
    named = read_pairs(write_pairs(tmp_path, header + text * folds), folds=2)
    assert named.right[:3] == ["Ann/Ann_0002.jpg", "Cy/Cy_0001.jpg", "Bo_Li/Bo_Li_0012.jpg"]
    assert named.same[:4].tolist() == [True, True, False, False]


def test_view_1_has_its_matched_pairs_first(tmp_path):
    with pytest.raises(InputError, match="pairs.txt:2: no matched pair"):
        read_pairs(write_pairs(tmp_path, "2\n" + "\n".join(LFW_LINES[::-1])), folds=2)
    with pytest.raises(InputError, match="do not agree"):
        read_pairs(write_pairs(tmp_path, "3\n" + "\n".join(LFW_LINES)), folds=2)


def test_blanks_in_paths_are_kept_where_a_tab_or_an_ending_tells_them(tmp_path):
    text = "张 三/照片 1.png b b/1.png 1\nc d.jpg\te f.jpg\t0\n"
    named = read_pairs(write_pairs(tmp_path, text * 2), folds=2)
    assert named.left[:2] == ["张 三/照片 1.png", "c d.jpg"]
    assert named.right[:2] == ["b b/1.png", "e f.jpg"]
    with pytest.raises(InputError, match="pairs.txt:2: no pair") as caught:
        read_pairs(write_pairs(tmp_path, "a b 1\na.png b.png c.png 1\n"))
    assert "tabs" in caught.value.hint


@pytest.mark.parametrize("kind, no", [("matched", "1"), ("mismatched", "0")])
def test_a_constant_column_of_labels_is_noticed(tmp_path, kind, no):
    for text in (f"a.png b.png {no}\n" * 9, f"a.png {no}\nb.png {no}\n" * 9):
        with pytest.raises(InputError, match=f"all 9 pairs are {kind}: is its column of labels"):
            read_pairs(write_pairs(tmp_path, text))


@pytest.mark.parametrize(
    "text, words",
    [
        ("a.png b.png 1\na.png c.png 0\na.png d.png -1\n", "pairs.txt:3: labels 1, 0 and -1"),
        ("1 x 0\n0 y 1\n", "in two ways"),
        ("a.png 1\nb.png 1\nc.png 0\nd.png 1\n", "pairs.txt:4: the two lines of a pair differ"),
        ("a.png 1\nb.png 1\nc.png 0\n", "pairs.txt:3: the second line of the last pair"),
        ("a.png 0\nb.png 0\nc.png 1\nd.png 2\n", "pairs.txt:1: an image list, not one of pairs"),
        ("a.png\nb.png\n", "pairs.txt:1: no pair"),
        ("a.png b.png\nc.png d.png\n", "pairs.txt:1: no pair"),
    ],
)
def test_what_has_two_meanings_or_none_is_refused(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        read_pairs(write_pairs(tmp_path, text), folds=2)


def test_every_real_list_at_hand_is_read():
    lists = [*DATA.rglob("pairs.txt"), *DATA.rglob("pairs.csv")]
    if not lists:
        pytest.skip("no ../shared/data beside this checkout")
    for path in lists:
        named = read_pairs(path)
        assert len(named.left) >= 300 and 0.1 < named.same.mean() < 0.9, path


FIELD = Path(__file__).parents[4] / "shared" / "field" / "pairs"


@pytest.mark.parametrize("name", ["no_header", "comma", "label_first", "minus1", "ok"])
def test_reported_lists_are_read(name):
    path = FIELD / (f"plain_{name}.txt" if name != "no_header" else "pairs_no_header.txt")
    if not path.is_file():
        pytest.skip("no ../shared/field/pairs beside this checkout")
    named = read_pairs(path)
    paths = [f"p{p:02d}/p{p:02d}_{k:04d}.png" for p in range(12) for k in range(1, 7)]
    pairs = locate(named, paths, np.repeat(np.arange(12), 6))
    assert pairs.same.sum() == 60 == (~pairs.same).sum()
    assert not any("contradict" in sentence for sentence in pairs.rule)
