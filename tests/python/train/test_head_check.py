"""A margin on what is no cosine: said before training, at the latest in the first pass."""

import pytest

from amcaffe.errors import InputError
from amcaffe.nets.experiment import Experiment
from amcaffe.nets.heads import MARGINS
from amcaffe.nets.reading import TRAIN, layers_in, read_net
from amcaffe.nets.rendering import render_files
from amcaffe.train.head_check import check_heads

pytestmark = pytest.mark.usefixtures("patched_caffe")

DATA = """
layer { name: "data" type: "ImageData" top: "data" top: "label"
  image_data_param { source: "train.txt" root_folder: "img/" batch_size: 12 shuffle: true } }
"""
FC5 = """
layer { name: "fc5" type: "InnerProduct" bottom: "data" top: "fc5"
  inner_product_param { num_output: 8 weight_filler { type: "xavier" } } }
"""
NORM = 'layer { name: "norm1" type: "Normalize" bottom: "fc5" top: "norm1" }\n'
LOSS = """
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "%s" bottom: "label" top: "loss" }
"""
SCALE = """
layer { name: "%s" type: "Scale" bottom: "%s" top: "%s" param { lr_mult: 0 }
  scale_param { filler { type: "constant" value: %g } } }
"""
ANGULAR = {
    "CosinAddm": "cosin_add_m_param { m: 0.5 }",
    "CombinedMargin": "combined_margin_param { m1: 1 m2: 0.5 m3: 0 }",
    "LabelSpecificMargin": "label_specific_margin_param { margin_base: 20 gamma: 0 }",
}


def classes(bottom="norm1", fields="normalize: true bias_term: false", more=""):
    return f"""
layer {{ name: "fc6" type: "InnerProduct" bottom: "{bottom}" top: "fc6" {more}
  inner_product_param {{ num_output: 6 weight_filler {{ type: "xavier" }} {fields} }} }}
"""


def margin(kind="CosinAddm", bottom="fc6", fields=None):
    fields = ANGULAR[kind] if fields is None else fields
    return f"""
layer {{ name: "margin" type: "{kind}" bottom: "{bottom}" bottom: "label" top: "margined"
  {fields} }}
"""


def added(bias, bottom="fc6"):
    return margin("LabelSpecificAdd", bottom, f"label_specific_add_param {{ bias: {bias} }}")


TAIL = SCALE % ("scale", "margined", "logits", 30) + LOSS % "logits"


@pytest.fixture
def check(tmp_path, capsys):
    def run(*parts):
        path = tmp_path / "net.prototxt"
        path.write_text("".join((DATA, FC5, *parts)))
        bottoms = check_heads("net.prototxt", layers_in(read_net(path), TRAIN))
        return [bottom.name for bottom in bottoms], capsys.readouterr().err

    return run


@pytest.mark.parametrize("kind", ANGULAR)
def test_a_margin_on_plain_logits_is_refused_with_the_layers_that_mend_it(check, kind):
    with pytest.raises(InputError) as caught:
        check(classes("fc5", ""), margin(kind), TAIL)
    text = str(caught.value)
    assert f"layer margin ({kind})" in text and "fc6 (InnerProduct)" in text
    assert "fc5 (InnerProduct)" in text
    assert 'type: "Normalize" bottom: "fc5" top: "norm1"' in text
    assert "normalize: true bias_term: false" in text
    assert 'type: "NormalizedInnerProduct"' in text and "num_output: 6" in text


def test_what_the_refusal_says_makes_it_right(check):
    with pytest.raises(InputError):
        check(classes("fc5", ""), margin(), TAIL)
    assert check(NORM, classes(), margin(), TAIL) == (["margin"], "")
    fused = """
    layer { name: "fc6" type: "NormalizedInnerProduct" bottom: "fc5" top: "fc6"
      normalized_inner_product_param { num_output: 6 weight_filler { type: "xavier" } } }
    """
    assert check(fused, margin(), TAIL) == (["margin"], "")


def test_only_what_is_lacking_is_asked_for(check):
    with pytest.raises(InputError) as caught:
        check(classes("fc5"), margin(), TAIL)
    assert "Normalize" in caught.value.hint and "normalize: true" not in caught.value.hint
    with pytest.raises(InputError) as caught:
        check(NORM, classes(fields=""), margin(), TAIL)
    assert "normalize: true" in caught.value.hint and '"Normalize"' not in caught.value.hint


@pytest.mark.parametrize(
    "between",
    [
        'layer { name: "x" type: "PReLU" bottom: "fc5" top: "fc5" }\n',
        'layer { name: "x" type: "Dropout" bottom: "fc5" top: "fc5" }\n',
        'layer { name: "x" type: "BatchNorm" bottom: "fc5" top: "fc5" }\n',
        'layer { name: "x" type: "Flatten" bottom: "fc5" top: "fc5" }\n',
    ],
)
def test_features_are_followed_through_layers_that_keep_them_unnormalised(check, between):
    with pytest.raises(InputError, match="no cosine"):
        check(between, classes("fc5"), margin(), TAIL)


