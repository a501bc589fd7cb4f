"""Converted files, read by protobuf and by Caffe itself."""

import os

import numpy as np
import pytest

from amcaffe.convert import main, schema_of
from amcaffe.convert.conversion import convert, plan
from amcaffe.convert.forks import fork_schema
from amcaffe.errors import InputError
from amcaffe.host.tree_layers import registered_types
from our_layers import OUR_LAYERS

NET = """
name: "net"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 2 } } }
layer { name: "norm" type: "Normalize" bottom: "data" top: "norm" normalize_param { } }
layer { name: "fc" type: "InnerProduct" bottom: "norm" top: "fc"
  inner_product_param { num_output: 4 bias_term: false normalize: true
    weight_filler { type: "xavier" variance_norm: AVERAGE } } }
layer { name: "margin" type: "CombinedMargin" bottom: "fc" bottom: "label" top: "margin"
  combined_margin_param { m1: 1 m2: 0.25 m3: 0.125 transform_test: true } }
"""


def planned(data, source, target, **options):
    return b"".join(plan("f", memoryview(data), source, target, **options).output.blocks())


@pytest.fixture
def model(patched_caffe, here, tmp_path):
    """A caffemodel of NET as this Caffe saves it: (Net, path, NetParameter)."""
    prototxt, path = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    prototxt.write_text(NET)
    net = patched_caffe.Net(str(prototxt), patched_caffe.TEST)
    net.save(str(path))
    return net, path, here.classes["NetParameter"].FromString(path.read_bytes())


def text(message):
    from google.protobuf import text_format

    return text_format.MessageToString(message)


def reread(message, cls):
    """The same message in a class of another dialect, by the names of its fields."""
    from google.protobuf import text_format

    return text_format.Parse(text(message), cls())


GEHAOCOOL = {
    ("LayerParameter", "normalize_param"): 148,
    ("LayerParameter", "combined_margin_param"): 151,
}
NO_CLIP = (("LayerParameter", "clip_param"),)


def test_a_model_that_this_caffe_cannot_parse_loads_after_conversion(
    patched_caffe, here, fork, model, tmp_path, step
):
    net, path, parameter = model
    theirs = reread(parameter, fork(GEHAOCOOL, NO_CLIP).classes["NetParameter"])
    foreign, converted = tmp_path / "theirs.caffemodel", tmp_path / "ours.caffemodel"
    foreign.write_bytes(theirs.SerializeToString())
    unread = here.classes["NetParameter"].FromString(foreign.read_bytes())
    lacking = [f"layer[2].clip_param.{name}" for name in ("min", "max")]
    assert unread.FindInitializationErrors() == lacking

    tree = str(tmp_path / "caffe.proto")
    (tmp_path / "caffe.proto").write_text(here.proto, encoding="latin-1")
    done = step("convert", foreign, "--from", "gehaocool", "--to", tree, "--out", converted)
    assert done.returncode == 0, done.stderr
    assert "LayerParameter.normalize_param: 148 -> 214, 1 times" in done.stdout
    assert text(here.classes["NetParameter"].FromString(converted.read_bytes())) == text(parameter)
    again = patched_caffe.Net(str(tmp_path / "net.prototxt"), str(converted), patched_caffe.TEST)
    data = np.random.default_rng(0).normal(size=(2, 3))
    for one in (net, again):
        one.blobs["data"].data[...], one.blobs["label"].data[...] = data, [1, 3]
        one.forward()
    np.testing.assert_array_equal(net.blobs["margin"].data, again.blobs["margin"].data)
    np.testing.assert_array_equal(net.params["fc"][0].data, again.params["fc"][0].data)


