"""Snapshots of a run: pairs of NAME_iter_N.caffemodel and NAME_iter_N.solverstate, or of these
with `.h5` behind."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amcaffe.data.files import atomic_write
from amcaffe.errors import InputError
from amcaffe.nets import hdf5
from amcaffe.nets.weights import BlobShape, compare_weights, read_blob_shape, read_weights

FINAL, REPORT = "final.caffemodel", "train.json"  # what a run ends with
_TWO_HISTORIES = ("adam", "adadelta")  # solver types that keep two blobs a weight


@dataclass(frozen=True)
class Snapshot:
    """Two files PREFIX_iter_N with these endings. hdf5: they are HDF5 files, and end so."""

    prefix: Path
    iteration: int
    hdf5: bool = False

    @property
    def state(self):
        return self._file("solverstate")

    @property
    def model(self):
        return self._file("caffemodel")

    def _file(self, ending):
        h5 = ".h5" if self.hdf5 else ""
        return self.prefix.with_name(f"{self.prefix.name}_iter_{self.iteration}.{ending}{h5}")


def find(prefix):
    """Snapshots with a prefix (a path), newest first, whole or not."""
    prefix = Path(prefix)
    pattern = re.compile(re.escape(prefix.name) + r"_iter_(\d+)\.(?:solverstate|caffemodel)(\.h5)?")
    found = {
        Snapshot(prefix, int(match[1]), bool(match[2]))
        for match in (pattern.fullmatch(path.name) for path in prefix.parent.glob("*"))
        if match
    }
    return sorted(found, key=lambda one: (one.iteration, one.hdf5), reverse=True)


def remove_old(prefix, newest, keep):
    """Remove all but the last `keep` snapshots that have both files, up to iteration `newest`.

    Of a file that is a link, the link. What is no file, and what is no pair, stays.
    """
    pairs = [
        one
        for one in find(prefix)
        if one.iteration <= newest and _is_file(one.state) and _is_file(one.model)
    ]
    iterations = sorted({one.iteration for one in pairs}, reverse=True)
    for one in pairs:
        if one.iteration in iterations[keep:]:
            # The state first: weights without one are of use, and taken for no pair.
            one.state.unlink()
            one.model.unlink()


def _is_file(path):
    return path.is_file() or path.is_symlink()


def refuse_results(out):
    """Raise InputError where a folder without snapshots holds the results of an earlier run."""
    there = [name for name in (FINAL, REPORT) if os.path.lexists(Path(out) / name)]
    if there:
        raise InputError(
            f"{out} holds the results of an earlier run, and none of its snapshots",
            found=", ".join(there),
            hint="give another --out, or move them away; nothing was written",
        )


def make_way(snapshot):
    """Remove what Caffe would write into: a link's target, or a file's other names."""
    for path in (snapshot.state, snapshot.model):
        path.unlink(missing_ok=True)


def check(snapshot, shapes, history):
    """Raise InputError unless both files are whole and of this net.

    shapes: of nets.weights.net_shapes. history: of history_shapes.
    """
    weights = read_weights(snapshot.model)
    compare_weights(snapshot.model, weights, shapes, whole=True, state=True)
    if snapshot.hdf5:
        iteration, found = hdf5.read_solver_state(snapshot.state)
        found = [BlobShape(shape, legacy=False) for shape in found]
    else:
        state = _read_state(snapshot.state)
        iteration, found = state.iter, [read_blob_shape(blob) for blob in state.history]
    whole = len(found) == len(history) and all(f and f.fits(h) for f, h in zip(found, history))
    if iteration != snapshot.iteration or not whole:
        raise InputError(f"{snapshot.state} is truncated, or of another net or solver type")


def history_shapes(layers, shapes, solver_type):
    """Shapes of a solver's history: one or two blobs a weight, a shared weight once."""
    named, owned = set(), []
    parameters = {layer.name: [spec.name for spec in layer.param] for layer in layers}
    for name, blobs in shapes.items():
        names = parameters.get(name, [])
        for number, shape in enumerate(blobs.shapes):
            shared = names[number] if number < len(names) else ""
            if shared and shared in named:
                continue
            named.add(shared)
            owned.append(shape)
    return owned * (2 if solver_type.lower() in _TWO_HISTORIES else 1)


def restore(solver, snapshot):
    """Put a solver where a checked snapshot is, wherever its folder has been moved to."""
    model = os.path.abspath(snapshot.model)
    moved = snapshot.state.with_name(f".{snapshot.state.name}")
    moved.unlink(missing_ok=True)
    try:
        if snapshot.hdf5:
            shutil.copyfile(snapshot.state, moved)
            hdf5.point_to_model(moved, model)
        else:
            state = _read_state(snapshot.state)
            state.learned_net = model
            atomic_write(moved, state.SerializeToString())
        solver.restore(str(moved))
    finally:
        moved.unlink(missing_ok=True)


def finite(net):
    """Are all weights of a pycaffe net finite?"""
    return all(np.isfinite(blob.data).all() for blobs in net.params.values() for blob in blobs)


def _read_state(path):
    from caffe.proto import caffe_pb2
    from google.protobuf.message import DecodeError

    state = caffe_pb2.SolverState()
    try:
        state.ParseFromString(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except DecodeError:
        raise InputError(f"{path} is truncated, or no solverstate") from None
    return state
