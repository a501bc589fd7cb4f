"""What extraction gives a net, against Caffe's own ImageData layer in phase TEST."""

import cv2
import numpy as np
import pytest

from amcaffe.data.images import ImageError
from amcaffe.nets.net_input import NetInput
from amcaffe.nets.pixels import make_pixels, read_for

pytestmark = pytest.mark.usefixtures("stock_caffe")
SIZE = (37, 30)


@pytest.fixture
def images(tmp_path):
    """Paths of a colour PNG, a grey one and a colour JPEG, of SIZE, smooth enough to be resized."""
    random = np.random.default_rng(3)
    colour = cv2.GaussianBlur(random.integers(0, 256, (*SIZE, 3), dtype=np.uint8), (3, 3), 1)
    pictures = {"colour.png": colour, "grey.png": colour[:, :, 1], "photo.jpg": colour}
    for name, pixels in pictures.items():
        cv2.imwrite(str(tmp_path / name), pixels)
    return [str(tmp_path / name) for name in pictures]


def caffes_own(caffe, folder, path, transform, data=""):
    """(C, H, W) float32: the blob that an ImageData layer makes of an image."""
    (folder / "list.txt").write_text(f"{path} 0\n")
    (folder / "net.prototxt").write_text(
        'layer { name: "data" type: "ImageData" top: "data" top: "label" '
        f"transform_param {{ {transform} }} image_data_param {{ "
        f'source: "{folder}/list.txt" batch_size: 1 {data} }} }}\n'
    )
    net = caffe.Net(str(folder / "net.prototxt"), caffe.TEST)
    net.forward()
    return net.blobs["data"].data[0].copy()


@pytest.mark.parametrize(
    "text, transform, data",
    [
        ("bgr,128,0.0078125", "mean_value: 128 scale: 0.0078125", ""),
        ("bgr,0,1", "", ""),
        ("bgr,127.5,0.017", "mean_value: 127.5 scale: 0.017", ""),
        (
            "bgr,103.94/116.78/123.68,0.017",
            "mean_value: 103.94 mean_value: 116.78 mean_value: 123.68 scale: 0.017",
            "",
        ),
        # Odd and even remainders: 37 - 20 = 17 rows, 30 - 20 = 10 columns; 37 - 29, 30 - 29.
        ("bgr,128,0.0078125,crop=20x20", "mean_value: 128 scale: 0.0078125 crop_size: 20", ""),
        ("bgr,128,0.0078125,crop=29x29", "mean_value: 128 scale: 0.0078125 crop_size: 29", ""),
        ("grey,128,0.0078125", "mean_value: 128 scale: 0.0078125", "is_color: false"),
        (
            "grey,99.5,0.00390625,crop=28x28",
            "mean_value: 99.5 scale: 0.00390625 crop_size: 28",
            "is_color: false",
        ),
        ("bgr,128,0.0078125,resize=37x30", "mean_value: 128 scale: 0.0078125", ""),
        (
            "bgr,128,0.0078125,resize=45x24",
            "mean_value: 128 scale: 0.0078125",
            "new_height: 45 new_width: 24",
        ),
        (
            "grey,128,0.0078125,resize=24x33,crop=21x21",
            "mean_value: 128 scale: 0.0078125 crop_size: 21",
            "is_color: false new_height: 24 new_width: 33",
        ),
    ],
)
def test_pixels_are_those_of_caffes_own_layer_bit_for_bit(
    stock_caffe, tmp_path, images, text, transform, data
):
    net_input = NetInput.parse(text, "here")
    for path in images:
        expected = caffes_own(stock_caffe, tmp_path, path, transform, data)
        found = make_pixels(read_for(path, net_input), net_input)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)


def test_rgb_is_bgr_with_the_channels_turned_round_and_means_in_its_own_order(images):
    rgb = NetInput.parse("rgb,1/2/3,0.5,resize=20x24,crop=18x19", "here")
    bgr = NetInput.parse("bgr,3/2/1,0.5,resize=20x24,crop=18x19", "here")
    for path in images:
        image = read_for(path, rgb)
        np.testing.assert_array_equal(make_pixels(image, rgb), make_pixels(image, bgr)[::-1])


def test_values_by_hand():
    image = np.array([[[0, 128, 255]]], np.uint8)
    rgb = make_pixels(image, NetInput("rgb", (127.5, 128, 0), 0.5))
    assert rgb.shape == (3, 1, 1) and rgb.ravel().tolist() == [63.75, 0, 0]
    grey = make_pixels(image[:, :, 2], NetInput("grey", (5,), 1))
    assert grey.shape == (1, 1, 1) and grey.item() == 250


@pytest.mark.parametrize("size", [(36, 31), (40, 29)])
def test_an_image_that_is_smaller_than_the_crop_is_refused(size):
    net_input = NetInput("bgr", (0,), 1, crop=(37, 30))
    with pytest.raises(ImageError, match=f"{size[0]}x{size[1]} is smaller than the crop 37x30"):
        make_pixels(np.zeros((*size, 3), np.uint8), net_input)
    resized = NetInput("bgr", (0,), 1, resize=(37, 30), crop=(37, 30))
    assert make_pixels(np.zeros((*size, 3), np.uint8), resized).shape == (3, 37, 30)


def test_a_size_that_no_memory_holds_is_told_of_the_image():
    net_input = NetInput("bgr", (0,), 1, resize=(2**31 - 1, 2**31 - 1))
    with pytest.raises(ImageError, match="cannot be resized"):
        make_pixels(np.zeros((4, 4, 3), np.uint8), net_input)
