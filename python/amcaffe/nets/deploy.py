"""The part of a deploy net that a blob needs, with its weights, as a function of images."""

import tempfile
from pathlib import Path

import numpy as np

from amcaffe.errors import InputError
from amcaffe.nets.mirror import merge
from amcaffe.nets.reading import TEST, check_layers, layers_in, read_net
from amcaffe.nets.weights import compare_weights, net_shapes, read_weights


class Network:
    """Images in, merged features out.

    Args:
        caffe: the pycaffe module, its device chosen.
        net, weights, blob: file, file, name.
        mirror: of mirror.MERGES, or None: sum, or whatever the net itself does.
    Attributes:
        height, width: of its input in pixels. dim: of the merged features.
        mirror: what is done; "net" where the blob lies after the net's own merge.
    Raises: InputError: from the constructor, on anything that does not fit together.
    """

    def __init__(self, caffe, net, weights, blob, mirror):
        part = _part_for(caffe, net, blob)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "part.prototxt"
            path.write_text(str(part))
            self._net = caffe.Net(str(path), TEST)
        wanted = net_shapes(self._net)
        if wanted:
            compare_weights(weights, read_weights(weights), wanted, whole=True)
            self._net.copy_from(str(weights))
        self._blob = blob
        self._input = self._net.inputs[0]
        shape = self._net.blobs[self._input].data.shape
        if len(shape) != 4 or shape[1] != 3:
            raise InputError(
                f"{net}: the input {self._input} is not of colour images",
                found=" x ".join(map(str, shape)),
                expected="N x 3 x height x width",
            )
        self.height, self.width = shape[2:]
        self._flips = any(layer.type == "Flip" for layer in part.layer)
        self.mirror = self._merge_of(net, mirror)
        self.dim = self(np.zeros((1, 3, self.height, self.width), np.float32)).shape[1]

    def _merge_of(self, net, mirror):
        """Which merge is ours, by how many rows the blob has for two images."""
        rows = len(self._forward(np.zeros((2, 3, self.height, self.width), np.float32)))
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
        """(N, 3, height, width) float32 -> (N, dim) float32, not normalised."""
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
