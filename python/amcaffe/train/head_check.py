"""Margins, looked over before training: a margin on what is no cosine gives NaN, or nothing.

First the net as it is read; what that cannot decide, the values of the first pass do.
"""

import sys
from dataclasses import dataclass

from amcaffe.errors import InputError
from amcaffe.nets.cosines import ADDED, MARGINS, Origin, origin_of, scale_after

LARGEST_COSINE = 1.01  # rounding and the norms' epsilons stay far below


@dataclass(frozen=True)
class MarginBottom:
    """The bottom of a margin layer, which is to hold cosines.

    path: of the net. name, type: the layer's. blob: the bottom. origin: nets.cosines.Origin.
    """

    path: str
    name: str
    type: str
    blob: str
    origin: Origin

    def refusal(self, found):
        """InputError for a bottom that holds no cosines."""
        return InputError(
            f"{self.path}: layer {self.name} ({self.type}) puts a margin on {self.blob}, which is "
            "no cosine",
            found=found,
            expected="cosines in [-1, 1]: of unit features with unit weights of the classes",
            hint=self.origin.mend,
        )


def check_heads(path, layers):
    """Check the margin layers of a training net.

    Args:
        path: of the net, for messages.
        layers: its LayerParameters in phase TRAIN.
    Returns: [MarginBottom] whose values the first pass is to show as cosines.
    Raises: InputError: a margin layer's bottom is no cosine. Doubts are told on stderr.
    """
    bottoms = []
    for position, layer in enumerate(layers):
        if layer.type not in MARGINS or not (layer.bottom and layer.top):
            continue  # without its blobs it is for Caffe to refuse
        origin = origin_of(layers, position, layer.bottom[0])
        bottom = MarginBottom(path, layer.name, layer.type, layer.bottom[0], origin)
        meant, doubt = True, origin.doubt
        if layer.type == ADDED:
            meant, doubt = _added(layers, position, origin)
        if doubt:
            print(f"amcaffe train: {path}: warning: layer {layer.name}: {doubt}", file=sys.stderr)
        if not meant:
            continue
        if origin.cosines is False:
            raise bottom.refusal(origin.what)
        bottoms.append(bottom)
    return bottoms


def _added(layers, position, origin):
    """(whether a LabelSpecificAdd is meant for cosines, a sentence of doubt or None).

    On logits it is a margin of its own right, in their units: what tells is the scale after it,
    which only cosines need, and the bias's size.
    """
    layer = layers[position]
    bias = _bias_of(layer.label_specific_add_param)
    if origin.scaled_by and -1 <= bias < 0:
        return False, (
            f"its bias of {bias:g} is added to logits that are already scaled by "
            f"{origin.scaled_by:g}: a margin of {-bias / origin.scaled_by:.2g} on the cosine. "
            f"Put the scale after it, or give the bias in units of the logits "
            f"({bias * origin.scaled_by:g})"
        )
    scale = scale_after(layers, position)
    if scale and scale > LARGEST_COSINE:
        return True, origin.doubt
    if origin.cosines is False and not origin.scaled_by and -1 <= bias < 0:
        return False, (
            f"its bias of {bias:g} is as large as a margin on cosines, but {origin.what}: on "
            f"logits of that size it is next to nothing. If cosines are meant: {origin.mend}"
        )
    return False, origin.doubt


def _bias_of(parameter):
    """The bias that a LabelSpecificAddParameter comes to; of an annealed one the largest."""
    if parameter.HasField("bias_base"):
        return max(parameter.bias_min, parameter.bias_max, key=abs)
    return parameter.bias


def largest(net, layer):
    """Largest |x| of the first bottom of layer number `layer` of a pycaffe Net."""
    data = net._blobs[net._bottom_ids(layer)[0]].data
    return max(float(data.max()), -float(data.min()))


def stop_in_first_pass(net, bottoms):
    """From the first forward pass of a pycaffe Net raise InputError where `bottoms` show
    something else than cosines. Later passes are not looked at."""
    names = list(net._layer_names)
    waiting = {names.index(bottom.name): bottom for bottom in bottoms}

    def before_layer(layer):
        bottom = waiting.pop(layer, None)
        if bottom is None:
            return
        peak = largest(net, layer)
        if peak > LARGEST_COSINE:
            raise bottom.refusal(
                f"values up to {peak:.4g} in the first batch; {bottom.origin.what}"
            )

    if waiting:
        net.before_forward(before_layer)
