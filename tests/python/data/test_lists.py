import os
import time
from pathlib import Path

import numpy as np
import pytest

from amcaffe.data.files import atomic_write
from amcaffe.data.lists import image_list_text, read_image_list
from amcaffe.data.pair_lists import read_pairs
from amcaffe.errors import InputError

FIELD = Path(__file__).parents[4] / "shared" / "field" / "lists"


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def contents(images):
    labels = None if images.labels is None else images.labels.tolist()
    return images.paths, labels, images.lines.tolist()


def written(path, paths, labels=None):
    """The path of a list of ours."""
    text = image_list_text(path, paths, labels)
    path.write_bytes(text.encode())
    return path


def test_a_list_comes_back_as_it_was_written(tmp_path):
    paths = ["a/1.jpg", "name with spaces/2.jpg", "Zoë/3.png"]
    written(tmp_path / "list.txt", paths, np.array([0, 7, 10515]))
    images = read_image_list(tmp_path / "list.txt")
    assert contents(images) == (paths, [0, 7, 10515], [1, 2, 3])
    assert images.labels.dtype == images.lines.dtype == np.int64 and images.notes == ()


# The same two images in the forms that people have.
PATHS, LABELS = ["张 三/照片 1.png", "b/b1.png"], [0, 12]
PLAIN = "张 三/照片 1.png 0\nb/b1.png 12\n"
DIALECTS = {
    "as it is": (PLAIN, [1, 2]),
    "two blanks": (PLAIN.replace("png ", "png  "), [1, 2]),
    "a blank at the end": (PLAIN.replace("\n", " \n"), [1, 2]),
    "a blank at the start": ("  " + PLAIN, [1, 2]),
    "a tab": (PLAIN.replace("png ", "png\t"), [1, 2]),
    "tabs and blanks": (PLAIN.replace("png ", "png \t ", 1), [1, 2]),
    "commas": (PLAIN.replace("png ", "png,"), [1, 2]),
    "commas and blanks": (PLAIN.replace("png ", "png, "), [1, 2]),
    "semicolons": (PLAIN.replace("png ", "png;"), [1, 2]),
    "quotes": ('"张 三/照片 1.png",0\nb/b1.png,12\n', [1, 2]),
    "CR LF": (PLAIN.replace("\n", "\r\n"), [1, 2]),
    "CR": (PLAIN.replace("\n", "\r"), [1, 2]),
    "no last line end": (PLAIN[:-1], [1, 2]),
    "blank lines": ("\n" + PLAIN.replace("\n", "\n \t\n"), [2, 4]),
    "comments": ("# faces\n" + PLAIN + "#b/b2.png 1\n", [2, 3]),
    "a header": ("path label\n" + PLAIN, [2, 3]),
    "a header of a table": ("image_path,class_id\n" + PLAIN.replace("png ", "png,"), [2, 3]),
    "leading ./": (PLAIN.replace("b/b1", ".//./b/b1"), [1, 2]),
    "labels as floats": (PLAIN.replace(" 0\n", " 0.0\n").replace("12", "12."), [1, 2]),
    "labels as NumPy's savetxt has them": (PLAIN.replace("12", "1.2000e+01"), [1, 2]),
    "signs and zeros": (PLAIN.replace(" 0", " +0").replace("12", "0012"), [1, 2]),
    "a byte order mark": ("\ufeff" + PLAIN, [1, 2]),
    "joined lists with marks": (PLAIN.replace("b/", "\ufeffb/"), [1, 2]),
    "UTF-16": (PLAIN.encode("utf-16"), [1, 2]),
    "UTF-16 with CR LF": (PLAIN.replace("\n", "\r\n").encode("utf-16"), [1, 2]),
    "UTF-16, big end first": (b"\xfe\xff" + PLAIN.encode("utf-16-be"), [1, 2]),
    "UTF-32": (PLAIN.encode("utf-32"), [1, 2]),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_dialect_gives_the_same_images(tmp_path, dialect):
    content, lines = DIALECTS[dialect]
    path = write(tmp_path / "l", content)
    assert contents(read_image_list(path)) == (PATHS, LABELS, lines)


FILE_DIALECTS = {
    "backslashes": "张 三\\照片 1.png 0\nb\\b1.png 12\n",
    "backslashes after a dot": "张 三\\照片 1.png 0\n.\\b\\b1.png 12\n",
    "labels first": "0 张 三/照片 1.png\n12 b/b1.png\n",
    "labels first, tabs": "0\t张 三/照片 1.png\n12\tb/b1.png\n",
    "labels first, commas": "0,张 三/照片 1.png\n12.0,b/b1.png\n",
    "labels first, backslashes": "0 张 三\\照片 1.png\n12 b\\b1.png\n",
}


@pytest.fixture
def file_of(tmp_path):
    """Function from a path of PATHS to its file."""
    for path in PATHS:
        file = tmp_path / "img" / path
        file.parent.mkdir(parents=True)
        file.write_bytes(b"")
    return lambda name: os.path.join(tmp_path, "img", name)


@pytest.mark.parametrize("dialect", [*FILE_DIALECTS, *DIALECTS])
def test_each_dialect_gives_the_same_images_where_their_files_are_known(tmp_path, file_of, dialect):
    content = FILE_DIALECTS.get(dialect) or DIALECTS[dialect][0]
    images = read_image_list(write(tmp_path / "l", content), file_of)
    assert contents(images)[:2] == (PATHS, LABELS)
    assert ("labels stand first" in images.notes) == ("labels first" in dialect)


def test_backslashes_are_told_and_stay_where_no_file_is_there_with_slashes(tmp_path, file_of):
    text = "b\\b1.png 0\nb\\gone.png 1\n"
    images = read_image_list(write(tmp_path / "l", text), file_of)
    assert images.paths == ["b/b1.png", "b\\gone.png"]
    assert images.notes == ("backslashes read as /, 1 paths",)
    Path(file_of("b\\b1.png")).write_bytes(b"")  # on Linux a name like another
    assert read_image_list(tmp_path / "l", file_of).paths[0] == "b\\b1.png"


def test_what_is_not_taken_as_it_stands_is_told(tmp_path):
    content = ("# x\npath label\n" + PLAIN).encode("utf-16")
    assert read_image_list(write(tmp_path / "l", content)).notes == (
        "read as utf-16",
        "lines that begin with # passed over, 1 of them",
        "line 2 read as a header",
    )


def test_the_last_blank_separates_path_and_label_as_in_caffe(tmp_path):
    images = read_image_list(write(tmp_path / "l", "a b 2.jpg 3\nc.jpg -1\nimg 1 7\n"))
    assert images.paths == ["a b 2.jpg", "c.jpg", "img 1"] and images.labels.tolist() == [3, -1, 7]


def test_a_list_without_labels_has_none(tmp_path):
    images = read_image_list(write(tmp_path / "l", "a.jpg\nb c.jpg\n"))
    assert contents(images) == (["a.jpg", "b c.jpg"], None, [1, 2])


def test_only_the_dot_before_a_path_goes(tmp_path):
    images = read_image_list(write(tmp_path / "l", "./a./b.png 0\n././c/./d.png 1\n./.e.png 2\n"))
    assert images.paths == ["a./b.png", "c/./d.png", ".e.png"]


LONG = [
    " ",
    "\t",
    "1 ",
    "./",
    ".",
    "1",
    "1.",
    "a_",
    "_",
    ",",
    ", ",
    '"',
    "\\",
    "a.jpg ",
    "é",
    "\ufeff",
]


@pytest.mark.parametrize("piece", LONG)
@pytest.mark.parametrize("around", ["{}", "a{}b", "1{}1", "a{}b\t1", "a.jpg {}.jpg 1", "label{}!"])
def test_a_long_line_is_read_or_refused_at_once(tmp_path, piece, around):
    """A regular expression that tries every way would take hours over such a line."""
    path = write(tmp_path / "l", around.format(piece * 200_000) + "\na.jpg b.jpg 1\n")
    for read in (read_image_list, read_pairs):
        began = time.process_time()
        try:
            read(path)
        except InputError as error:
            assert len(str(error)) < 2000
        assert time.process_time() - began < 2


def test_a_list_may_name_an_image_twice(tmp_path):
    images = read_image_list(write(tmp_path / "l", "a.jpg 0\nb.jpg 1\na.jpg 0\n"))
    assert images.paths == ["a.jpg", "b.jpg", "a.jpg"]


FIFTY = "".join(f"{k}.jpg {k}\n" for k in range(50))


@pytest.mark.parametrize(
    "content, words",
    [
        ("a.jpg 1\n\nb.jpg\nc.jpg 2\n", "l:3: this line has no label, 2 others have one"),
        ("first.jpg\n" + FIFTY, "l:1: this line has no label, 50 others have one"),
        ("a.jpg\nb.jpg 1\nc.jpg\n", "l:2: this line has a label, 2 others have none"),
        ("50\n" + FIFTY, "l:1: this line has no label"),
        ("a.jpg 0\nb.jpg,1\nc.jpg 2\n", "l:2: a comma before the label, where 2 lines have blanks"),
        ("a.jpg 0 0.31 0.52\n", "l:1: 3 labels"),
        ("a.jpg 0\nb.jpg 1 2\n", "l:2: 2 labels"),
        ("a.jpg,0,1\n", "l:1: 2 labels"),
        ("a.jpg\t0,5\n", "l:1: 2 labels"),
        ("a.jpg 0.5\n", "l:1: a label is a whole number"),
        ("a.jpg 1e400\n", "l:1: a label is a whole number"),
        ("a.jpg 9223372036854775808\n", "l:1: a label beyond 64 bits"),
        (f"a.jpg {'9' * 5000}\n", "l:1: a label beyond 64 bits"),
        ("Smith, John/1.jpg,0\n", "l:1: more than two columns"),
        ("a.jpg\tAnn\t0\n", "l:1: more than two columns"),
        ("a.jpg\tb.jpg\n", "l:1: more than two columns"),
        (b"a.jpg 0\na\0b.jpg 1\n", "l:2: a control character"),
        (b"a.jpg 0\nb\x1b.jpg 1\n", "l:2: a control character"),
        ("a.jpg 0\n".encode("utf-16-le"), "utf-16-le"),
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("# a\n#b\n", "is empty"),
    ],
)
def test_what_is_mixed_or_means_nothing_is_refused_with_its_line(tmp_path, content, words):
    with pytest.raises(InputError) as caught:
        read_image_list(write(tmp_path / "l", content))
    assert words in str(caught.value) and len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "line, name",
    [
        ("b\u200b.jpg", "U+200B ZERO WIDTH SPACE"),
        ("b.jpg\u00a01", "U+00A0 NO-BREAK SPACE"),
        ("b.jpg\u30001", "U+3000 IDEOGRAPHIC SPACE"),
        ("\u202eb.jpg", "U+202E RIGHT-TO-LEFT OVERRIDE"),
    ],
)
def test_what_cannot_be_seen_is_named(tmp_path, line, name):
    with pytest.raises(InputError) as caught:
        read_image_list(write(tmp_path / "l", f"a.jpg 0\n{line}\nc.jpg 2\n"))
    assert "l:2: this line has no label" in str(caught.value) and name in caught.value.found


