"""Our layers under other type names: which identifiers change, in our real sources."""

import re

import pytest

from amcaffe.host.resources import resource_dir
from amcaffe.host.tree_layers import snake
from amcaffe.install.naming import renamed, renamed_path
from amcaffe.install.own_layers import load_package

PACKAGE = load_package()
PROTO = (resource_dir("proto") / "toadd.proto").read_text()


def identifiers(text):
    return set(re.findall(r"[A-Za-z_]\w*", text))


@pytest.mark.parametrize(
    "name, stem",
    [("L2Normalize", "l2_normalize"), ("Flip", "flip"), ("LRNNorm", "lrn_norm"),
     ("NormalizedInnerProduct", "normalized_inner_product"), ("MyL2", "my_l2"),
     ("CosinAddm", "cosin_add_m")],
)  # fmt: skip
def test_file_names_are_as_caffe_writes_them(name, stem):
    assert snake(name) == stem


@pytest.mark.parametrize(
    "before, after",
    [("NormalizeLayer<Dtype>", "L2NormalizeLayer<Dtype>"),
     ("TYPED_TEST(NormalizeLayerTest, TestNormalizes)",
      "TYPED_TEST(L2NormalizeLayerTest, TestNormalizes)"),
     ('"Normalize"; type: Normalize.', '"L2Normalize"; type: L2Normalize.'),
     ("NormalizedInnerProduct NormalizeParameter_Kind_A",
      "NormalizedInnerProduct L2NormalizeParameter_Kind_A"),
     ("p.mutable_normalize_param() has_normalize_param",
      "p.mutable_l2_normalize_param() has_l2_normalize_param"),
     ("inner_normalize_param normalize_type normalize_rows",
      "inner_normalize_param normalize_type normalize_rows"),
     ("#ifndef CAFFE_NORMALIZE_LAYER_HPP_", "#ifndef CAFFE_L2_NORMALIZE_LAYER_HPP_"),
     ('"caffe/layers/normalize_layer.hpp"', '"caffe/layers/l2_normalize_layer.hpp"'),
     ("margin::Normalize x; CheckNormalize(y)", "margin::Normalize x; CheckNormalize(y)")],
)  # fmt: skip
def test_identifiers_of_the_layer_change_and_others_do_not(before, after):
    assert renamed(before, {"Normalize": "L2Normalize"}) == after


def test_two_names_are_given_at_once():
    names = {"Flip": "Mirror", "Normalize": "FlipNormalize"}
    assert renamed("FlipLayer NormalizeLayer", names) == "MirrorLayer FlipNormalizeLayer"


@pytest.mark.parametrize("kind", sorted(PACKAGE.layers))
def test_each_layer_of_ours_can_have_another_name(kind):
    """What changes is declared by the layer itself, and nothing of the old name is left."""
    names = {kind: "Other" + kind}
    stem = snake(names[kind])
    shared = identifiers("".join(source.code for source in PACKAGE.shared))
    tests = [test.source for test in PACKAGE.tests if kind in test.about]
    files = PACKAGE.layers[kind]
    assert {source.target.rpartition(".")[2] for source in files} >= {"hpp", "cpp"} and tests
    for source in (*files, *tests):
        text = renamed(source.code, names)
        gone = identifiers(source.code) - identifiers(text)
        assert gone and gone & shared <= {kind}  # which stands there as margin::CombinedMargin
        assert f"using margin::{kind}" not in source.code
        left = re.sub(r"margin::\w+", "", text)
        assert not re.search(rf"\b{kind}(?=[A-Z]|\b)", left), source.origin
        assert f"{snake(kind)}_layer" not in text.replace(f"{stem}_layer", "")
        path = renamed_path(source.target, names)
        assert f"{stem}_layer" in path or source in tests
        assert len(text.splitlines()) == len(source.code.splitlines())
    proto = renamed(PROTO, names)
    assert f"optional Other{kind}Parameter {stem}_param = " in proto
    assert f"message Other{kind}Parameter {{" in proto


def test_every_file_of_ours_has_its_place():
    assert {"NormalizedInnerProduct", "CombinedMargin", "LabelSpecificAdd"} <= set(PACKAGE.layers)
    shared = {source.origin for source in PACKAGE.shared}
    assert {
        "layers/margins/margin_math.hpp", "layers/margins/label_check.hpp",
        "layers/margins/normalize_rows.cu", "layers/margins/scale_bounds.cpp",
        "layers/margins/target_margin_layer.cu", "layers/margins/kept_number.hpp",
        "layers/margins/channel_tiles.hpp", "tests/layers/layer_test_util.hpp",
    } <= shared  # fmt: skip
    about = {test.source.origin: test.about for test in PACKAGE.tests}
    assert about["tests/layers/margins/test_scale_bounds.cpp"] == {"scale within bounds"}
    assert about["tests/layers/margins/test_flip_layer.cpp"] == {"Flip"}
    others = {source.origin.rpartition("/")[2] for source in PACKAGE.others}
    assert not [name for name in others if "margin" in name or "normalize" in name]
