"""Settings with which nothing is learnt, as runs with them have shown."""

import pytest

from amcaffe.errors import InputError
from amcaffe.nets.heads import MARGINS
from amcaffe.nets.reading import TRAIN, layers_in, read_net
from amcaffe.train.setting_check import check_settings

# A margin that puts fresh targets past pi, where CLAMP is flat.
CLAMPED = ("m2: 0.3\n    m3: 0.2\n    bound: MONOTONE", "m2: 1.6\n    m3: 0.2\n    bound: CLAMP")

pytestmark = pytest.mark.usefixtures("patched_caffe")


@pytest.fixture
def check(tiny_faces, capsys):
    def run(margin, *changes):
        _, net = tiny_faces.render_one(margin)
        path = tiny_faces.folder / net
        text = path.read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        path.write_text(text)
        check_settings("net", layers_in(read_net(path), TRAIN))
        return capsys.readouterr().err

    return run


@pytest.mark.parametrize("name", MARGINS)
def test_no_recipe_is_doubted(check, name):
    assert check(name) == ""


@pytest.mark.parametrize(
    "margin, old, new, words",
    [
        ("normface", "value: 30", "value: 0", "multiplies by 0: they are all equal"),
        ("normface", "value: 30", "value: -30", "the best class becomes the worst"),
        ("combined", "m2: 0.3", "m2: 28.65", "28.65 degrees are m2: 0.5"),
        ("combined", "m3: 0.2", "m3: 2.5", "below every cosine"),
        ("combined-chain", "m2: 0.3", "m2: 28.65", "an angle in radians"),
        ("am-softmax-fused", "m3: 0.35", "m3: 35", "below 2"),
        ("am-softmax", "bias: -0.35", "bias: -2.5 unconditional: true", "below every cosine"),
    ],
)
def test_what_can_learn_nothing_is_refused(check, margin, old, new, words):
    with pytest.raises(InputError) as caught:
        check(margin, (old, new))
    assert words in str(caught.value) and "net: layer " in caught.value.what


@pytest.mark.parametrize(
    "margin, old, new, words",
    [
        ("normface", "value: 30", "value: 20000", "hardly learns"),
        ("am-softmax-fused", "scale: 30", "scale: 20000", "hardly learns"),
        ("combined-chain", *CLAMPED, "bound: CLAMP is flat"),
        ("combined", "m3: 0.2", "m3: -0.2", "turn the sign about"),
        ("combined", "m2: 0.3", "m2: -0.3", "turn the sign about"),
        ("am-softmax", "bias: -0.35", "bias: 0.35", "turn the sign about"),
        ("am-softmax", "bias: -0.35", "bias: -10.5", "there is no margin"),
    ],
)
def test_what_is_hardly_meant_is_told(check, margin, old, new, words):
    told = check(margin, (old, new))
    assert words in told and told.startswith("amcaffe train: net: warning: layer ")


def test_a_wide_margin_that_grows_or_goes_on_falling_past_pi_is_not_doubted(check):
    assert check("combined", CLAMPED) == ""
    assert check("combined-chain", ("m2: 0.3", "m2: 1.6")) == ""


def margin_layer(kind, fields):
    return [("type: \"LabelSpecificAdd\"", f'type: "{kind}"'),
            ("label_specific_add_param {\n    bias: -0.35\n  }", fields)]  # fmt: skip


def test_angles_of_the_other_margin_layers_are_in_their_own_unit(check):
    with pytest.raises(InputError, match="in radians"):
        check("am-softmax", *margin_layer("CosinAddm", "cosin_add_m_param { m: 28.65 }"))
    assert check("am-softmax", *margin_layer("CosinAddm", "cosin_add_m_param { m: 0.5 }")) == ""
    own = "label_specific_margin_param {{ margin_base: {} gamma: 0 }}"
    with pytest.raises(InputError, match="in degrees"):
        check("am-softmax", *margin_layer("LabelSpecificMargin", own.format(200)))
    assert check("am-softmax", *margin_layer("LabelSpecificMargin", own.format(28.65))) == ""
    told = check("am-softmax", *margin_layer("LabelSpecificMargin", own.format(0.5)))
    assert "margin_base: 28.65" in told
    # One that grows from there is no mistake.
    growing = "label_specific_margin_param { margin_base: 0.5 gamma: 0.01 margin_max: 30 }"
    assert check("am-softmax", *margin_layer("LabelSpecificMargin", growing)) == ""