def test_gbk_is_refused_with_its_fix_which_reads_it(tmp_path, file_of):
    path = write(tmp_path / "l", b"b/b1.png 12\n" + "张 三/照片 1.png 0\n".encode("gbk"))
    with pytest.raises(InputError, match="l:2: not UTF-8; looks like GBK") as caught:
        read_image_list(path, file_of)
    assert "--encoding gbk" in caught.value.hint
    assert read_image_list(path, file_of, "gbk").paths == PATHS[::-1]


@pytest.mark.parametrize("encoding", ["big5", "shift_jis", "euc_kr"])
def test_other_encodings_are_read_where_they_are_named(tmp_path, encoding):
    text = {"big5": "張/1.png 0\n", "shift_jis": "日本/1.png 0\n", "euc_kr": "김/1.png 0\n"}[
        encoding
    ]
    path = write(tmp_path / "l", text.encode(encoding))
    with pytest.raises(InputError, match="l:1: not UTF-8"):
        read_image_list(path)
    assert read_image_list(path, None, encoding).paths == [text[:-3]]


@pytest.mark.parametrize("name", ["Zoë", "Müller", "José García", "Ångström"])
def test_western_letters_are_not_taken_for_gbk(tmp_path, name):
    path = write(tmp_path / "l", f"{name}/1.png 0\n{name}/2.png 1\n".encode("latin-1"))
    with pytest.raises(InputError, match="l:1: not UTF-8; looks like Windows-1252"):
        read_image_list(path)


