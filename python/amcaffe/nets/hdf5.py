"""HDF5 files of Caffe: weights in data/LAYER/NUMBER, a solver's history in history/NUMBER.

Looked over before Caffe reads them, for what it does not expect there ends the process.
"""

import contextlib
from pathlib import Path

import numpy as np

from amcaffe.errors import InputError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ADVICE = "copy or download it again; a snapshot cut short by a kill cannot be mended"
_MOST_AXES = 32  # of a blob


def is_hdf5(path):
    """Does a file begin as HDF5 does? False where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(len(_SIGNATURE)) == _SIGNATURE
    except OSError:
        return False


def require_h5py(what):
    """The module h5py. Raises InputError: it is not in this Python, which `what` needs."""
    try:
        import h5py
    except ImportError:
        raise InputError(
            f"{what} needs the Python package h5py, which is not there",
            hint="pip install h5py",
        ) from None
    return h5py


def read_shapes(path):
    """{layer: [shape]} of the weights in an HDF5 file.

    Raises: InputError: it cannot be read, is truncated, or is not laid out as Caffe does it.
    """
    with _opened(path) as file:
        layers = _group(path, file, "data")
        return {name: _numbered(path, _group(path, layers, name)) for name in layers}


def read_solver_state(path):
    """(iteration, [shape of each blob of the history]) of an HDF5 solverstate.

    Raises: InputError, as read_shapes.
    """
    with _opened(path) as file:
        iteration = _whole_number(path, file, "iter")
        _whole_number(path, file, "current_step")
        return iteration, _numbered(path, _group(path, file, "history"))


def point_to_model(state, model):
    """Write into a checked solverstate, which is changed, where its weights lie."""
    h5py = require_h5py(state)
    text = str(model).encode("utf-8", "surrogateescape")
    with h5py.File(state, "r+") as file:
        if "learned_net" in file:
            del file["learned_net"]
        # With the zero at its end, which Caffe relies upon.
        kind = h5py.h5t.C_S1.copy()
        kind.set_size(len(text) + 1)
        kind.set_strpad(h5py.h5t.STR_NULLTERM)
        space = h5py.h5s.create(h5py.h5s.SCALAR)
        dataset = h5py.h5d.create(file.id, b"learned_net", kind, space)
        dataset.write(space, space, np.array(text, dtype=f"S{len(text) + 1}"), kind)


def write_part(path, source, layers):
    """Write an HDF5 file of some of a checked one's weights.

    Args: layers: {layer: (how many of its blobs, [array] that follow them)}.
    """
    h5py = require_h5py(source)
    with h5py.File(source, "r") as old, h5py.File(path, "w") as new:
        data = new.create_group("data")
        for name, (count, more) in layers.items():
            group = data.create_group(name)
            for number in range(count):
                old.copy(f"data/{name}/{number}", group, name=str(number))
            for number, array in enumerate(more, count):
                group.create_dataset(str(number), data=array)


@contextlib.contextmanager
def _opened(path):
    h5py = require_h5py(f"the HDF5 file {path}")
    try:
        Path(path).open("rb").close()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"{path} is truncated, or no HDF5 file", found=str(error), hint=ADVICE
        ) from None


def _own(path, parent, name):
    """What stands under a name in this file itself; None: nothing, or what a link leads to."""
    link = parent.get(name, getlink=True)
    return parent.get(name) if isinstance(link, require_h5py(path).HardLink) else None


def _group(path, parent, name):
    found = _own(path, parent, name)
    if not isinstance(found, require_h5py(path).Group):
        _refuse(path, f"no group {name!r} in {parent.name}")
    return found


def _dataset(path, parent, name):
    found = _own(path, parent, name)
    if not isinstance(found, require_h5py(path).Dataset) or found.external or found.is_virtual:
        _refuse(path, f"no data {name!r} in {parent.name}")
    return found


def _numbered(path, group):
    """Shapes of a group's datasets 0, 1, ..., which hold floating-point numbers."""
    names = [str(number) for number in range(len(group))]
    if set(names) != set(group):
        _refuse(path, f"{group.name} holds {', '.join(list(group)[:5])}, not {', '.join(names)}")
    shapes = []
    for name in names:
        found = _dataset(path, group, name)
        if found.shape is None or found.dtype.kind != "f" or len(found.shape) > _MOST_AXES:
            _refuse(path, f"{found.name} is {found.dtype} of shape {found.shape}")
        shapes.append(tuple(found.shape))
    return shapes


def _whole_number(path, file, name):
    found = _dataset(path, file, name)
    if found.dtype.kind not in "iu" or found.size != 1:
        _refuse(path, f"{name} is {found.dtype} of shape {found.shape}")
    return int(found[()].flat[0] if found.shape else found[()])


def _refuse(path, found):
    raise InputError(
        f"{path} is not laid out as Caffe writes HDF5",
        found=found,
        expected="weights in data/LAYER/NUMBER; of a solver iter, current_step, history/NUMBER",
    )
