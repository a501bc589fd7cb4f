"""Snapshots of a run: pairs of NAME_iter_N.caffemodel and NAME_iter_N.solverstate."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amcaffe.data.files import atomic_write
from amcaffe.errors import InputError
from amcaffe.nets.weights import compare_weights, read_blob_shape, read_weights

FINAL, REPORT = "final.caffemodel", "train.json"  # what a run ends with
_TWO_HISTORIES = ("adam", "adadelta")  # solver types that keep two blobs a weight


@dataclass(frozen=True)
class Snapshot:
    iteration: int
    state: Path

    @property
    def model(self):
        return self.state.with_suffix(".caffemodel")


def find(prefix):
    """Snapshots with a prefix (a path), newest first, whole or not."""
    prefix = Path(prefix)
    pattern = re.compile(re.escape(prefix.name) + r"_iter_(\d+)\.(solverstate|caffemodel)$")
    iterations = set()
    for path in prefix.parent.glob("*"):
        match = pattern.match(path.name)
        if match:
            iterations.add(int(match.group(1)))
    return [
        Snapshot(n, prefix.with_name(f"{prefix.name}_iter_{n}.solverstate"))
        for n in sorted(iterations, reverse=True)
    ]


def refuse_results(out):
    """Raise InputError where a folder without snapshots holds the results of an earlier run."""
    there = [name for name in (FINAL, REPORT) if os.path.lexists(Path(out) / name)]
    if there:
        raise InputError(
            f"{out} holds the results of an earlier run, and none of its snapshots",
            found=", ".join(there),
            hint="give another --out, or move them away; nothing was written",
        )


def make_way(prefix, iteration):
    """Remove what Caffe would write into: a link's target, or a file's other names."""
    state = Path(f"{prefix}_iter_{iteration}.solverstate")
    for path in (state, Snapshot(iteration, state).model):
        path.unlink(missing_ok=True)


def check(snapshot, shapes, history):
    """Raise InputError unless both files are whole and of this net.

    shapes: of nets.weights.net_shapes. history: of history_shapes.
    """
    compare_weights(snapshot.model, read_weights(snapshot.model), shapes, whole=True)
    state = _read_state(snapshot.state)
    found = [read_blob_shape(blob) for blob in state.history]
    whole = len(found) == len(history) and all(f and f.fits(h) for f, h in zip(found, history))
    if state.iter != snapshot.iteration or not whole:
        raise InputError(f"{snapshot.state} is truncated, or of another net or solver type")


def history_shapes(layers, shapes, solver_type):
    """Shapes of a solver's history: one or two blobs a weight, a shared weight once."""
    named, owned = set(), []
    parameters = {layer.name: [spec.name for spec in layer.param] for layer in layers}
    for name, blobs in shapes.items():
        names = parameters.get(name, [])
        for number, shape in enumerate(blobs):
            shared = names[number] if number < len(names) else ""
            if shared and shared in named:
                continue
            named.add(shared)
            owned.append(shape)
    return owned * (2 if solver_type.lower() in _TWO_HISTORIES else 1)


def restore(solver, snapshot):
    """Put a solver where a checked snapshot is, wherever its folder has been moved to."""
    state = _read_state(snapshot.state)
    state.learned_net = os.path.abspath(snapshot.model)
    moved = snapshot.state.with_name(f".{snapshot.state.name}")
    atomic_write(moved, state.SerializeToString())
    try:
        solver.restore(str(moved))
    finally:
        moved.unlink()


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
