"""Weights of a caffemodel against the blobs of a net, before pycaffe copies them."""

import math
from dataclasses import dataclass
from pathlib import Path

from amcaffe.errors import InputError


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
    """Shapes of every layer's blobs in a .caffemodel.

    Returns: dict of layer name -> list of BlobShape, layers without blobs left out.
    Raises: InputError: no such file, HDF5, truncated, or not a caffemodel.
    """
    from caffe.proto import caffe_pb2
    from google.protobuf.message import DecodeError

    advice = "copy or download it again; a snapshot cut short by a kill cannot be mended"
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the weights {path}: {error.strerror}") from None
    if data.startswith(b"\x89HDF\r\n"):
        raise InputError(f"{path} is an HDF5 file", expected="a binary .caffemodel")
    model = caffe_pb2.NetParameter()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise InputError(f"{path} is truncated, or no caffemodel", hint=advice) from None
    weights = {}
    for layer in list(model.layer) + list(model.layers):
        shapes = [read_blob_shape(blob) for blob in layer.blobs]
        if None in shapes:
            raise InputError(
                f"{path}: the numbers of blob {shapes.index(None)} of layer {layer.name} "
                "do not fill its shape",
                hint=advice,
            )
        if shapes:
            weights[layer.name] = shapes
    if not weights:
        raise InputError(f"{path} holds no weights", expected="a binary .caffemodel", hint=advice)
    return weights


def net_shapes(net):
    """dict of layer name -> list of shapes, for each layer of a pycaffe Net that has weights."""
    return {name: [tuple(blob.data.shape) for blob in blobs] for name, blobs in net.params.items()}


def compare_weights(path, weights, wanted, whole):
    """Check weights against a net by name and shape, as Caffe would copy them.

    Args:
        path: of the weights, for messages.
        weights: of read_weights.
        wanted: of net_shapes.
        whole: every layer of the net must be there.
    Returns: list of the net's layers that the file lacks (they keep their fillers' values).
    Raises: InputError.
    """
    hint = "give the net that these weights were trained with"
    if not whole:
        hint += ", or rename the layer in the net if it is to start afresh"
    for name, shapes in wanted.items():
        found = weights.get(name)
        if found is not None and (
            len(found) != len(shapes) or not all(f.fits(s) for f, s in zip(found, shapes))
        ):
            raise InputError(
                f"{path}: layer {name} does not have the shape that the net has",
                found=", ".join(map(str, found)),
                expected=", ".join(" x ".join(map(str, shape)) for shape in shapes),
                hint=hint,
            )
    lacking = [name for name in wanted if name not in weights]
    if len(lacking) == len(wanted):
        raise InputError(
            f"{path} has no layer of this net",
            found=_some(weights),
            expected=_some(wanted),
        )
    if lacking and whole:
        raise InputError(
            f"{path} lacks {len(lacking)} of the {len(wanted)} layers with weights that the net "
            f"needs: {_some(lacking)}",
            found=f"layers that the net does not need: "
            f"{_some(name for name in weights if name not in wanted) or 'none'}",
            hint="Caffe would fill them with arbitrary numbers: give the net that these weights "
            "were trained with",
        )
    return lacking


def _some(names, limit=8):
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