def test_there_and_back_is_byte_identical(here, fork, model):
    _, path, _ = model
    other = fork({
        **GEHAOCOOL,
        ("LayerParameter", "blobs"): 777,
        ("BlobProto", "data"): 77,
        ("InnerProductParameter", "normalize"): 9999,
        ("FillerParameter", "variance_norm"): 1,
        ("FillerParameter", "type"): 8,
    }, NO_CLIP)  # fmt: skip
    ours = path.read_bytes()
    theirs = planned(ours, here.schema, other.schema)
    read = reread(other.classes["NetParameter"].FromString(theirs), here.classes["NetParameter"])
    assert text(read) == text(here.classes["NetParameter"].FromString(ours))
    assert theirs != ours and planned(theirs, other.schema, here.schema) == ours


def test_what_both_read_alike_is_the_input_itself(here, model):
    _, path, _ = model
    conversion = plan("f", memoryview(path.read_bytes()), here.schema, here.schema)
    assert not conversion.output.changed and conversion.lines == []


def test_solver_state_goes_on_where_it_was(patched_caffe, here, fork, tmp_path):
    (tmp_path / "net.prototxt").write_text("""
layer { name: "data" type: "DummyData" top: "x" top: "y" dummy_data_param {
  shape { dim: 4 dim: 3 } shape { dim: 4 dim: 2 } data_filler { type: "constant" value: 0.5 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc"
  inner_product_param { num_output: 2 weight_filler { type: "constant" value: 0.25 } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "fc" bottom: "y" top: "loss" }
""")
    (tmp_path / "solver.prototxt").write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 0.01 momentum: 0.9 lr_policy: "fixed" '
        f'snapshot_prefix: "{tmp_path}/s" solver_mode: CPU display: 0'
    )

    def solver():
        return patched_caffe.get_solver(str(tmp_path / "solver.prototxt"))

    whole = solver()
    whole.step(3)
    whole.snapshot()
    whole.step(3)
    other = fork({("SolverState", "history"): 33, ("SolverState", "current_step"): 3})
    state = here.classes["SolverState"].FromString((tmp_path / "s_iter_3.solverstate").read_bytes())
    theirs = tmp_path / "theirs.solverstate"
    theirs.write_bytes(reread(state, other.classes["SolverState"]).SerializeToString())
    ours, lines = tmp_path / "ours.solverstate", []
    convert(theirs, other.schema, here.schema, ours, say=lines.append)
    assert any("learned_net" in line for line in lines)

    resumed = solver()
    resumed.restore(str(ours))
    assert resumed.iter == 3
    resumed.step(3)
    for mine, its in zip(whole.net.params["fc"], resumed.net.params["fc"]):
        np.testing.assert_array_equal(mine.data, its.data)


ANNEALED = (
    NET[: NET.index('layer { name: "margin"')]
    + """
layer { name: "margin" type: "LabelSpecificAdd" bottom: "fc" bottom: "label" top: "margin"
  label_specific_add_param { bias_base: -0.25 bias_gamma: 0.5 bias_min: -1 iteration: 7 } }
"""
)


@pytest.mark.parametrize("options, count", [({}, 7), ({"iteration": 500}, 500)])
def test_an_annealed_margin_gets_its_count(patched_caffe, here, fork, tmp_path, options, count):
    (tmp_path / "net.prototxt").write_text(ANNEALED)
    net = patched_caffe.Net(str(tmp_path / "net.prototxt"), patched_caffe.TRAIN)
    net.save(str(tmp_path / "here.caffemodel"))
    parameter = here.classes["NetParameter"].FromString((tmp_path / "here.caffemodel").read_bytes())
    margin = next(layer for layer in parameter.layer if layer.name == "margin")
    del margin.blobs[:]
    other = fork({}, (("LabelSpecificAddParameter", "unconditional"),))
    path, out, lines = tmp_path / "theirs.caffemodel", tmp_path / "ours.caffemodel", []
    path.write_bytes(reread(parameter, other.classes["NetParameter"]).SerializeToString())
    convert(path, other.schema, here.schema, out, say=lines.append, **options)
    assert any(f'layer 4 "margin" got a count of iterations: {count}' in line for line in lines)
    tested = patched_caffe.Net(str(tmp_path / "net.prototxt"), str(out), patched_caffe.TEST)
    assert tested.params["margin"][0].data.tolist() == [count]
    # A training that starts from these weights begins where its own net says.
    again = patched_caffe.Net(str(tmp_path / "net.prototxt"), str(out), patched_caffe.TRAIN)
    assert again.params["margin"][0].data.tolist() == [7]
    again.forward()
    assert again.params["margin"][0].data.tolist() == [8]


