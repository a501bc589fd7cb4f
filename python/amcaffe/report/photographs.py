"""Photographs in a report: small copies, and galleries of one or two side by side."""

from html import escape
from pathlib import Path

import numpy as np

from amcaffe.errors import InputError
from amcaffe.report.html import data_uri

HEIGHT = 112  # pixels of a small copy; smaller images stay as they are


def portrait(path):
    """A small copy of an image file: PNG bytes, at most 112 pixels high.

    Raises: InputError: no such file, or no image; names it.
    """
    import cv2

    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"cannot read the image {path}: {error.strerror}") from None
    image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if image is None:
        raise InputError(f"{path} is no image that OpenCV reads")
    height, width = image.shape[:2]
    if height > HEIGHT:
        size = (max(1, round(width * HEIGHT / height)), HEIGHT)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()


def gallery(heading, entries, root="."):
    """A block of photographs, one or more an entry.

    Args:
        heading: over them.
        entries: list of (paths, bold, text): image files side by side, and two captions
            (either may be empty). The path itself is each picture's alternative text.
        root: folder that relative paths start from.
    """
    items = []
    for paths, bold, text in entries:
        images = "".join(
            f'<img src="{data_uri(portrait(Path(root, path)), "image/png")}" '
            f'alt="{escape(str(path))}">'
            for path in paths
        )
        items.append(
            f"<li><span>{images}</span><small><b>{escape(bold)}</b> {escape(text)}</small></li>\n"
        )
    return f'<h3>{escape(heading)}</h3>\n<ul class="gallery">\n{"".join(items)}</ul>\n'
