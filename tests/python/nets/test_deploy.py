"""A deploy net's input, in each of the forms that Caffe has for it."""

import pytest

from amcaffe.errors import InputError
from amcaffe.nets.deploy import input_shape

pytestmark = pytest.mark.usefixtures("stock_caffe")
RELU = 'layer { name: "r" type: "ReLU" bottom: "data" top: "r" }\n'
LAYER = 'layer {{ name: "i" type: "Input" {} input_param {{ {} }} }}\n'
SHAPE = "shape { dim: 1 dim: 3 dim: 28 dim: 24 }"


@pytest.mark.parametrize(
    "text, expected",
    [
        (LAYER.format('top: "data"', SHAPE), (3, 28, 24)),
        (f'input: "data" input_{SHAPE}\n', (3, 28, 24)),
        ('input: "data" input_dim: 1 input_dim: 1 input_dim: 9 input_dim: 8\n', (1, 9, 8)),
    ],
)
def test_the_one_input_of_images_is_found(tmp_path, text, expected):
    (tmp_path / "net.prototxt").write_text(text + RELU)
    assert input_shape(tmp_path / "net.prototxt") == expected


@pytest.mark.parametrize(
    "text, complaint",
    [
        (LAYER.format('top: "data" top: "more"', SHAPE), "found:    data, more\n"),
        (LAYER.format('top: "data" top: "more"', f"{SHAPE} {SHAPE}"), "found:    data, more\n"),
        (f'input: "data" input_{SHAPE} ' + LAYER.format('top: "b"', SHAPE), "found:    data, b\n"),
        ("", "found:    none\n"),
        (LAYER.format('top: "data"', "shape { dim: 1 dim: 3 }"), "is not of images"),
    ],
)
def test_other_inputs_are_refused(tmp_path, text, complaint):
    (tmp_path / "net.prototxt").write_text(text + RELU)
    with pytest.raises(InputError) as caught:
        input_shape(tmp_path / "net.prototxt")
    assert complaint in str(caught.value)
