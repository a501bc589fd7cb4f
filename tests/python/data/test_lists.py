import os

import numpy as np
import pytest

from amcaffe.data.files import atomic_write
from amcaffe.data.lists import read_image_list, write_image_list
from amcaffe.errors import InputError


def write(path, text):
    path.write_bytes(text.encode())
    return path


def test_a_list_comes_back_as_it_was_written(tmp_path):
    paths = ["a/1.jpg", "name with spaces/2.jpg", "Zoë/3.png"]
    write_image_list(tmp_path / "list.txt", paths, np.array([0, 7, 10515]))
    found, labels = read_image_list(tmp_path / "list.txt")
    assert found == paths and labels.tolist() == [0, 7, 10515] and labels.dtype == np.int64


def test_the_last_space_separates_path_and_label_as_in_caffe(tmp_path):
    paths, labels = read_image_list(write(tmp_path / "l", "a b 2.jpg 3\nc.jpg -1\n"))
    assert paths == ["a b 2.jpg", "c.jpg"] and labels.tolist() == [3, -1]


def test_windows_line_ends_a_byte_order_mark_and_blank_lines_do_no_harm(tmp_path):
    paths, labels = read_image_list(write(tmp_path / "l", "\ufeffa.jpg 1\r\n\r\nb.jpg 2\r\n"))
    assert paths == ["a.jpg", "b.jpg"] and labels.tolist() == [1, 2]


def test_a_list_without_labels_has_none(tmp_path):
    assert read_image_list(write(tmp_path / "l", "a.jpg\nb c.jpg\n")) == (
        ["a.jpg", "b c.jpg"],
        None,
    )


def test_a_line_without_a_label_among_labelled_ones_is_named(tmp_path):
    with pytest.raises(InputError, match=r"l:3: this line has no label"):
        read_image_list(write(tmp_path / "l", "a.jpg 1\n\nb.jpg\n"))


@pytest.mark.parametrize("text, words", [("", "is empty"), ("\n \n", "is empty")])
def test_an_empty_list_is_refused(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        read_image_list(write(tmp_path / "l", text))


def test_a_missing_list_and_a_binary_file_are_refused_by_name(tmp_path):
    with pytest.raises(InputError, match="nowhere: No such file"):
        read_image_list(tmp_path / "nowhere")
    (tmp_path / "image").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(InputError, match="image is no text list"):
        read_image_list(tmp_path / "image")


@pytest.mark.parametrize("name", ["a\nb", "", "a\rb"])
def test_a_path_that_would_break_the_list_is_not_written(tmp_path, name):
    with pytest.raises(InputError, match="row 1"):
        write_image_list(tmp_path / "l", ["fine", name])
    assert not list(tmp_path.iterdir())


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
