"""Blobs that are no weights: what a training has come to, as a layer keeps it between passes."""

# The layers with such blobs, and the first of these: each type's REGISTER_LAYER_STATE in C++.
FIRST_STATE_BLOB = {
    "LabelSpecificAdd": 0,
    "LabelSpecificMargin": 0,
    "MarginInnerProduct": 1,
    "MarginSoftmaxLoss": 1,
}
# Also ChannelScale's running scale is changed by a forward pass, but is learnt, as a BatchNorm's.
FIRST_CHANGED_BLOB = {**FIRST_STATE_BLOB, "ChannelScale": 0}


def split_state(layer_type, blobs):
    """(weights, state) of a layer's blobs, in their order."""
    first = FIRST_STATE_BLOB.get(layer_type, len(blobs))
    return blobs[:first], blobs[first:]


def changed_blobs(net, layers):
    """The blobs of a pycaffe Net that a forward pass changes. layers: its LayerParameters."""
    return [
        blob
        for layer in layers
        if layer.type in FIRST_CHANGED_BLOB
        for blob in list(net.params.get(layer.name, ()))[FIRST_CHANGED_BLOB[layer.type] :]
    ]
