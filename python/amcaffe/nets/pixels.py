"""Image files as the numbers that a net takes in: what a NetInput says, done."""

import cv2
import numpy as np

from amcaffe.data.images import ImageError, read_image


def read_for(path, net_input):
    """An image file, decoded as `net_input` needs it: (H, W, 3) BGR or (H, W) uint8.

    Grey is what the decoder makes of a colour file, as for ImageData with `is_color: false`.
    Raises: ImageError, as data.images.read_image.
    """
    return read_image(path, color=net_input.channels == 3)


def make_pixels(image, net_input):
    """What a net takes in of an image.

    Args:
        image: uint8, of read_for with the same NetInput.
    Returns: (channels, height, width) float32, (x - mean) * scale; of net_input.size, without
        one of the image's own.
    Raises: ImageError: the image is smaller than the crop.

    >>> from amcaffe.nets.net_input import NetInput
    >>> image = np.array([[[0, 128, 255]]], np.uint8)
    >>> make_pixels(image, NetInput("rgb", (127.5, 128, 128), 0.5)).ravel().tolist()
    [63.75, 0.0, -64.0]
    """
    too_small = net_input.too_small(image.shape[:2])
    if too_small:
        raise ImageError(too_small)
    if net_input.resize and image.shape[:2] != net_input.resize:
        try:
            image = cv2.resize(image, net_input.resize[::-1])
        except cv2.error as error:  # of a size beyond memory, or beyond OpenCV's
            raise ImageError(f"cannot be resized ({error.err})") from None
    if net_input.crop:
        image = _centre(image, *net_input.crop)
    if net_input.colour == "grey":
        image = image[:, :, None]
    elif net_input.colour == "rgb":
        image = image[:, :, ::-1]
    means, scale = np.array(net_input.means, np.float32), np.float32(net_input.scale)
    return ((image.astype(np.float32) - means) * scale).transpose(2, 0, 1)


def _centre(image, height, width):
    """Caffe's crop in phase TEST: an odd row or column that is over is cut off at the end."""
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]
