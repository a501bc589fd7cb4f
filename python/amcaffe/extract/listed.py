"""The images that an extraction is asked for: each once, however often its list names it."""

import os
import sys
from dataclasses import dataclass
from typing import Optional

import numpy as np

from amcaffe.data.lists import image_list_text, read_image_list
from amcaffe.data.visible import visible
from amcaffe.errors import InputError


@dataclass(frozen=True)
class Listed:
    """M images of a list of N lines.

    names: M distinct strings, in the order of their first lines. labels: (M,) int64 or None.
    lines: N.
    """

    names: list[str]
    labels: Optional[np.ndarray]
    lines: int


def listed_images(image_list, root, encoding):
    """Read a list, and say on stderr what was not taken as it stands.

    A list that names images again, two lines after two with one label of 0 and 1 or of -1 and 1,
    is one of pairs that was flattened. Such labels are no people, and are left out.

    Args: image_list: its path. root: folder that its paths start from. encoding: of the list.
    Returns: Listed.
    Raises: InputError: as data.lists.read_image_list does, or an image has several labels.
    """
    images = read_image_list(image_list, lambda name: os.path.join(root, name), encoding)
    notes, labels = list(images.notes), images.labels
    first = {}
    rows = np.array([first.setdefault(name, row) for row, name in enumerate(images.paths)])
    if labels is not None and len(first) < len(rows) and _flattened(labels):
        notes.append("labels left out: they are pairs', two lines each, and not people's")
        labels = None
    if labels is not None and (labels != labels[rows]).any():
        row = int(np.argmax(labels != labels[rows]))
        raise InputError(
            f"{image_list}:{images.lines[row]}: an image with two labels",
            found=f"{visible(images.paths[row])} is {labels[row]} here, and "
            f"{labels[rows[row]]} in line {images.lines[rows[row]]}",
            expected="one person an image",
        )
    kept = np.fromiter(first.values(), np.int64, len(first))
    if len(kept) < len(rows):
        notes.append(f"{len(rows)} lines, {len(kept)} images: each is extracted once")
    for note in notes:
        print(f"amcaffe extract: {image_list}: {note}", file=sys.stderr)
    listed = Listed(list(first), None if labels is None else labels[kept], len(rows))
    image_list_text("OUT.txt", listed.names, listed.labels)  # refuses what could not be written
    return listed


def _flattened(labels):
    """Whether labels are those of pairs in two lines each."""
    return (
        len(labels) % 2 == 0
        and (labels[::2] == labels[1::2]).all()
        and ({*labels.tolist()} in ({0, 1}, {-1, 1}))
    )
