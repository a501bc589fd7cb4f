"""The memory that a training needs, against what is there: said before any of it is taken."""

import contextlib
import sys
from dataclasses import dataclass

from amcaffe.data.images import ImageError, read_image
from amcaffe.data.lists import read_image_list
from amcaffe.errors import InputError
from amcaffe.host.memory import memory_there
from amcaffe.nets.layer_state import split_state
from amcaffe.nets.shapes import count, net_blobs

_FLOAT = 4
_PREFETCHED = 4  # batches that a data layer reads ahead
# What a solver keeps in the shape of each weight: momentum, and what an update is computed in.
_KEPT = {"sgd": 1, "nesterov": 2, "adagrad": 2, "rmsprop": 2, "adam": 3, "adadelta": 4}


@dataclass(frozen=True)
class Need:
    """Bytes of a training, as its shapes tell; what they do not tell is not in it.

    weights, gradients, solver, blobs: of the nets. saving: while a snapshot is read back.
    largest: (layer, shape, bytes) of the largest weight. widest: the same of the largest blob.
    """

    weights: int
    gradients: int
    solver: int
    blobs: int
    saving: int
    largest: tuple
    widest: tuple

    @property
    def whole(self):
        return self.weights + self.gradients + self.solver + self.blobs + self.saving

    def __str__(self):
        return (
            f"{gib(self.whole)}: weights {gib(self.weights)}, gradients {gib(self.gradients)}, "
            f"momentum {gib(self.solver)}, blobs {gib(self.blobs)}, saving {gib(self.saving)}"
        )


def gib(size):
    return f"{size / 2**30:.2f} GiB"


def check_memory(parameters, nets, gpu=None, encoding=None, there=None):
    """Compare the memory that a training needs with what there is.

    Args:
        parameters: SolverParameter. nets: of solver_file.nets_of. gpu: its number, or None.
        encoding: of image lists. there: in place of host.memory.memory_there.
    Raises: InputError: there is too little. Of a GPU, pycaffe cannot tell what is free: what it
        needs is told on stderr, and the host is compared with what is kept there.
    """
    need = needed(parameters, nets, encoding)
    path, found = nets[0][0], (there or memory_there)()
    host = need.whole
    if gpu is not None:
        print(
            f"amcaffe train: GPU {gpu} needs at least {gib(need.whole - need.saving)} of its "
            "memory; how much of it is free is not known",
            file=sys.stderr,
        )
        host = need.weights + need.saving
    if found is None or host <= found[0]:
        return
    layer, shape, size = need.largest
    hint = f"the most is layer {layer}'s, {_product(shape)} weights, {gib(size)}: fewer classes or "
    hint += "shorter features"
    wide, wide_shape, wide_size = need.widest
    if wide_size > size:
        hint = f"the most is blob {wide}'s, {_product(wide_shape)}, {gib(wide_size)} and as much "
        hint += "for its gradient: a smaller batch with iter_size, fewer classes"
    elif wide_size > size // 4:
        hint += f"; blob {wide} ({_product(wide_shape)}) is not there in MarginSoftmaxLoss"
    raise InputError(
        f"{path}: training needs more memory than there is: {gib(host - found[0])} more",
        found=f"{gib(found[0])}, {found[1]}",
        expected=str(need) if gpu is None else f"{gib(host)} on the host",
        hint=f"{hint}; or a machine with more. Nothing was allocated",
    )


def needed(parameters, nets, encoding=None):
    """Need of a solver and its nets, the training net first. Nothing is built or read but the
    size of an image."""
    (_, _, layers), *tests = nets
    blobs = net_blobs(layers, _given(layers, encoding))
    weights, largest = _weights(layers, blobs)
    kept = _KEPT.get(_type_of(parameters), 1) * weights
    data, widest = _blob_bytes(layers, blobs, training=True)
    own = 0
    for _, _, test_layers in tests:
        test_blobs = net_blobs(test_layers, _given(test_layers, encoding))
        own += _blob_bytes(test_layers, test_blobs, training=False)[0]
        if not parameters.test_initialization:
            # A test net has weights of its own until it is first used.
            own += _weights(test_layers, test_blobs)[0]
    return Need(weights, weights, kept, data + own, 2 * weights, largest, widest)


