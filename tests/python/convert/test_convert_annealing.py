"""The counts of annealed margins that other forks keep none of; bytes written by hand."""

import struct

import pytest

from amcaffe.convert import wire
from amcaffe.convert.annealing import missing_counts
from amcaffe.convert.conversion import convert, plan
from amcaffe.convert.forks import fork_schema
from amcaffe.convert.schema import read_schema

OURS = read_schema(
    "ours",
    """
message NetParameter { optional string name = 1; repeated LayerParameter layer = 100; }
message SolverState { optional int32 iter = 1; repeated BlobProto history = 3; }
message LayerParameter { optional string name = 1; optional string type = 2;
  repeated ParamSpec param = 6; repeated BlobProto blobs = 7;
  optional MarginInnerProductParameter margin_inner_product_param = 232;
  optional LabelSpecificMarginParameter label_specific_margin_param = 4005; }
message ParamSpec { optional string name = 1; }
message BlobProto { repeated float data = 5 [packed = true]; optional BlobShape shape = 7; }
message BlobShape { repeated int64 dim = 1 [packed = true]; }
message MarginInnerProductParameter {
  optional float gamma = 6; optional int32 iteration = 8; optional bool transform_test = 10; }
message LabelSpecificMarginParameter {
  optional float margin_base = 1; optional int32 iteration = 5; optional int32 bound = 11; }
""",
)
SPHEREFACE = ("sphereface", "MarginInnerProduct", "margin_inner_product_param", "gamma")
HAPPYNEAR = ("happynear", "LabelSpecificMargin", "label_specific_margin_param", "margin_base")


def blob(*values):
    return wire.packed(5, struct.pack(f"<{len(values)}f", *values))


def layer(schema, type_name, field, switch, value, iteration=None, blobs=1):
    """The bytes of a net of one layer whose switch has a value."""
    parameter = schema.messages[f"{type_name}Parameter"].by_name
    inside = wire.tag(parameter[switch].number, wire.FIXED32) + struct.pack("<f", value)
    if iteration is not None:
        inside += wire.tag(parameter["iteration"].number, wire.VARINT) + wire.varint(iteration)
    number = schema.messages["LayerParameter"].by_name[field].number
    content = wire.packed(1, b"m") + wire.packed(2, type_name.encode())
    content += wire.packed(7, blob(0.5)) * blobs + wire.packed(number, inside)
    return wire.packed(100, content)


def converted(data, source, target, **options):
    """(the number in each blob of the first layer of what a net becomes, the lines on it)."""
    conversion = plan("f", memoryview(data), source, target, **options)
    new = b"".join(conversion.output.blocks())
    (whole,) = [one for one in wire.fields(new, 0, len(new)) if one.number == 100]
    blobs = [one for one in wire.fields(new, whole.value, whole.end) if one.number == 7]
    numbers = [wire.last(new, one.value, one.end, 5, wire.LENGTH) for one in blobs]
    return [struct.unpack("<f", new[at.value : at.end])[0] for at in numbers], conversion.lines


@pytest.mark.parametrize("fork, type_name, field, switch", [SPHEREFACE, HAPPYNEAR])
def test_the_count_follows_the_blobs_that_are_there(fork, type_name, field, switch):
    source = fork_schema(fork)
    data = layer(source, type_name, field, switch, 0.125, iteration=7)
    found, lines = converted(data, source, OURS)
    assert found == [0.5, 7]
    assert any('layer 0 "m" got a count of iterations: 7, from its parameter' in line
               for line in lines)  # fmt: skip
    assert converted(data, source, OURS, iteration=500)[0] == [0.5, 500]
    assert converted(layer(source, type_name, field, switch, 1), source, OURS)[0] == [0.5, 0]


def test_a_lambda_that_stays_takes_no_count():
    source = fork_schema("sphereface")
    assert converted(layer(source, *SPHEREFACE[1:], 0.0), source, OURS)[0] == [0.5]


