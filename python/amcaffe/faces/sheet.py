"""Pictures side by side, for a report."""

import cv2
import numpy as np

from amcaffe.errors import InputError
from amcaffe.images import ImageError, read_image


def contact_sheet(rows, size, gap=2):
    """Lay images out as a grid on white.

    Args:
        rows: lists of image files, a list a row of the grid (say, a person); they may
            differ in length.
        size: (height, width) that every image is resized to.
        gap: pixels between two images.
    Returns: (H, W, 3) uint8, blue green red.
    Raises: InputError: an image cannot be read; names it.
    """
    height, width = size
    columns = max(map(len, rows))
    shape = (len(rows) * (height + gap) - gap, columns * (width + gap) - gap, 3)
    sheet = np.full(shape, 255, np.uint8)
    for row, files in enumerate(rows):
        for column, file in enumerate(files):
            try:
                image = read_image(file)
            except ImageError as error:
                raise InputError(f"cannot read the image {file}: {error}") from None
            if image.shape[:2] != (height, width):
                smaller = image.shape[0] > height
                how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
                image = cv2.resize(image, (width, height), interpolation=how)
            top, left = row * (height + gap), column * (width + gap)
            sheet[top : top + height, left : left + width] = image
    return sheet