@pytest.mark.parametrize("solver_type", ["SGD", "Adam"])
def test_an_annealed_run_of_another_fork_is_resumed(
    patched_caffe, here, fork, tmp_path, solver_type
):
    """Its files hold no count, neither among the weights nor in the history between theirs."""
    (tmp_path / "net.prototxt").write_text("""
layer { name: "data" type: "DummyData" top: "x" top: "label" top: "y" dummy_data_param {
  shape { dim: 4 dim: 3 } shape { dim: 4 } shape { dim: 4 dim: 2 }
  data_filler { type: "constant" value: 0.5 } data_filler { type: "constant" value: 1 }
  data_filler { type: "constant" value: 2 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" param { name: "shared" }
  inner_product_param { num_output: 3 weight_filler { type: "constant" value: 0.25 } } }
layer { name: "again" type: "InnerProduct" bottom: "fc" top: "again" param { name: "shared" }
  inner_product_param { num_output: 3 bias_term: false } }
layer { name: "margin" type: "LabelSpecificAdd" bottom: "again" bottom: "label" top: "margin"
  label_specific_add_param { unconditional: true bias_base: -0.25 bias_gamma: 0.5 bias_min: -9 } }
layer { name: "out" type: "InnerProduct" bottom: "margin" top: "out"
  inner_product_param { num_output: 2 weight_filler { type: "constant" value: 0.25 } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "out" bottom: "y" top: "loss" }
""")
    (tmp_path / "solver.prototxt").write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 0.01 momentum: 0.9 lr_policy: "fixed" '
        f'snapshot_prefix: "{tmp_path}/s" solver_mode: CPU display: 0 type: "{solver_type}"'
    )
    whole = patched_caffe.get_solver(str(tmp_path / "solver.prototxt"))
    whole.step(3)
    whole.snapshot()
    whole.step(3)

    other = fork({}, (("LabelSpecificAddParameter", "unconditional"),))
    snapshot = tmp_path / "s_iter_3.caffemodel"
    net = here.classes["NetParameter"].FromString(snapshot.read_bytes())
    for layer in net.layer:
        layer.label_specific_add_param.ClearField("unconditional")
        if layer.name == "margin":
            del layer.blobs[:]
    model = tmp_path / "theirs.caffemodel"
    model.write_bytes(reread(net, other.classes["NetParameter"]).SerializeToString())
    state = here.classes["SolverState"].FromString((tmp_path / "s_iter_3.solverstate").read_bytes())
    assert len(state.history) == {"SGD": 5, "Adam": 10}[solver_type]
    for number in {"SGD": [2], "Adam": [7, 2]}[solver_type]:
        del state.history[number]
    (tmp_path / "theirs").write_bytes(state.SerializeToString())

    def silent(line):
        pass

    convert(
        tmp_path / "theirs", other.schema, here.schema, tmp_path / "ours.solverstate", silent,
        model=model,
    )  # fmt: skip
    convert(model, other.schema, here.schema, snapshot, silent, iteration=3)
    resumed = patched_caffe.get_solver(str(tmp_path / "solver.prototxt"))
    resumed.restore(str(tmp_path / "ours.solverstate"))
    assert resumed.net.params["margin"][0].data.tolist() == [3]
    resumed.step(3)
    for name in ("fc", "margin", "out"):
        for mine, its in zip(whole.net.params[name], resumed.net.params[name]):
            np.testing.assert_array_equal(mine.data, its.data)

    with pytest.raises(InputError, match="is of another net than --model"):
        state.history.add()
        plan("f", memoryview(state.SerializeToString()), other.schema, here.schema, model=model)


