"""What training reads, looked over before it starts: one bad line kills Caffe hours later."""

import hashlib
import json
import os
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

import numpy as np

from amcaffe.data.files import atomic_write
from amcaffe.data.images import check_images
from amcaffe.data.lists import read_image_list
from amcaffe.data.provenance import stamp_of
from amcaffe.data.visible import shown, visible
from amcaffe.errors import InputError

_SHOWN = 5
_INT = 2**31  # ImageData keeps labels in an int


def check_data(net_path, layers, remember, encoding=None, copies=None, training=True):
    """Check the sources of a phase's data layers.

    Args:
        net_path: for messages.
        layers: LayerParameters of the phase.
        remember: JSON file; what was checked and has not changed is not decoded again.
        encoding: of the image lists, as data.lists.read_image_list takes it.
        copies: ListCopies, given the lists that ImageData would not read as we do, or None.
        training: whether outputs without an image are told on stderr: a test needs not all.
    Returns: number of lines in the image lists.
    Raises: InputError naming list and lines.
    """
    images = 0
    for layer in layers:
        if layer.type == "ImageData":
            images += _check_image_list(
                net_path, layer, layers, Path(remember), encoding, copies, training
            )
        elif layer.type == "Data":
            _check_database(net_path, layer)
    return images


@dataclass(frozen=True)
class _Labels:
    """What the losses that read a label take for one.

    classes: their number; None: not found. ignored: loss_param's ignore_label, or None.
    strict: what takes a negative label for a class; None: each leaves such a row out.
    """

    classes: Optional[int] = None
    ignored: Optional[int] = None
    strict: Optional[str] = "the net"

    def problem(self, label):
        """Why `label` cannot be trained on; None: it can."""
        if label == self.ignored or (label < 0 and not self.strict):
            return None
        if not -_INT <= label < _INT:
            return f"label {label} is beyond the 32 bits that Caffe keeps"
        if label < 0:
            return (
                f"label {label} is negative, and {self.strict} does not leave its row out "
                f"without loss_param {{ ignore_label: {label} }}"
            )
        if self.classes and label >= self.classes:
            return f"label {label} is not below the net's {self.classes} classes"
        return None


def _labels_of(layers, label):
    losses = [
        (position, layer)
        for position, layer in enumerate(layers)
        if "Loss" in layer.type and len(layer.bottom) > 1 and layer.bottom[1] == label
    ]
    found = _Labels(strict=None) if losses else _Labels()
    for position, loss in losses:
        if loss.loss_param.HasField("ignore_label"):
            found = replace(found, ignored=loss.loss_param.ignore_label)
        if loss.type != "MarginSoftmaxLoss":
            found = replace(found, strict=f"layer {loss.name} ({loss.type})")
        # A loss that has the classes' weights in it, or one that reads logits.
        own = _num_output(loss) or _outputs_of(layers[:position], loss.bottom[0])
        found = replace(found, classes=own or found.classes)
    return found


def _outputs_of(layers, blob):
    """num_output of the layer that `blob` comes from, through layers that keep its shape."""
    for layer in reversed(layers):
        if blob not in layer.top:
            continue
        if _num_output(layer):
            return _num_output(layer)
        if not layer.bottom:
            return None
        blob = layer.bottom[0]
    return None


def _num_output(layer):
    return max((getattr(value, "num_output", 0) for _, value in layer.ListFields()), default=0)


def _check_image_list(net_path, layer, layers, remember, encoding, copies, training):
    data = layer.image_data_param
    where = f"{net_path}: layer {layer.name}"
    if bool(data.new_height) != bool(data.new_width):
        raise InputError(f"{where}: new_height and new_width go together")
    if data.batch_size < 1:
        raise InputError(f"{where}: batch_size must be 1 or more", found=str(data.batch_size))
    images = _read_list(data, encoding)
    taken = _labels_of(layers, layer.top[1] if len(layer.top) > 1 else None)
    notes = [*images.notes, *_doubts(images, taken if training else None)]
    for note in notes:
        print(f"amcaffe train: {data.source}: {note}", file=sys.stderr)
    problems = {}
    for row, label in enumerate(images.labels.tolist()):
        problem = taken.problem(label)
        if problem:
            problems[row] = problem
    paths = [data.root_folder + name for name in images.paths]
    readable = [row for row in range(len(paths)) if row not in problems]
    crop = layer.transform_param.crop_size
    signature = _signature(images, paths, repr((str(data), crop, taken)))
    checked = _load(remember)
    if problems or signature not in checked.values():
        sizes, unreadable = check_images([paths[row] for row in readable], data.is_color)
        for row, reason in unreadable:
            problems[readable[row]] = f"{shown(paths[readable[row]])}: {reason}"
        if not data.new_height:
            _check_sizes(readable, sizes, crop, problems)
        if problems:
            _refuse(data, taken, problems, images)
        checked[os.path.abspath(data.source)] = signature
        atomic_write(remember, json.dumps(checked, indent=1) + "\n")
    if copies is not None:
        copies.add(data, images)
    return len(paths)


