"""Weights of a caffemodel against the blobs of a net, before pycaffe copies them."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from amcaffe.errors import InputError
from amcaffe.nets.hdf5 import ADVICE, is_hdf5, read_shapes
from amcaffe.nets.layer_state import split_state


@dataclass(frozen=True)
class BlobShape:
    """Shape of a weight blob in a file. legacy: written as num, channels, height, width."""

    dims: tuple[int, ...]
    legacy: bool

    def fits(self, shape):
        """Would Caffe copy it into a blob of this shape?"""
        shape = tuple(shape)
        if self.legacy:  # Caffe compares such shapes in four dimensions
            shape = (1,) * (4 - len(shape)) + shape
        return self.dims == shape

    def __str__(self):
        return " x ".join(map(str, self.dims)) or "one number"


@dataclass(frozen=True)
class LayerBlobs:
    """The blobs of a layer.

    type: the layer's; None where a file does not tell (HDF5).
    shapes: in a file BlobShape, in a net tuples.
    """

    type: Optional[str]
    shapes: list

    def fits(self, target):
        """Would its weights fill those of `target`, a net's layer? State is left alone."""
        found, state = split_state(self.type or target.type, self.shapes)
        if self.type is None and any(math.prod(one.dims) != 1 for one in state):
            return False  # a bias, say, not what a layer of the target's type keeps
        return _all_fit(found, split_state(target.type, target.shapes)[0])

    def fits_whole(self, target):
        """Would its blobs, state among them, fill those of `target`?"""
        return _all_fit(self.shapes, target.shapes)


def _all_fit(found, wanted):
    return len(found) == len(wanted) and all(f.fits(w) for f, w in zip(found, wanted))


def read_blob_shape(blob):
    """BlobShape of a BlobProto, or None where its numbers do not fill that shape."""
    legacy = any(blob.HasField(name) for name in ("num", "channels", "height", "width"))
    if legacy:
        dims = (blob.num, blob.channels, blob.height, blob.width)
    else:
        dims = tuple(blob.shape.dim)
    count = len(blob.double_data) or len(blob.data)
    return BlobShape(dims, legacy) if math.prod(dims) == count else None


def read_weights(path):
    """Shapes of every layer's blobs in a .caffemodel, binary or HDF5.

    Returns: dict of layer name -> LayerBlobs, layers without blobs left out.
    Raises: InputError: no such file, truncated, or not a caffemodel.
    """
    if is_hdf5(path):
        weights = {
            name: LayerBlobs(None, [BlobShape(shape, legacy=False) for shape in shapes])
            for name, shapes in read_shapes(path).items()
            if shapes
        }
    else:
        model = read_model(path)
        weights = {}
        for layer in [*model.layer, *model.layers]:
            shapes = [read_blob_shape(blob) for blob in layer.blobs]
            if None in shapes:
                raise InputError(
                    f"{path}: the numbers of blob {shapes.index(None)} of layer {layer.name} "
                    "do not fill its shape",
                    hint=ADVICE,
                )
            if shapes:
                weights[layer.name] = LayerBlobs(str(layer.type), shapes)
    if not weights:
        raise InputError(f"{path} holds no weights", expected="a .caffemodel", hint=ADVICE)
    return weights


def read_model(path):
    """NetParameter of a binary .caffemodel. Raises InputError, as read_weights."""
    from caffe.proto import caffe_pb2
    from google.protobuf.message import DecodeError

    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the weights {path}: {error.strerror}") from None
    model = caffe_pb2.NetParameter()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise InputError(
            f"{path} is truncated, or no caffemodel",
            hint=ADVICE,
        ) from None
    return model


def net_shapes(net):
    """dict of layer name -> LayerBlobs, for each layer of a pycaffe Net, in its order."""
    types = [layer.type for layer in net.layers]
    return {
        name: LayerBlobs(kind, [tuple(blob.data.shape) for blob in net.params.get(name, ())])
        for name, kind in zip(net._layer_names, types)
    }


def with_weights(wanted):
    """Names of the layers of net_shapes that have weights."""
    return [name for name, one in wanted.items() if split_state(one.type, one.shapes)[0]]


def compare_weights(path, weights, wanted, whole, state=False):
    """Check weights against a net by name and shape, as they would be copied.

    Args:
        path: of the weights, for messages.
        weights: of read_weights.
        wanted: of net_shapes.
        whole: every layer of the net must be there.
        state: what layers keep beside their weights must be there, too, and fit.
    Returns: list of the net's layers that the file lacks (they keep their fillers' values).
    Raises: InputError.
    """
    hint = "give the net that these weights were trained with"
    if not whole:
        hint += ", or start the layer afresh (--fresh), or rename it in the net"
    for name, target in wanted.items():
        found = weights.get(name)
        fits = LayerBlobs.fits_whole if state else LayerBlobs.fits
        if found is not None and not fits(found, target):
            raise InputError(
                f"{path}: layer {name} does not have the shape that the net has",
                found=", ".join(map(str, found.shapes)),
                expected=", ".join(" x ".join(map(str, shape)) for shape in target.shapes)
                or "no weights",
                hint=hint,
            )
    needed = [name for name in wanted if wanted[name].shapes] if state else with_weights(wanted)
    lacking = [name for name in needed if name not in weights]
    if needed and len(lacking) == len(needed):
        raise InputError(
            f"{path} has no layer of this net",
            found=_some(weights),
            expected=_some(needed),
        )
    if lacking and whole:
        raise InputError(
            f"{path} lacks {len(lacking)} of the {len(needed)} layers with weights that the net "
            f"needs: {_some(lacking)}",
            found=f"layers that the net does not need: "
            f"{_some(name for name in weights if name not in needed) or 'none'}",
            hint="Caffe would fill them with arbitrary numbers: give the net that these weights "
            "were trained with",
        )
    return lacking


def _some(names, limit=8):
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