def test_only_an_annealed_margin_gets_a_count(here):
    net = here.classes["NetParameter"]()
    margin = net.layer.add(name="m", type="LabelSpecificAdd").label_specific_add_param
    margin.bias = -0.35
    net.layer.add(name="other", type="Other").label_specific_add_param.bias_base = 1
    data = net.SerializeToString()
    assert planned(data, fork_schema("happynear"), here.schema) == data


def test_a_count_that_is_there_stays(here, model, patched_caffe, tmp_path):
    (tmp_path / "net.prototxt").write_text(ANNEALED)
    net = patched_caffe.Net(str(tmp_path / "net.prototxt"), patched_caffe.TRAIN)
    net.save(str(tmp_path / "here.caffemodel"))
    conversion = plan(
        "f", memoryview((tmp_path / "here.caffemodel").read_bytes()), here.schema, here.schema,
        iteration=3,
    )  # fmt: skip
    assert not conversion.output.changed
    data = memoryview((tmp_path / "here.caffemodel").read_bytes())
    lines = plan("f", data, here.schema, fork_schema("happynear")).lines
    assert lines == [
        'note: layer 4 "margin" keeps its count in a blob, for which happynear has no use: Caffe '
        "loads the file there if the net's layer has another name"
    ]


def test_fields_that_the_target_lacks_are_refused_one_by_one(here, model):
    _, path, parameter = model
    with pytest.raises(InputError) as error:
        planned(path.read_bytes(), here.schema, fork_schema("upstream"))
    message = str(error.value)
    for part in (
        'layer 2 "norm" > normalize_param: LayerParameter has no such field in upstream',
        'layer 3 "fc" > inner_product_param > normalize',
        'layer 4 "margin" > combined_margin_param',
        "--drop-unknown",
        "`python -m amcaffe.install` brings combined_margin_param, normalize, normalize_param",
    ):
        assert part in message
    dropped = plan(
        "f", memoryview(path.read_bytes()), here.schema, fork_schema("upstream"), drop=True
    )
    assert sum(line.startswith("left out: ") for line in dropped.lines) == 3
    for layer in parameter.layer:
        layer.ClearField("normalize_param")
        layer.ClearField("combined_margin_param")
        layer.inner_product_param.ClearField("normalize")
    found = here.classes["NetParameter"].FromString(b"".join(dropped.output.blocks()))
    for layer in (*parameter.layer, *found.layer):  # an emptied message may stay as such
        if not layer.inner_product_param.ByteSize():
            layer.ClearField("inner_product_param")
    assert text(found) == text(parameter)


def test_weights_are_never_dropped(here, fork, model):
    _, path, _ = model
    other = fork({}, (("BlobProto", "data"),))
    with pytest.raises(InputError, match="holds what fork cannot") as error:
        planned(path.read_bytes(), here.schema, other.schema, drop=True)
    assert 'layer 3 "fc" > blobs[0] > data' in str(error.value)


def test_the_right_fork_is_named_where_the_wrong_one_was_given(here, model):
    _, path, _ = model
    theirs = planned(path.read_bytes(), here.schema, fork_schema("gehaocool"))
    with pytest.raises(InputError) as error:
        planned(theirs, fork_schema("upstream"), here.schema)
    assert "gehaocool" in str(error.value)


def test_another_layer_of_the_same_type_is_refused_until_renamed(here, fork, model):
    """SSD's Normalize has other parameters, and weights."""
    _, path, parameter = model
    with pytest.raises(InputError) as error:
        planned(path.read_bytes(), here.schema, fork_schema("ssd"), drop=True)
    message = str(error.value)
    assert "across_spatial" in message and "normalize_type" in message
    assert "--rename Normalize=" in message

    other = here.proto.replace("NormalizeParameter", "L2NormalizeParameter")
    other = other.replace(" normalize_param = 214", " l2_normalize_param = 5000")
    from amcaffe.convert.schema import read_schema

    renamed = planned(
        path.read_bytes(), here.schema, read_schema("other", other),
        types={"Normalize": "L2Normalize"},
    )  # fmt: skip
    back = planned(
        renamed, read_schema("other", other), here.schema, types={"L2Normalize": "Normalize"}
    )
    assert b"L2Normalize" in renamed and back == path.read_bytes()


