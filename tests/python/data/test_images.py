import os

import cv2
import numpy as np
import pytest

from amcaffe.data.images import ImageError, check_images, read_image


@pytest.fixture
def photo():
    ramp = np.linspace(0, 255, 40 * 30 * 3).reshape(40, 30, 3)
    return ramp.astype(np.uint8)


def write(path, image):
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
    return path


def test_colour_is_bgr_and_grey_becomes_three_equal_channels(tmp_path, photo):
    photo[..., 0] = 200
    np.testing.assert_array_equal(read_image(write(tmp_path / "a.png", photo)), photo)
    grey = read_image(write(tmp_path / "b.png", photo[..., 1]))
    np.testing.assert_array_equal(grey, np.repeat(photo[..., 1:2], 3, axis=2))
    assert read_image(tmp_path / "a.png", color=False).shape == (40, 30)


def test_a_jpeg_is_refused_wherever_it_is_cut(tmp_path, photo):
    whole = cv2.imencode(".jpg", photo)[1].tobytes()
    path = tmp_path / "cut.jpg"
    for length in range(1, len(whole) - 1, 37):
        path.write_bytes(whole[:length])
        with pytest.raises(ImageError):
            read_image(path)
    path.write_bytes(whole + b"trailing bytes of a camera")
    assert read_image(path).shape == (40, 30, 3)


def test_a_cut_jpeg_with_a_whole_thumbnail_inside_is_refused(tmp_path, photo):
    thumbnail = cv2.imencode(".jpg", photo[:8, :8])[1].tobytes()
    whole = cv2.imencode(".jpg", photo)[1].tobytes()
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    path = tmp_path / "a.jpg"
    path.write_bytes(whole[:2] + segment + whole[2:])
    assert read_image(path).shape == (40, 30, 3)
    path.write_bytes(whole[:2] + segment + whole[2:-60])
    with pytest.raises(ImageError, match="truncated JPEG"):
        read_image(path)


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "an empty file"),
        (b"text", "not an image"),
        (None, "no such file"),
    ],
)
def test_what_is_no_image_is_refused_with_the_reason(tmp_path, content, reason):
    path = tmp_path / "x.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=reason):
        read_image(path)


def test_a_folder_is_no_image(tmp_path):
    with pytest.raises(ImageError, match="is a directory"):
        read_image(tmp_path)


def test_a_pipe_is_no_image_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ImageError, match="a pipe or a device"):
        read_image(tmp_path / "pipe")
    with pytest.raises(ImageError, match="no file's name"):
        read_image("a\0b")


def test_many_images_are_checked_in_order(tmp_path, photo):
    paths = []
    for number in range(200):
        path = tmp_path / f"{number}.png"
        if number % 50 != 7:
            write(path, photo[: 10 + number % 5])
        paths.append(str(path))
    sizes, problems = check_images(paths)
    assert [row for row, _ in problems] == [7, 57, 107, 157]
    assert sizes[7].tolist() == [0, 0]
    assert sizes[8].tolist() == [13, 30] and sizes[199].tolist() == [14, 30]
