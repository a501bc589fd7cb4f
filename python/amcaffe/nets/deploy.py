"""The part of a deploy net that a blob needs, with its weights, as a function of images."""

import tempfile
from pathlib import Path

import numpy as np

from amcaffe.errors import InputError
from amcaffe.nets.loading import load_weights
from amcaffe.nets.mirror import merge
from amcaffe.nets.reading import TEST, check_layers, layers_in, read_net
from amcaffe.nets.weights import net_shapes, with_weights


class Network:
    """Images in, merged features out.

    Args:
        caffe: the pycaffe module, its device chosen.
        net, weights, blob: file, file, name.
        mirror: of mirror.MERGES, or None: sum, or whatever the net itself does.
    Attributes:
        shape: (channels, height, width) of its input, 1 channel or 3. dim: of the merged features.
        mirror: what is done; "net" where the blob lies after the net's own merge.
    Raises: InputError: from the constructor, on anything that does not fit together.
    """

    def __init__(self, caffe, net, weights, blob, mirror):
        part = _part_for(caffe, net, blob)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "part.prototxt"
            path.write_text(str(part))
            self._net = caffe.Net(str(path), TEST)
        if with_weights(net_shapes(self._net)):
            load_weights(self._net, weights, whole=True)
        self._blob = blob
        self._input = self._net.inputs[0]
        shape = self._net.blobs[self._input].data.shape
        self.shape = _image_shape(net, self._input, shape)
        self._flips = any(layer.type == "Flip" for layer in part.layer)
        self.mirror = self._merge_of(net, mirror)
        self.dim = self(np.zeros((1, *self.shape), np.float32)).shape[1]

    def _merge_of(self, net, mirror):
        """Which merge is ours, by how many rows the blob has for two images."""
        rows = len(self._forward(np.zeros((2, *self.shape), np.float32)))
        self._doubled = self._flips and rows == 4
        if not self._doubled and rows != 2:
            raise InputError(
                f"{net}: blob {self._blob} has {rows} rows for 2 images",
                expected="a row an image, or, after the net's own Flip, two",
            )
        if self._flips and not self._doubled:
            if mirror is not None:
                raise InputError(
                    f"{net}: blob {self._blob} is made from image and mirror by the net itself",
                    found=f"--mirror {mirror}",
                    hint="leave --mirror out, or name a blob before the merge (--blob fc5)",
                )
            return "net"
        return mirror or "sum"

    def __call__(self, batch):
        """(N, *shape) float32 -> (N, dim) float32, not normalised."""
        rows, count = self._forward(batch), len(batch)
        if self._doubled:
            return merge(rows[:count], rows[count:], self.mirror)
        if self.mirror in ("none", "net"):
            return rows
        return merge(rows, self._forward(batch[..., ::-1]), self.mirror)

    def _forward(self, batch):
        blob = self._net.blobs[self._input]
        if blob.data.shape != batch.shape:
            blob.reshape(*batch.shape)
            self._net.reshape()
        blob.data[...] = batch
        self._net.forward()
        rows = self._net.blobs[self._blob].data
        return rows.reshape(len(rows), -1).copy()


def input_shape(path):
    """(channels, height, width) of a deploy net's one input, 1 channel or 3.

    Raises: InputError: the net cannot be read, has another source than Input layers, or not one
        input of images.
    """
    net = read_net(path)
    layers = layers_in(net, TEST)
    # The two forms before there were Input layers: a message each, or four numbers each.
    four = [net.input_dim[at : at + 4] for at in range(0, len(net.input_dim), 4)]
    shapes = list(zip(net.input, [*(shape.dim for shape in net.input_shape), *four]))
    for layer in layers:
        if layer.type == "Input":
            own = [shape.dim for shape in layer.input_param.shape]
            shapes += zip(layer.top, own * len(layer.top) if len(own) == 1 else own)
    others = [layer for layer in layers if not layer.bottom and layer.type != "Input"]
    if len(shapes) != 1 or others:
        raise InputError(
            f"{path} does not begin with one input of images",
            found=", ".join(
                [name for name, _ in shapes] + [f"{layer.name} ({layer.type})" for layer in others]
            )
            or "none",
            expected="a deploy net, whose only source is an Input layer",
        )
    return _image_shape(path, *shapes[0])


def _image_shape(net, name, shape):
    if len(shape) != 4 or shape[1] not in (1, 3):
        raise InputError(
            f"{net}: the input {name} is not of images",
            found=" x ".join(map(str, shape)),
            expected="N x 3 x height x width, or N x 1 of grey ones",
        )
    return tuple(shape[1:])


def _part_for(caffe, path, blob):
    """NetParameter with the layers, in phase TEST, that lead to a blob."""
    net = read_net(path)
    layers = layers_in(net, TEST)
    check_layers(caffe, path, net, layers)
    blobs = list(dict.fromkeys([*net.input, *(top for layer in layers for top in layer.top)]))
    if blob not in blobs:
        raise InputError(
            f"{path} has no blob {blob!r}", found=", ".join(blobs), hint="name one with --blob"
        )
    needed, kept = {blob}, []
    for layer in reversed(layers):
        if needed.intersection(layer.top):
            kept.insert(0, layer)
            needed.update(layer.bottom)
    sources = [layer for layer in kept if not layer.bottom]
    inputs = [top for layer in sources if layer.type == "Input" for top in layer.top]
    inputs += [name for name in net.input if name in needed]
    if len(inputs) != 1 or any(layer.type != "Input" for layer in sources):
        raise InputError(
            f"{path}: blob {blob!r} does not come from one input of images",
            found=", ".join([*inputs, *(f"{layer.name} ({layer.type})" for layer in sources)]),
            expected="a deploy net, whose only source is an Input layer",
        )
    part = type(net)()
    part.CopyFrom(net)
    del part.layer[:]
    part.layer.extend(kept)
    return part