def _read_list(data, encoding):
    """The list of an ImageDataParameter, which has labels."""
    try:
        images = read_image_list(data.source, lambda name: data.root_folder + name, encoding)
    except InputError as error:
        if not os.path.exists(data.source):
            error.hint = "the net names it, relative to the current directory"
        raise
    if images.labels is None:
        raise InputError(
            f"{data.source}:{images.lines[0]}: a list without labels cannot be trained on",
            found=visible(images.paths[0]),
            expected="`path label`, the label a whole number",
        )
    return images


def _doubts(images, taken):
    """Sentences about a list that can be trained on, but may not be meant so.

    taken: _Labels; None: whether all outputs have images is not asked.
    """
    first, doubts, labels = {}, [], images.labels.tolist()
    for row, name in enumerate(images.paths):
        before = first.setdefault(name, row)
        if labels[before] != labels[row]:
            doubts.append(
                f"warning: {shown(name)} has label {labels[before]} in line "
                f"{images.lines[before]} and {labels[row]} in line {images.lines[row]}"
            )
            break
    present = np.unique(images.labels[images.labels >= 0])
    if taken is not None:
        present = present[present != taken.ignored]
    if taken is None or not len(present):
        return doubts
    if present[0] > 0:
        doubts.append(f"warning: labels do not begin at 0 but at {present[0]}")
    outputs = taken.classes or int(present[-1]) + 1
    lacking = outputs - len(present)
    if lacking > 0:
        missing = next(n for n, label in enumerate([*present, outputs]) if n != label)
        of = f"the net's {outputs} outputs" if taken.classes else f"labels 0 to {present[-1]}"
        doubts.append(
            f"warning: {len(present)} labels for {of}: {lacking} have no image, "
            f"the first of them label {missing}"
        )
    return doubts


def _check_sizes(rows, sizes, crop, problems):
    """All images of one size, or all as large as the crop."""
    good = [(row, tuple(size)) for row, size in zip(rows, sizes.tolist()) if row not in problems]
    if not good:
        return
    usual = Counter(size for _, size in good).most_common(1)[0][0]
    for row, size in good:
        if crop and min(size) < crop:
            problems[row] = f"{size[0]}x{size[1]} is smaller than crop_size {crop}"
        elif not crop and size != usual:
            problems[row] = (
                f"is {size[0]}x{size[1]}, most images are {usual[0]}x{usual[1]} (height x width)"
            )


def _refuse(data, taken, problems, images):
    rows, count = sorted(problems), len(images.paths)
    named = [f"line {images.lines[row]}: {problems[row]}" for row in rows[:_SHOWN]]
    if len(rows) > _SHOWN:
        named.append(f"and {len(rows) - _SHOWN} more lines")
    labels = f"an integer in 0..{taken.classes - 1}" if taken.classes else "an integer, 0 or more"
    if not taken.strict:
        labels += " (negative: a row without a loss)"
    raise InputError(
        f"{data.source}: {len(rows)} of {count} lines cannot be trained on",
        found="\n            ".join(named),
        expected=f"`path label`: an image under {data.root_folder or 'the current directory'!r}, "
        f"{labels}, and images of one size unless new_height and new_width are set",
        hint="mend or remove those lines (of a folder of people, `dataset lists --skip-broken` "
        "leaves broken images out); nothing was trained",
    )


def _check_database(net_path, layer):
    source = Path(layer.data_param.source)
    if not any((source / name).is_file() for name in ("data.mdb", "CURRENT")):
        raise InputError(
            f"{net_path}: layer {layer.name} reads a database that is not there",
            found=str(source),
            expected="an LMDB (data.mdb) or LevelDB folder, relative to the current directory",
        )


def _signature(images, paths, settings):
    """Of a list, its settings, and the size and time of every file: any change shows."""
    digest = hashlib.sha256(settings.encode())
    digest.update(images.raw)
    digest.update("\n".join(paths).encode(errors="surrogateescape"))
    digest.update(stamp_of(paths).encode())
    return digest.hexdigest()


def _load(path):
    try:
        checked = json.loads(path.read_text())
        return checked if isinstance(checked, dict) else {}
    except (OSError, ValueError):
        return {}
