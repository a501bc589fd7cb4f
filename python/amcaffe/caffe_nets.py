"""Solvers, nets and weights, read and checked before pycaffe sees them.

A CHECK that fails inside Caffe kills Python, so whatever a user can get wrong in these files is
looked for here first.
"""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Tuple

from amcaffe.errors import BuildError, InputError

TRAIN, TEST = 0, 1  # caffe.proto's enum Phase
_PATCH = ("the layers and fields of this package need a patched Caffe: "
          "python -m amcaffe.install $CAFFE_ROOT, then python -m amcaffe.build $CAFFE_ROOT")


def import_caffe():
    """The pycaffe module. Raises BuildError where this Python has none that loads."""
    try:
        import caffe
    except ImportError as error:
        raise BuildError(
            "`import caffe` failed in this Python",
            found=str(error),
            hint="python -m amcaffe.build $CAFFE_ROOT, or in the project: eval \"$(make -s env)\"",
        ) from None
    return caffe


def use_device(caffe, gpu):
    """Compute on GPU number `gpu`, or on the CPU where it is None.

    Returns: "cpu" or "gpu N".
    """
    if gpu is None:
        caffe.set_mode_cpu()
        return "cpu"
    if not hasattr(caffe._caffe.Blob, "_gpu_data_ptr"):  # left out of CPU-only builds
        raise InputError(
            f"GPU {gpu} is asked for, but this Caffe was built for the CPU only",
            found=caffe.__file__,
            hint="leave out --gpu (and solver_mode: GPU), or build with a CUDA toolkit present",
        )
    if gpu < 0:
        raise InputError("a GPU's number is 0 or more", found=str(gpu))
    caffe.set_device(gpu)
    caffe.set_mode_gpu()
    return f"gpu {gpu}"


def read_solver(path):
    """SolverParameter of a text file. Raises InputError naming file and line."""
    from caffe.proto import caffe_pb2

    return _read_text(path, caffe_pb2.SolverParameter(), "solver")


def read_net(path):
    """NetParameter of a text file. Raises InputError naming file and line, or on a net that
    has no layers or is written in the format before `layer` and `type: "Name"`."""
    from caffe.proto import caffe_pb2

    net = _read_text(path, caffe_pb2.NetParameter(), "net")
    if len(net.layers):
        raise InputError(
            f"{path} is written in Caffe's old format (`layers`, not `layer`)",
            hint=f"$CAFFE_ROOT/build/tools/upgrade_net_proto_text {path} NEW",
        )
    if not len(net.layer):
        raise InputError(f"{path} has no layers")
    return net


def _read_text(path, message, kind):
    from google.protobuf import text_format

    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read the {kind} {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is no {kind} in text format: it is not UTF-8") from None
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as error:
        raise InputError(
            f"{path}:{error.GetLine()}: not a {kind} that this Caffe can read",
            found=str(error),
            hint=_PATCH if "has no field named" in str(error) else None,
        ) from None


def layers_in(net, phase, level=0, stages=()):
    """The layers of a NetParameter that exist in a phase, by Caffe's include/exclude rules."""
    state = (phase, level, frozenset(stages) | frozenset(net.state.stage))
    kept = []
    for layer in net.layer:
        if layer.include:
            exists = any(_meets(rule, *state) for rule in layer.include)
        else:
            exists = not any(_meets(rule, *state) for rule in layer.exclude)
        if exists:
            kept.append(layer)
    return kept


def _meets(rule, phase, level, stages):
    return not (
        (rule.HasField("phase") and rule.phase != phase)
        or (rule.HasField("min_level") and level < rule.min_level)
        or (rule.HasField("max_level") and level > rule.max_level)
        or not stages.issuperset(rule.stage)
        or not stages.isdisjoint(rule.not_stage)
    )


def check_layers(caffe, path, net, layers):
    """Raise InputError for a layer type that this Caffe lacks, or a bottom that no layer makes."""
    known = set(caffe.layer_type_list())
    made = set(net.input)
    for layer in layers:
        if layer.type not in known:
            raise InputError(
                f"{path}: layer {layer.name} is of a type that this Caffe does not have",
                found=layer.type,
                hint=_PATCH,
            )
        for bottom in layer.bottom:
            if bottom not in made:
                raise InputError(
                    f"{path}: layer {layer.name} reads a blob that no layer above it makes",
                    found=bottom,
                    expected=f"one of {', '.join(sorted(made))}",
                )
        made.update(layer.top)


@dataclass(frozen=True)
class BlobShape:
    """Shape of a weight blob in a file. legacy: written as num, channels, height, width."""

    dims: Tuple[int, ...]
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
    return {
        name: [tuple(blob.data.shape) for blob in blobs] for name, blobs in net.params.items()
    }


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


def sha256_of(path):
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _some(names, limit=8):
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