def test_file_names_that_are_gbk_themselves_are_told(tmp_path, file_of):
    os.mkdir(os.fsencode(file_of("")) + "李".encode("gbk"))
    Path(os.fsdecode(os.fsencode(file_of("")) + "李/1.png".encode("gbk"))).write_bytes(b"")
    path = write(tmp_path / "l", "李/1.png 0\n".encode("gbk"))
    with pytest.raises(InputError, match="l:1: the file's name is in gbk, not in UTF-8") as caught:
        read_image_list(path, file_of, "gbk")
    assert "convmv" in caught.value.hint


@pytest.mark.parametrize("encoding", ["klingon", "zlib", "rot13"])
def test_an_encoding_that_is_none_is_refused(tmp_path, encoding):
    with pytest.raises(InputError, match=f"--encoding {encoding}"):
        read_image_list(write(tmp_path / "l", PLAIN), None, encoding)


def test_labels_first_are_not_guessed(tmp_path, file_of):
    path = write(tmp_path / "l", "0 gone/1.png\n1 gone/2.png\n")
    with pytest.raises(InputError, match="l:1: a label and a path, or a path with a number"):
        read_image_list(path, file_of)
    assert read_image_list(path).paths == ["0 gone/1.png", "1 gone/2.png"]  # a list of ours
    write(path, "0 b/b1.png\n")
    Path(file_of("0 b")).mkdir()
    Path(file_of("0 b/b1.png")).write_bytes(b"")
    with pytest.raises(InputError) as caught:
        read_image_list(path, file_of)
    assert "files of both names" in caught.value.found
    Path(file_of("b/b1.png")).unlink()
    assert read_image_list(path, file_of).labels is None


