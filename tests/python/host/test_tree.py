"""Recognising a Caffe tree, and reading it safely."""

import os

import pytest

from amcaffe.errors import TreeError
from amcaffe.host.tree import (
    REQUIRED,
    CaffeTree,
    require_our_interface,
    require_tree,
    without_comments,
)

LAYER = "template <typename Dtype>\nclass Layer {\n};\n"
FACTORY = "#define REGISTER_LAYER_CLASS(type) type\n"


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "caffe"
    for folder in ("include/caffe", "src/caffe/proto", "src/caffe/layers", "src/caffe/util"):
        (root / folder).mkdir(parents=True)
    (root / "src/caffe/proto/caffe.proto").write_text('syntax = "proto2";\n')
    (root / "include/caffe/common.hpp").write_text("")
    (root / "include/caffe/layer.hpp").write_text(LAYER)
    (root / "include/caffe/layer_factory.hpp").write_text(FACTORY)
    return root


def refusal(path):
    with pytest.raises(TreeError) as caught:
        require_tree(path)
    return str(caught.value)


def interface_refusal(path):
    with pytest.raises(TreeError) as caught:
        require_our_interface(require_tree(path))
    return str(caught.value)


def test_a_caffe_tree_is_taken(root):
    assert require_tree(root).root == root
    require_our_interface(require_tree(root))
    assert require_tree(str(root)).read("include/caffe/layer.hpp") == LAYER.encode()


def test_a_missing_folder_is_said_to_be_missing(tmp_path):
    assert f"{tmp_path / 'none'} does not exist" in refusal(tmp_path / "none")


@pytest.mark.parametrize("denied", ["", "src/caffe/proto/caffe.proto"])
def test_a_tree_that_may_not_be_read_is_refused_in_words(root, monkeypatch, denied):
    stat = os.stat

    def refuse(path, *arguments, **options):
        if str(path) == str(root / denied):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", refuse)
    message = refusal(root)
    assert f"cannot look at {root / denied}: Permission denied\n" in message
    assert "expected: the root of a Caffe source tree" in message and "namei -l" in message


def test_a_file_is_no_tree(root):
    assert "is not a folder" in refusal(root / "include/caffe/layer.hpp")


def test_everything_that_is_missing_is_listed(tmp_path):
    message = refusal(tmp_path)
    for name in REQUIRED:
        assert f"no {name}" in message


def test_one_missing_file_is_named_alone(root):
    (root / "include/caffe/layer_factory.hpp").unlink()
    found = next(line for line in refusal(root).splitlines() if "found:" in line)
    assert found.split("found:")[1].strip() == "no include/caffe/layer_factory.hpp"


@pytest.mark.parametrize("depth", ["", "tools"])
def test_a_root_one_or_two_folders_below_is_pointed_out(root, tmp_path, depth):
    outer = tmp_path / "checkout"
    (outer / depth).mkdir(parents=True)
    root.rename(outer / depth / "caffe")
    assert f"there is a Caffe tree at {outer / depth / 'caffe'}" in refusal(outer)


def test_a_root_above_is_pointed_out(root):
    assert f"there is a Caffe tree at {root}" in refusal(root / "src/caffe")


@pytest.mark.parametrize(
    "declaration",
    ["class LayerBase {};\ntemplate<typename Ftype, typename Btype>\nclass Layer : LayerBase {",
     "template<typename Dtype, typename MItype, typename MOtype>\nclass Layer : public LayerBase {",
     "class Layer {"],
)  # fmt: skip
def test_another_layer_interface_is_refused_with_the_reason(root, declaration):
    (root / "include/caffe/layer.hpp").write_text(f"// {LAYER}\n{declaration}\n}};\n")
    message = interface_refusal(root)
    first = message.splitlines()[0]
    assert (
        "another layer interface: " in first and "class Layer` in include/caffe/layer.hpp" in first
    )
    assert "expected: `template <typename Dtype> class Layer`" in message
    assert "--no-layers" in message


def test_a_tree_of_2014_without_registration_is_refused(root):
    (root / "include/caffe/layer_factory.hpp").write_text(f"// {FACTORY}Layer* GetLayer();\n")
    message = interface_refusal(root)
    assert "Caffe of 2014" in message and "REGISTER_LAYER_CLASS" in message


def test_a_link_is_refused_with_where_it_leads(root, tmp_path):
    (tmp_path / "x.hpp").write_text("")
    (root / "include/caffe/x.hpp").symlink_to(tmp_path / "x.hpp")
    (root / "include/caffe/dead.hpp").symlink_to(tmp_path / "none.hpp")
    tree = CaffeTree(root)
    for name in ("x.hpp", "dead.hpp"):
        with pytest.raises(TreeError, match=f"{name} is a symbolic link"):
            tree.read(f"include/caffe/{name}")


def test_a_link_within_the_tree_is_told_from_one_that_leads_out(root, tmp_path):
    (tmp_path / "x.hpp").write_text("")
    (root / "include/caffe/out.hpp").symlink_to(tmp_path / "x.hpp")
    (root / "include/caffe/inner.hpp").symlink_to("common.hpp")
    tree = CaffeTree(root)
    assert tree.is_inner_link("include/caffe/inner.hpp")
    assert not tree.is_inner_link("include/caffe/out.hpp")
    assert not tree.is_inner_link("include/caffe/common.hpp")


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "src/../../x"])
def test_a_path_out_of_the_tree_is_refused(root, path):
    with pytest.raises(TreeError, match="leads out of the tree"):
        CaffeTree(root).path(path)


def test_a_root_given_through_a_link_is_fine(root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    assert require_tree(tmp_path / "link").root == root


def test_what_is_not_there_reads_as_none(root):
    assert CaffeTree(root).read("src/caffe/none.cpp") is None
    assert CaffeTree(root).text("none/none.cpp") is None


def test_any_byte_survives_reading_as_text(root):
    data = bytes(range(256)) + b"\r\n"
    (root / "src/caffe/odd.cpp").write_bytes(data)
    assert CaffeTree(root).text("src/caffe/odd.cpp").encode("latin-1") == data


@pytest.mark.parametrize(
    "source, code",
    [
        ("a // b\nc", "a     \nc"),
        ("a /* b\nc */ d", "a     \n     d"),
        ('s = "// no"; // yes', 's = "// no";       '),
        (r's = "\"// no"; x', r's = "\"// no"; x'),
        ("c = '\"'; // x", "c = '\"';     "),
        ("a // b \\\n c\nd", "a       \n  \nd"),
        ("a /* open", "a        "),
        ("a / b * c", "a / b * c"),
    ],
)
def test_comments_become_blanks_and_nothing_moves(source, code):
    assert without_comments(source) == code