def test_bottoms_are_followed_through_layers_in_place_and_split(check):
    split = 'layer { name: "s" type: "Split" bottom: "fc6" top: "a" top: "b" }\n'
    relu = 'layer { name: "r" type: "ReLU" bottom: "b" top: "b" }\n'
    drop = 'layer { name: "d" type: "Dropout" bottom: "b" top: "b" }\n'
    with pytest.raises(InputError, match="fc6"):
        check(classes("fc5", ""), split, relu, drop, margin(bottom="b"), TAIL)
    names, told = check(NORM, classes(), split, relu, drop, margin(bottom="b"), TAIL)
    assert (names, told) == (["margin"], "")  # undecided, as Dropout scales: the values tell


def test_a_scale_before_an_angular_margin_is_refused(check):
    with pytest.raises(InputError, match="no cosine") as caught:
        check(NORM, classes(), SCALE % ("s", "fc6", "big", 64), margin(bottom="big"), LOSS % "big")
    assert "multiplies the cosines by 64" in caught.value.found
    assert "after the margin" in caught.value.hint


def test_weights_that_may_be_unit_vectors_already_are_left_to_the_first_pass(check):
    frozen = classes(fields="bias_term: false", more="param { lr_mult: 0 }")
    assert check(NORM, frozen, margin(), TAIL) == (["margin"], "")


def test_a_bias_beside_the_cosines_is_told(check):
    _, told = check(NORM, classes(fields="normalize: true"), margin(), TAIL)
    assert "warning: layer margin: fc6 (InnerProduct) adds a bias" in told


def test_a_bias_on_logits_that_are_scaled_as_cosines_are_is_refused(check):
    with pytest.raises(InputError, match="LabelSpecificAdd"):
        check(classes("fc5", ""), added(-0.35), TAIL)


def test_a_bias_in_units_of_plain_logits_is_left_alone_and_one_of_cosine_size_is_told(check):
    straight = LOSS % "margined"
    assert check(classes("fc5", ""), added(-4), straight) == ([], "")
    names, told = check(classes("fc5", ""), added(-0.35), straight)
    assert names == [] and "warning: layer margin: its bias of -0.35" in told
    scaled = SCALE % ("s", "fc6", "big", 30)
    assert check(NORM, classes(), scaled, added(-10.5, "big"), straight) == ([], "")
    names, told = check(NORM, classes(), scaled, added(-0.35, "big"), straight)
    assert names == [] and "already scaled by 30" in told and "-10.5" in told


@pytest.mark.parametrize("name", MARGINS)
def test_no_recipe_is_refused_or_doubted(tmp_path, capsys, name):
    files = render_files(Experiment(), "net", (name,))
    (path,) = (tmp_path / file for file in files if file.startswith("face_train_test"))
    path.write_text(files[path.name])
    check_heads(path, layers_in(read_net(path), TRAIN))
    assert capsys.readouterr().err == ""


def net_of(tiny_faces, *parts):
    net = tiny_faces.folder / "net/own.prototxt"
    net.write_text("".join((DATA, FC5, *parts)))
    solver = tiny_faces.folder / "net/own_solver.prototxt"
    solver.write_text(
        'net: "net/own.prototxt" base_lr: 0.01 lr_policy: "fixed" max_iter: 3 snapshot_prefix: "x"'
        " random_seed: 1"
    )
    return "net/own_solver.prototxt"


def test_train_refuses_it_before_it_begins(step, tiny_faces):
    solver = net_of(tiny_faces, classes("fc5", ""), margin(), TAIL)
    done = step("train", "--solver", solver, "--out", "out", cwd=tiny_faces.folder)
    assert done.returncode == 2
    assert "net/own.prototxt: layer margin (CosinAddm) puts a margin on fc6" in done.stderr
    assert not (tiny_faces.folder / "out/metrics.csv").exists()


def test_what_only_the_values_tell_stops_in_the_first_pass(step, tiny_faces):
    frozen = classes("fc5", "bias_term: false", more="param { lr_mult: 0 }")
    frozen = frozen.replace('"xavier"', '"gaussian" std: 3')
    python = """
layer { name: "python" type: "Exp" bottom: "fc6" top: "unknown" }
"""
    solver = net_of(tiny_faces, NORM, frozen.replace("fc5", "norm1"), python,
                    margin(bottom="unknown"), TAIL)  # fmt: skip
    done = step("train", "--solver", solver, "--out", "out", cwd=tiny_faces.folder)
    assert done.returncode == 2, done.stderr
    assert "layer margin (CosinAddm) puts a margin on unknown, which is no cosine" in done.stderr
    assert "in the first batch" in done.stderr and "python (Exp)" in done.stderr
    assert len((tiny_faces.folder / "out/metrics.csv").read_text().splitlines()) == 1
    assert not list((tiny_faces.folder / "out").glob("*.caffemodel"))


def test_cosines_that_only_the_values_show_are_trained_on(step, tiny_faces):
    power = """
layer { name: "half" type: "Power" bottom: "fc6" top: "half" power_param { scale: 0.5 shift: 0.1 } }
"""
    solver = net_of(tiny_faces, NORM, classes(), power, margin(bottom="half"), TAIL)
    done = step("train", "--solver", solver, "--out", "out", cwd=tiny_faces.folder)
    assert done.returncode == 0, done.stderr