def test_a_comment_that_may_be_an_image_is_refused(tmp_path, file_of):
    Path(file_of("#1.png")).write_bytes(b"")
    path = write(tmp_path / "l", PLAIN + "#1.png 3\n")
    with pytest.raises(InputError, match="l:3: a comment, or the image") as caught:
        read_image_list(path, file_of)
    assert "./#1.png is the image" in caught.value.hint
    assert read_image_list(write(path, PLAIN + "./#1.png 3\n"), file_of).paths[2] == "#1.png"


def test_a_missing_list_a_folder_a_pipe_and_a_binary_file_are_refused_by_name(tmp_path):
    with pytest.raises(InputError, match="nowhere: No such file"):
        read_image_list(tmp_path / "nowhere")
    with pytest.raises(InputError, match="Is a directory"):
        read_image_list(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe: it is a pipe or a device"):
        read_image_list(tmp_path / "pipe")
    with pytest.raises(InputError, match="no file's name"):
        read_image_list("a\0b")
    (tmp_path / "image").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF\0")
    with pytest.raises(InputError, match="image:1: not UTF-8"):
        read_image_list(tmp_path / "image")


ODD = ["#1.jpg", "\ufeffa.jpg", "12", "1 a.jpg", "img 1", "a,b.jpg", "a;b", "Smith, John", "path"]
ODD += ["a\\b.jpg", '"a".jpg', "\u3000a.jpg", ".hidden", "../up.jpg", "/abs.jpg", "label", " a"]


@pytest.mark.parametrize("labels", [None, range(len(ODD))])
def test_odd_names_come_back_or_are_not_written(tmp_path, labels):
    kept = []
    for row, name in enumerate(ODD):
        label = None if labels is None else [labels[row]]
        try:
            written(tmp_path / "l", [name], label)
        except InputError:
            continue
        assert contents(read_image_list(tmp_path / "l")) == ([name], label, [1])
        kept.append(name)
    written(tmp_path / "l", kept, None if labels is None else range(len(kept)))
    assert read_image_list(tmp_path / "l").paths == kept
    assert set(ODD) - set(kept) == ({"img 1"} if labels is None else set())


@pytest.mark.parametrize("name", ["a\nb", "", "a\rb", "a ", "a\tb", "a\0", "\udce9", "./a"])
@pytest.mark.parametrize("labels", [None, [0, 1]])
def test_a_path_that_would_break_the_list_is_not_written(tmp_path, name, labels):
    with pytest.raises(InputError, match="row 1"):
        written(tmp_path / "l", ["fine", name], labels)
    assert not list(tmp_path.iterdir())


def test_a_labelled_name_that_would_read_as_two_labels_is_not_written(tmp_path):
    with pytest.raises(InputError, match="row 0"):
        written(tmp_path / "l", ["a.jpg 1"], [3])


@pytest.fixture
def reported(tmp_path):
    """Function that reads a list of the field's reports as a step does; its images are there."""
    for number in range(72):
        path = tmp_path / f"p{number // 6:02d}/p{number // 6:02d}_{number % 6 + 1:04d}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")

    def read(name, encoding=None):
        if not (FIELD / f"{name}.txt").is_file():
            pytest.skip("no ../shared/field/lists beside this checkout")
        return read_image_list(FIELD / f"{name}.txt", lambda n: str(tmp_path / n), encoding)

    return read