def test_a_margin_that_is_set_is_counted_even_at_zero():
    source = fork_schema("happynear")
    assert converted(layer(source, *HAPPYNEAR[1:], 0.0), source, OURS)[0] == [0.5, 0]


@pytest.mark.parametrize("fork, type_name, field, switch", [SPHEREFACE, HAPPYNEAR])
def test_a_count_that_is_there_stays_and_is_told_of(fork, type_name, field, switch):
    data = layer(OURS, type_name, field, switch, 0.125, blobs=2)
    assert converted(data, OURS, OURS)[0] == [0.5, 0.5]
    found, lines = converted(data, OURS, fork_schema(fork))
    assert found == [0.5, 0.5]
    assert any("keeps its count in a blob, for which" in line for line in lines)


def test_a_solverstate_gets_history_right_after_that_of_the_layers_weights(tmp_path):
    source = fork_schema("sphereface")
    plain = wire.packed(100, wire.packed(2, b"InnerProduct") + wire.packed(7, blob(1)) * 2)
    data = plain + layer(source, *SPHEREFACE[1:], 0.125) + plain
    model = tmp_path / "net.caffemodel"
    model.write_bytes(data)
    missing = missing_counts(model, memoryview(data), source, OURS)
    assert (missing.weights, missing.before) == (5, (3,))
    assert missing_counts(model, memoryview(data), source, source).before == ()
    state = wire.tag(1, wire.VARINT) + wire.varint(4) + wire.packed(3, blob(0)) * 5
    conversion = plan("f", memoryview(state), source, OURS, model=model)
    new = b"".join(conversion.output.blocks())
    assert sum(one.number == 3 for one in wire.fields(new, 0, len(new))) == 6
    assert "note: history 3 was added, of an annealed margin's count" in conversion.lines


FC6 = """
layer {{ name: "data" type: "Input" top: "x" input_param {{ shape {{ dim: 2 dim: 3 }} }} }}
layer {{ name: "label" type: "Input" top: "label" input_param {{ shape {{ dim: 2 }} }} }}
layer {{ name: "fc6" type: "MarginInnerProduct" bottom: "x" bottom: "label" top: "fc6" top: "lambda"
  margin_inner_product_param {{ num_output: 4 type: QUADRUPLE base: 1000 lambda_min: 5
    gamma: {gamma} }} }}
"""


def test_spherefaces_weights_load_as_they_are_and_converted(patched_caffe, here, fork, tmp_path):
    theirs = fork(
        {("LayerParameter", "margin_inner_product_param"): 147},
        (("LayerParameter", "swish_param"), ("MarginInnerProductParameter", "transform_test")),
    )
    net = theirs.classes["NetParameter"](name="sphereface")
    fc6 = net.layer.add(name="fc6", type="MarginInnerProduct")
    parameter = fc6.margin_inner_product_param
    parameter.num_output, parameter.type, parameter.gamma = 4, 3, 0.12
    weight = fc6.blobs.add(data=range(12))
    weight.shape.dim.extend([4, 3])
    model, new = tmp_path / "sphereface.caffemodel", tmp_path / "ours.caffemodel"
    model.write_bytes(net.SerializeToString())
    for gamma in ("0", "0.12"):
        (tmp_path / f"{gamma}.prototxt").write_text(FC6.format(gamma=gamma))

    def loaded(gamma, path, phase=patched_caffe.TRAIN):
        return patched_caffe.Net(str(tmp_path / f"{gamma}.prototxt"), str(path), phase)

    constant = loaded("0", model)
    assert constant.params["fc6"][0].data.ravel().tolist() == list(range(12))
    begun = loaded("0.12", model)
    assert begun.params["fc6"][0].data.ravel().tolist() == list(range(12))
    assert begun.params["fc6"][1].data.tolist() == [0]
    convert(model, theirs.schema, here.schema, new, say=lambda line: None, iteration=28000)
    annealed = loaded("0.12", new, patched_caffe.TEST)
    assert annealed.params["fc6"][0].data.ravel().tolist() == list(range(12))
    assert annealed.params["fc6"][1].data.tolist() == [28000]