def _type_of(parameters):
    if parameters.HasField("solver_type"):  # the field before `type`
        return parameters.SolverType.Name(parameters.solver_type).lower()
    return parameters.type.lower()


def _weights(layers, blobs):
    """(bytes of all weights, those with a shared name once; the largest)."""
    total, largest, named = 0, ("", (), 0), set()
    for layer, (_, shapes) in zip(layers, blobs):
        names = [spec.name for spec in layer.param]
        for number, shape in enumerate(split_state(layer.type, shapes)[0]):
            name = names[number] if number < len(names) else ""
            if name and name in named:
                continue
            named.add(name)
            size = _FLOAT * count(shape)
            total += size
            largest = max(largest, (layer.name, shape, size), key=lambda one: one[2])
    return total, largest


def _blob_bytes(layers, blobs, training):
    """(bytes of what layers put out, of its gradients, and of what they keep; the largest)."""
    total, widest, shapes = 0, ("", (), 0), {}
    for layer, (tops, weights) in zip(layers, blobs):
        for name, shape in zip(layer.top, tops):
            in_place = name in layer.bottom
            size = 0 if in_place else _FLOAT * count(shape)
            widest = max(widest, (name, shape, size), key=lambda one: one[2])
            if not layer.bottom:
                total += size * (1 + _PREFETCHED)
            elif layer.type == "Split":  # its tops are one blob with gradients of their own
                total += size * training
            else:
                total += size * (1 + training)
            shapes[name] = shape
        total += _FLOAT * _kept(layer, [shapes.get(name) for name in layer.bottom], tops, weights)
    return total, widest


def _kept(layer, bottoms, tops, weights):
    """Numbers that a layer keeps for itself, as far as they are many."""
    if not bottoms or not tops:
        return 0
    if layer.type == "NormalizedInnerProduct":
        return sum(map(count, weights)) + sum(map(count, bottoms[:1]))
    if layer.type == "SoftmaxWithLoss":
        return count(bottoms[0])  # the probabilities
    if layer.type == "MarginSoftmaxLoss" and bottoms[0] and bottoms[0][0]:
        own = layer.margin_softmax_loss_param
        cosines = bottoms[0][0] * own.num_output * own.sample_rate
        return int(min(cosines, own.memory_mb * 2**20 / _FLOAT))
    if layer.type == "Convolution" and weights and tops[0] and len(tops[0]) == 4:
        # An image's patches as a matrix, unless it is the image.
        patch = count(weights[0][1:]) * (layer.convolution_param.group or 1)
        return patch * count(tops[0][2:])
    return 0


def _given(layers, encoding):
    """Shapes of images and labels, as far as a net's layers and the first image tell."""
    given = {}
    for layer in layers:
        if layer.type not in ("ImageData", "Data") or not layer.top:
            continue
        images = layer.type == "ImageData"
        own = layer.image_data_param if images else layer.data_param
        channels = (3 if own.is_color else 1) if images else None
        size = (None, None)
        if layer.transform_param.crop_size:
            size = (layer.transform_param.crop_size,) * 2
        elif images and own.new_height and own.new_width:
            size = (own.new_height, own.new_width)
        elif images:
            size = _first_size(own, encoding)
        given[layer.top[0]] = (own.batch_size, channels, *size)
        given.update((label, (own.batch_size,)) for label in layer.top[1:])
    return given


def _first_size(own, encoding):
    # What is wrong with the list or the image is told where all of them are looked over.
    with contextlib.suppress(InputError, ImageError, IndexError, OSError):
        images = read_image_list(own.source, lambda name: own.root_folder + name, encoding)
        return read_image(own.root_folder + images.paths[0]).shape[:2]
    return None, None


def _product(shape):
    return " x ".join(f"{side:,}" for side in shape)