@pytest.mark.parametrize("name", "crlf trailing_blank two_blanks tab csv from_one gaps".split())
def test_reported_lists_of_made_images_are_read_as_the_plain_one(reported, name):
    images = reported(name)
    assert images.paths == [f"p{k // 6:02d}/p{k // 6:02d}_{k % 6 + 1:04d}.png" for k in range(72)]
    labels = np.repeat(np.arange(12), 6) + (name == "from_one")
    assert name == "gaps" or np.array_equal(images.labels, labels)
    assert len(np.unique(images.labels)) == 12


def test_reported_lists_with_blanks_and_chinese_names_are_read_or_refused(reported, tmp_path):
    bom = reported("bom")
    for name in bom.paths:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert bom.paths[0].endswith("1.png") and " " in bom.paths[0]
    for name, encoding in (("backslash", None), ("gbk", "gbk")):
        images = reported(name, encoding)
        assert images.paths == bom.paths and np.array_equal(images.labels, bom.labels)
    with pytest.raises(InputError, match="gbk.txt:1: not UTF-8; looks like GBK"):
        reported("gbk")
    with pytest.raises(InputError, match="multilabel.txt:1: 3 labels"):
        reported("multilabel")


def test_a_failed_write_leaves_the_old_file_and_no_partial_one(tmp_path, monkeypatch):
    atomic_write(tmp_path / "f", "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match="cannot write .*f: No space left"):
        atomic_write(tmp_path / "f", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_text() == "old"


def test_a_written_file_has_the_permissions_that_the_umask_leaves(tmp_path):
    before = os.umask(0o027)
    try:
        atomic_write(tmp_path / "f", b"bytes")
    finally:
        os.umask(before)
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o640
