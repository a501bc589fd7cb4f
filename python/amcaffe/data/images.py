"""Images as Caffe's ImageData layer reads them: BGR (or grey), uint8, resized bilinearly."""

import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from amcaffe.data.regular_files import waits
from amcaffe.progress import Progress

_CHUNK = 64


class ImageError(Exception):
    """An image cannot be read; the text says why, without the file's name."""


def read_image(path, color=True):
    """Decode an image file whole.

    Args:
        path: file name.
        color: three channels, BGR (a grey image gives three equal ones); else one.
    Returns: (H, W, 3) or (H, W) uint8.
    Raises: ImageError: missing, empty, not an image, or a JPEG that ends too early
        (decoders fill the rest of such an image with grey).
    """
    try:
        if waits(path):
            raise ImageError("a pipe or a device")
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise ImageError(error.strerror.lower()) from None
    except ValueError:  # a NUL, or a character that the system's encoding lacks
        raise ImageError("no file's name") from None
    if not data:
        raise ImageError("an empty file")
    # In a whole JPEG an end mark (FF D9) follows the last scan (FF DA); neither
    # pair of bytes can occur inside a scan.
    if data[:2] == b"\xff\xd8" and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise ImageError("a truncated JPEG")
    try:
        flags = cv2.IMREAD_COLOR if color else cv2.IMREAD_GRAYSCALE
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ImageError(f"not decodable ({error.err})") from None
    if image is None:
        raise ImageError("not an image, or broken")
    return image


def check_images(paths, color=True):
    """Decode every image once, in threads, under a progress bar.

    Returns: (sizes, problems): (N, 2) int64 heights and widths (0, 0 where unreadable),
        and a list of (index, reason) in order.
    """
    sizes, problems = np.zeros((len(paths), 2), np.int64), []

    def check(start):
        found = []
        for row in range(start, min(start + _CHUNK, len(paths))):
            try:
                sizes[row] = read_image(paths[row], color).shape[:2]
            except ImageError as error:
                found.append((row, str(error)))
        return found

    starts = range(0, len(paths), _CHUNK)
    pool = ThreadPoolExecutor(thread_count())
    try:
        with Progress("checking images", len(paths), "img") as bar:
            for start, found in zip(starts, pool.map(check, starts)):
                problems += found
                bar.update(min(_CHUNK, len(paths) - start))
    finally:
        pool.shutdown(cancel_futures=True)
    return sizes, problems


def thread_count():
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
