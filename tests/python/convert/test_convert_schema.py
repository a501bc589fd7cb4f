"""caffe.proto as the wire has it, and the facts on forks."""

import os
from pathlib import Path

import pytest

from amcaffe.convert.forks import FORKS, fork_schema
from amcaffe.convert.schema import ROOTS, FieldType, read_proto, read_schema
from amcaffe.errors import InputError, TreeError

PROTO = """
syntax = "proto2"; // message Not { optional int32 a = 1; }
package caffe;
message Outer {
  enum Mode { A = 0; B = 0x10; C = -1; D = 010; option deprecated = true; }
  message Inner { required Mode mode = 1; optional Outer outer = 2; optional .caffe.Mode top = 3; }
  /* optional int32 gone = 9; */
  optional Inner inner = 1;
  repeated float data = 07 [packed = true];
  oneof choice { caffe.Outer.Inner other = 4; Missing unknown = 0x004d4944; }
}
enum Mode { ZERO = 0; }
"""


def test_scopes_labels_and_numbers_are_protobufs():
    schema = read_schema("a.proto", PROTO)
    outer, inner = schema.messages["Outer"], schema.messages["Outer.Inner"]
    assert [(f.name, f.number, f.label, f.type) for f in outer.by_number.values()] == [
        ("inner", 1, "optional", "Outer.Inner"),
        ("data", 7, "repeated", "float"),
        ("other", 4, "optional", "Outer.Inner"),
        ("unknown", 0x4D4944, "optional", "Missing"),
    ]
    assert inner.by_name["mode"] == FieldType("mode", 1, "required", "Outer.Mode")
    assert inner.by_name["outer"].type == "Outer" and inner.by_name["top"].type == "Mode"
    assert schema.enums == {"Outer.Mode": {"A": 0, "B": 16, "C": -1, "D": 8}, "Mode": {"ZERO": 0}}
    assert schema.wire_type(outer.by_name["unknown"]) is None


def test_a_broken_proto_is_told_with_its_line():
    with pytest.raises(TreeError, match="a.proto:4"):
        read_schema("a.proto", "message A {\n optional int32 a = 1;\n message B {\n int32 }\n}\n")


@pytest.mark.parametrize("text, words", [
    ("message A { " + "oneof x { " * 3000, "a oneof in a oneof"),
    ("message A { " * 300 + "} " * 300, "nested deeper than 32"),
    ("message A { " * 3000, "the end of the file"),
    ("enum A { B = x; }", "the enum A cannot be read"),
    ("enum", "the end of the file"),
])  # fmt: skip
def test_hostile_protos_are_refused(text, words):
    with pytest.raises(TreeError) as error:
        read_schema("a.proto", text)
    assert words in str(error.value)


def test_a_proto_of_something_else_is_refused(tmp_path):
    (tmp_path / "a.proto").write_text(PROTO)
    with pytest.raises(InputError, match="does not describe caffemodels"):
        read_proto(tmp_path / "a.proto")
    with pytest.raises(InputError, match="cannot read"):
        read_proto(tmp_path)


def reachable(schema):
    found, todo = set(), list(ROOTS)
    while todo:
        name = todo.pop()
        if name not in found and name in schema.messages:
            found.add(name)
            todo += [field.type for field in schema.messages[name].by_name.values()]
    return found


def test_the_facts_on_upstream_are_those_of_the_pinned_tree():
    tree = os.environ.get("AMCAFFE_TEST_TREE")
    if not tree:
        pytest.skip("AMCAFFE_TEST_TREE names no Caffe tree")
    real, facts = read_proto(Path(tree)), fork_schema("upstream")
    for name in reachable(real):
        assert facts.messages[name] == real.messages[name]
        for field in real.messages[name].by_name.values():
            if field.type in real.enums:
                assert facts.enums[field.type] == real.enums[field.type]


def test_numbers_that_forks_gave_to_something_else():
    layers = {name: fork_schema(name).messages["LayerParameter"] for name in FORKS}
    at_148 = {name: layer.by_number[148].name for name, layer in layers.items()}
    assert at_148["upstream"] == at_148["happynear"] == "clip_param"
    assert at_148["gehaocool"] == "normalize_param"
    assert at_148["happynear-master"] == "scale_param"  # upstream's 142
    assert "clip_param" not in layers["gehaocool"].by_name
    assert 142 not in layers["happynear-master"].by_number or (
        layers["happynear-master"].by_number[142].name != "scale_param"
    )
    normalization = fork_schema("caffe-zf").enums["LossParameter.NormalizationMode"]
    assert normalization["NONE"] == 4 and normalization["PRE_FIXED"] == 3
    for name, layer in layers.items():
        assert len(layer.by_name) == len(layer.by_number), name


def test_what_follows_from_a_base_is_inherited():
    layer = fork_schema("happynear-experiment").messages["LayerParameter"].by_name
    assert layer["label_specific_add_param"].number == 241
    assert layer["label_specific_statistics_param"].number == 240
    assert (
        "label_specific_statistics_param"
        not in fork_schema("happynear").messages["LayerParameter"].by_name
    )
