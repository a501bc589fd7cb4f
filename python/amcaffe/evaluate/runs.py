"""Feature files of one set of images, a file a run."""

import contextlib
import json
from pathlib import Path

import numpy as np

from amcaffe.data.features import Features, feature_paths, load_features
from amcaffe.data.provenance import made_from
from amcaffe.errors import InputError

_MOST_OF_A_SUMMARY = 1 << 20  # bytes


def load_runs(arguments, names=None):
    """Feature files of the same images.

    Args: arguments: K times `FILE` or `NAME=FILE`. names: K strings, or None.
    Returns: ({name: Features}, rows of all in the order of the first, labels the first's;
        {name: what each was made from}, for report.json).
    Raises: InputError: a name stands twice, or files differ in their images or labels.
    """
    runs, sources = {}, {}
    for name, path in _named(arguments, names):
        if not name or name in runs:
            raise InputError(
                f"the runs need names that differ, {name!r} does not",
                hint="NAME=FILE names a run; without it the file's name is taken",
            )
        features = load_features(path)
        if runs:
            features = _as_first(name, features, *next(iter(runs.items())))
        runs[name], sources[name] = features, _sources(path)
    return runs, sources


def _sources(path):
    """A feature file's two files by hash, and what extract has written about it beside them."""
    matrix, image_list = feature_paths(path)
    found = {"features": made_from(matrix), "list": made_from(image_list), "extracted": None}
    with contextlib.suppress(OSError, ValueError, RecursionError):
        with open(matrix.with_suffix(".json"), "rb") as file:
            summary = json.loads(file.read(_MOST_OF_A_SUMMARY))
        if isinstance(summary, dict):
            found["extracted"] = summary
    return found


def files_of(arguments, names=None):
    """Paths of all files that belong to the feature files of load_runs's arguments."""
    paths = [path for _, file in _named(arguments, names) for path in feature_paths(file)]
    return [*paths, *(path.with_suffix(".json") for path in paths)]


def _named(arguments, names):
    """[(name, path)]: the name that is given, or the file's."""
    if names is None:
        split = [argument.partition("=") for argument in arguments]
        return [
            (name, path) if separator and "/" not in name else (Path(argument).stem, argument)
            for argument, (name, separator, path) in zip(arguments, split)
        ]
    if len(names) != len(arguments):
        raise InputError(f"{len(names)} names for {len(arguments)} feature files")
    return list(zip(names, arguments))


def _as_first(name, features, first_name, first):
    rows = {path: row for row, path in enumerate(features.paths)}
    lacking = [path for path in first.paths if path not in rows]
    known = set(first.paths)
    added = [path for path in features.paths if path not in known]
    if lacking or added:
        parts = [
            f"{len(paths)} only in {run} ({paths[0]}{', ...' if len(paths) > 1 else ''})"
            for run, paths in ((first_name, lacking), (name, added))
            if paths
        ]
        raise InputError(
            f"the runs {first_name} and {name} are not of the same images",
            found=", ".join(parts),
            hint="extract both from one list",
        )
    order = np.array([rows[path] for path in first.paths])
    labels = None if features.labels is None else features.labels[order]
    if labels is not None and first.labels is not None and (labels != first.labels).any():
        row = int(np.argmax(labels != first.labels))
        raise InputError(
            f"the runs {first_name} and {name} differ in the label of {first.paths[row]}",
            found=f"{first.labels[row]} and {labels[row]}",
        )
    return Features(features.matrix[order], first.paths, first.labels)


def require_images(root, paths):
    """Raise InputError where an image of a run is not below the folder of --images."""
    missing = [path for path in paths if not Path(root, path).is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(paths)} images are not below --images {root}",
            found=f"no {Path(root, missing[0])}",
            hint="give the folder that the paths in the list of the features start from",
        )
