"""Feature files: NAME.npy, an (N, D) float32 matrix, and NAME.txt, the image list of its rows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np

from amcaffe.data.files import atomic_set
from amcaffe.data.lists import image_list_text, read_image_list
from amcaffe.data.npy import npy_shape, read_npy
from amcaffe.data.visible import shown
from amcaffe.errors import InputError


@dataclass(frozen=True)
class Features:
    """N features and the images they are of.

    matrix: (N, D) float32, finite. paths: N distinct strings. labels: (N,) int64 or None.
    """

    matrix: np.ndarray
    paths: list[str]
    labels: Optional[np.ndarray]


def feature_paths(path):
    """(NAME.npy, NAME.txt) of a feature file given as NAME or NAME.npy."""
    path = Path(path)
    stem = path.with_suffix("") if path.suffix == ".npy" else path
    return stem.with_name(stem.name + ".npy"), stem.with_name(stem.name + ".txt")


def save_features(path, matrix, paths, labels=None, beside=None, finished=None):
    """Write a feature file, whole or not at all: the matrix last, never beside another's list.

    Args:
        path: NAME or NAME.npy.
        matrix: (N, D), written as float32.
        paths, labels: of its rows, as lists.image_list_text takes them.
        beside: further files of the set, as files.atomic_set takes them; they come first.
        finished: Path of a file in the same folder that holds the matrix, as numpy.save writes
            it; it is moved, which takes no room on the disk.
    Raises: InputError: matrix and list do not fit, or the disk refuses; what was there stays.
    """
    matrix_path, list_path = feature_paths(path)
    _check(matrix_path, matrix, paths)

    def write(file):
        np.save(file, np.ascontiguousarray(matrix, np.float32), allow_pickle=False)

    atomic_set(
        {
            **(beside or {}),
            list_path: image_list_text(list_path, paths, labels),
            matrix_path: finished or write,
        }
    )


def load_features(path):
    """Read a feature file.

    Args: path: NAME or NAME.npy.
    Returns: Features.
    Raises: InputError: a file of the two is missing or no such file, the counts
        differ, a value is not finite in float32, or a path stands twice.
    """
    matrix_path, list_path = feature_paths(path)
    hint = "python -m amcaffe.extract LIST OUT writes OUT.npy and OUT.txt"
    shape = npy_shape(matrix_path, "features", hint)
    images = read_image_list(list_path)
    _check_shape(matrix_path, shape, images.paths)
    with np.errstate(over="ignore"):  # what float32 cannot hold is then not finite
        matrix = np.ascontiguousarray(read_npy(matrix_path, "features"), np.float32)
    _check(matrix_path, matrix, images.paths)
    return Features(matrix, images.paths, images.labels)


def _check_shape(name, shape, paths):
    if len(shape) != 2 or 0 in shape:
        raise InputError(
            f"{name}: features are a matrix with a row an image",
            found=f"shape {shape}",
            expected="(N, D), N and D positive",
        )
    if shape[0] != len(paths):
        raise InputError(f"{name}: {shape[0]} features, but the list has {len(paths)} images")


def _check(name, matrix, paths):
    matrix = np.asarray(matrix)
    _check_shape(name, matrix.shape, paths)
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise InputError(
            f"{name}: row {row} ({shown(paths[row])}) has values that are not finite",
            hint="the net that made it has diverged: look at its training loss",
        )
    seen = {}
    for row, image in enumerate(paths):
        if seen.setdefault(image, row) != row:
            raise InputError(f"{name}: {shown(image)} stands in row {seen[image]} and in row {row}")