def test_types_that_the_target_does_not_register_are_told(here, model):
    _, path, _ = model
    conversion = plan(
        "f", memoryview(path.read_bytes()), here.schema, here.schema,
        registered={"Input", "Normalize", "InnerProduct"},
    )  # fmt: skip
    assert conversion.lines == [
        'note: layer 4 "margin" is of type "CombinedMargin", which here does not register'
    ]


def test_registered_types_are_those_of_the_tree(stock_caffe):
    tree = os.environ.get("AMCAFFE_TEST_TREE")
    if not tree:
        pytest.skip("AMCAFFE_TEST_TREE names no Caffe tree")
    built = set(stock_caffe.layer_type_list()) - OUR_LAYERS
    assert registered_types(tree) == built


def test_options_that_nothing_came_of_are_told(here, model):
    _, path, _ = model
    data = memoryview(path.read_bytes())
    types = {"Input": "Source", "A": "B"}
    lines = plan("f", data, here.schema, here.schema, types=types, iteration=1).lines
    assert lines == [
        "note: layers of type Input became Source",
        "note: no layer is of type A",
        "note: no layer took --iteration: none is annealed and lacks its count",
    ]
    with pytest.raises(InputError, match="is a caffemodel itself"):
        plan("f", data, here.schema, here.schema, model=path)


def test_enums_go_by_name(here, fork):
    """Intel's and Caffe-ZF's NONE is 4, upstream's 3."""
    net = here.classes["NetParameter"]()
    net.layer.add(name="loss").loss_param.normalization = 3
    theirs = planned(net.SerializeToString(), here.schema, fork_schema("caffe-zf"))
    assert theirs.endswith(b"\x18\x04")
    assert planned(theirs, fork_schema("caffe-zf"), here.schema) == net.SerializeToString()
    with pytest.raises(InputError, match="PRE_FIXED is no LossParameter.NormalizationMode"):
        planned(theirs[:-1] + b"\x03", fork_schema("caffe-zf"), here.schema)


def test_the_input_is_not_overwritten(here, model, tmp_path):
    _, path, _ = model
    before = path.read_bytes()
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(InputError, match="link would be written over"):
        convert(path, here.schema, here.schema, tmp_path / "link")
    assert path.read_bytes() == before


def test_no_folder_is_made_for_the_output(here, model, tmp_path):
    _, path, _ = model
    with pytest.raises(InputError, match="there is no folder") as error:
        convert(path, here.schema, here.schema, tmp_path / "gone" / "deeper" / "out")
    assert f"mkdir -p {tmp_path}/gone/deeper" in error.value.hint
    assert not (tmp_path / "gone").exists()


def test_a_failure_leaves_the_old_output(here, model, tmp_path):
    _, path, _ = model
    out = tmp_path / "old"
    out.write_bytes(b"old")
    with pytest.raises(InputError):
        convert(path, here.schema, fork_schema("upstream"), out)
    assert out.read_bytes() == b"old" and len(list(tmp_path.glob("*old*"))) == 1


def test_a_name_of_two_things_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert schema_of("ssd").origin == "ssd"
    (tmp_path / "ssd").mkdir()
    with pytest.raises(InputError, match="is a fork known by name, and there is a file or folder"):
        schema_of("ssd")
    with pytest.raises(InputError, match="cannot read ssd/src"):
        schema_of("./ssd")
    with pytest.raises(InputError, match="no fork known by name"):
        schema_of("sdd")


def test_missing_options_are_named(monkeypatch):
    monkeypatch.delenv("CAFFE_ROOT", raising=False)
    with pytest.raises(InputError, match="--from and --to and --out must be given"):
        main(["some.caffemodel"])
