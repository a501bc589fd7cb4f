"""Weights into a net of pycaffe, checked first; what is state in them stays out of a training."""

import tempfile
from pathlib import Path

from amcaffe.errors import InputError
from amcaffe.nets import hdf5
from amcaffe.nets.layer_state import split_state
from amcaffe.nets.weights import (
    compare_weights,
    net_shapes,
    read_model,
    read_weights,
    with_weights,
)


def load_weights(net, path, whole, fresh=(), schedules_begin=False):
    """Copy a caffemodel's weights, binary or HDF5, into the layers of their names.

    Args:
        net: pycaffe Net.
        whole: every layer of the net with weights must be there.
        fresh: layers of the net that keep what they have.
        schedules_begin: so does the state of each layer, for a training that starts. Else the
            state that the file has is taken where layers are of one type.
    Returns: list of the net's layers with weights that the file lacks, fresh ones left out.
    Raises: InputError: the file cannot be read or does not fit; fresh names a layer that the
        net lacks or that has no weights.
    """
    shapes = net_shapes(net)
    known = with_weights(shapes)
    unknown = [name for name in fresh if name not in known]
    if unknown:
        raise InputError(
            f"the net has no layer {', '.join(unknown)} with weights to start afresh",
            expected=f"of {', '.join(known)}",
        )
    wanted = {name: one for name, one in shapes.items() if name not in fresh}
    weights = read_weights(path)
    lacking = compare_weights(path, weights, wanted, whole)
    taken = {name: (weights[name], wanted[name]) for name in wanted if name in weights}
    # A layer that is there without blobs would stop Caffe, where the net's has some.
    all_there = not fresh and all(name in taken or not shapes[name].shapes for name in shapes)
    if all_there and all(_copied_as_is(*pair, schedules_begin) for pair in taken.values()):
        net.copy_from(str(path))
        return lacking
    # Whether or not this Caffe knows what state is, it copies all of a file that fits the net.
    with tempfile.TemporaryDirectory() as folder:
        if hdf5.is_hdf5(path):
            part = Path(folder, "part.caffemodel.h5")
            layers = {
                name: _sources(net, name, *pair, schedules_begin) for name, pair in taken.items()
            }
            hdf5.write_part(part, path, layers)
        else:
            part = Path(folder, "part.caffemodel")
            part.write_bytes(_part(net, read_model(path), taken, schedules_begin))
        net.copy_from(str(part))
    return lacking


def _copied_as_is(found, target, schedules_begin):
    """Does Caffe, whether or not it knows what state is, copy the right blobs by itself?"""
    state = split_state(target.type, target.shapes)[1]
    if len(found.shapes) != len(target.shapes):
        return False
    return not state or (not schedules_begin and found.type in (None, target.type))


def _sources(net, name, found, target, schedules_begin):
    """(how many of a file's blobs, [array of the net's own that follow]) for a layer."""
    weights, state = split_state(found.type or target.type, found.shapes)
    own = split_state(target.type, list(net.params.get(name, ())))[1]
    same = not schedules_begin and found.type in (None, target.type)
    count = min(len(state), len(own)) if same else 0
    return len(weights) + count, [blob.data.copy() for blob in own[count:]]


def _part(net, model, taken, schedules_begin):
    """Bytes of the caffemodel with what is taken of it, and the net's own state for the rest."""
    for layers in (model.layer, model.layers):
        kept = [layer for layer in layers if layer.name in taken]
        for layer in kept:
            found, target = taken[layer.name]
            count, own = _sources(net, layer.name, found, target, schedules_begin)
            del layer.blobs[count:]
            for array in own:
                blob = layer.blobs.add()
                blob.shape.dim.extend(array.shape)
                blob.data.extend(array.flat)
            if layers is model.layer:
                layer.type = target.type  # by which a patched Caffe tells weights from state
        gone = [index for index, layer in enumerate(layers) if layer.name not in taken]
        for index in reversed(gone):
            del layers[index]
    return model.SerializeToString()
