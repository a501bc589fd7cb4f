"""Shapes of a net's blobs and weights, from its layers alone: nothing is built."""

import math

# What reading the shapes of a layer whose fields do not fit its bottoms comes to.
_IMPOSSIBLE = (ArithmeticError, IndexError, TypeError, ValueError)

_AS_BOTTOM = {
    "AbsVal", "BNLL", "BatchNorm", "Bias", "ChannelScale", "Clip", "CombinedMargin", "CosinAddm",
    "Dropout", "ELU", "Eltwise", "Exp", "Flip", "LRN", "LabelSpecificAdd", "LabelSpecificMargin",
    "Log", "MVN", "Normalize", "PReLU", "Power", "ReLU", "Scale", "Sigmoid", "Softmax", "Split",
    "Swish", "TanH", "Threshold",
}  # fmt: skip
_ONE_NUMBER = ("Accuracy", "Silence")


def net_blobs(layers, given):
    """Shapes of what each layer makes and keeps.

    Args:
        layers: LayerParameters of one phase, in order.
        given: {blob: shape} of those that no layer here determines: images and labels.
    Returns: [(tops, weights)], an entry a layer: lists of shapes, each a tuple of numbers, of
        which None is one that is not known, or None for a shape that is not known at all.
    """
    shapes, found = dict(given), []
    for layer in layers:
        bottoms = [shapes.get(bottom) for bottom in layer.bottom]
        # A layer that cannot be is for Caffe to refuse, in its own words.
        try:
            tops, weights = _tops(layer, bottoms), _weights(layer, bottoms)
        except _IMPOSSIBLE:
            tops, weights = [], []
        tops += [None] * (len(layer.top) - len(tops))
        tops = [given.get(name, shape) for name, shape in zip(layer.top, tops)]
        shapes.update(zip(layer.top, tops))
        found.append((tops, weights))
    return found


def count(shape):
    """Numbers in a blob; 0 where its shape is not known, or cannot be."""
    known = shape is not None and all(side is not None and side > 0 for side in shape)
    return math.prod(shape) if known else 0


def _tops(layer, bottoms):
    first, kind = (bottoms or [None])[0], layer.type
    if kind == "Input":
        own = [tuple(shape.dim) for shape in layer.input_param.shape]
        return own * len(layer.top) if len(own) == 1 else own
    if kind.endswith("Loss") or kind in _ONE_NUMBER:
        return [()]  # a second top of either is of a few numbers, or of one a row
    if kind in _CLASSES:
        own, axis = _classes(layer)
        return [None if first is None else (*first[: axis % len(first)], own.num_output)]
    if first is None:
        return []
    if kind in _AS_BOTTOM:
        return [first] * (len(layer.top) if kind == "Split" else 1)
    return _RULES[kind](layer, bottoms) if kind in _RULES else []


def _weights(layer, bottoms):
    first, kind = (bottoms or [None])[0], layer.type
    if kind in _CLASSES and first is not None:
        own, axis = _classes(layer)
        length = first[axis % len(first) :]
        matrix = (own.num_output, None if None in length else math.prod(length))
        biased = kind == "InnerProduct" and own.bias_term
        return [matrix, (own.num_output,)] if biased else [matrix]
    if first is None or len(first) < 2:
        return []
    if kind in ("Convolution", "Deconvolution"):
        own = layer.convolution_param
        kernel = _pair(own.kernel_size, own.kernel_h, own.kernel_w, 1)
        into, out = first[1], own.num_output
        # Each group of outputs sees its share of the inputs.
        shape = (out, _share(into, own.group)) if kind == "Convolution" else (
            into, _share(out, own.group))  # fmt: skip
        return [(*shape, *kernel), *([(out,)] if own.bias_term else [])]
    channels = (first[1],)
    if kind == "PReLU":
        return [() if layer.prelu_param.channel_shared else channels]
    if kind == "BatchNorm":
        return [channels, channels, (1,)]
    if kind == "Scale" and len(layer.bottom) == 1:
        return [channels] * (2 if layer.scale_param.bias_term else 1)
    return []


_CLASSES = {
    "InnerProduct": "inner_product_param",
    "NormalizedInnerProduct": "normalized_inner_product_param",
    "MarginInnerProduct": "margin_inner_product_param",
    "MarginSoftmaxLoss": "margin_softmax_loss_param",
}


def _classes(layer):
    own = getattr(layer, _CLASSES[layer.type])
    return own, getattr(own, "axis", 1)


def _share(number, groups):
    return None if number is None else number // groups


def _pair(repeated, high, wide, usual):
    if high or wide:
        return high, wide
    values = list(repeated) or [usual]
    return (values[0], values[-1])


def _sides(first, function):
    return tuple(None if side is None else function(k, side) for k, side in enumerate(first[2:]))


def _convolution(layer, bottoms):
    own, first = layer.convolution_param, bottoms[0]
    if len(first) != 4:
        return []
    kernel = _pair(own.kernel_size, own.kernel_h, own.kernel_w, 1)
    stride = _pair(own.stride, own.stride_h, own.stride_w, 1)
    pad = _pair(own.pad, own.pad_h, own.pad_w, 0)
    dilation = _pair(own.dilation, 0, 0, 1)

    def side(k, size):
        extent = dilation[k] * (kernel[k] - 1) + 1
        if layer.type == "Deconvolution":
            return stride[k] * (size - 1) + extent - 2 * pad[k]
        return (size + 2 * pad[k] - extent) // stride[k] + 1

    return [(first[0], own.num_output, *_sides(first, side))] * len(layer.top)


def _pooling(layer, bottoms):
    own, first = layer.pooling_param, bottoms[0]
    if len(first) != 4:
        return []
    if own.global_pooling:
        return [(*first[:2], 1, 1)]
    kernel = _pair([own.kernel_size] if own.kernel_size else [], own.kernel_h, own.kernel_w, 1)
    stride = _pair([own.stride], own.stride_h, own.stride_w, 1)
    pad = _pair([own.pad], own.pad_h, own.pad_w, 0)

    def side(k, size):
        up = 0 if getattr(own, "round_mode", 0) else stride[k] - 1
        steps = (size + 2 * pad[k] - kernel[k] + up) // stride[k] + 1
        # A window that would begin in the padding is left out.
        return steps - (pad[k] > 0 and (steps - 1) * stride[k] >= size + pad[k])

    return [(*first[:2], *_sides(first, side))]


def _concat(layer, bottoms):
    axis = layer.concat_param.axis
    if None in bottoms:
        return []
    parts = [shape[axis] for shape in bottoms]
    whole = list(bottoms[0])
    whole[axis] = None if None in parts else sum(parts)
    return [tuple(whole)]


def _slice(layer, bottoms):
    own, whole = layer.slice_param, list(bottoms[0])
    size = whole[own.axis]
    if size is None:
        return [tuple(whole)] * len(layer.top)
    ends = [*own.slice_point, size] if own.slice_point else None
    tops, begin = [], 0
    for number in range(len(layer.top)):
        end = ends[number] if ends else size * (number + 1) // len(layer.top)
        whole[own.axis] = end - begin
        tops.append(tuple(whole))
        begin = end
    return tops


def _flatten(layer, bottoms):
    first, axis = bottoms[0], layer.flatten_param.axis
    rest = first[axis:]
    return [(*first[:axis], None if None in rest else math.prod(rest))]


_RULES = {
    "Convolution": _convolution,
    "Deconvolution": _convolution,
    "Pooling": _pooling,
    "Concat": _concat,
    "Slice": _slice,
    "Flatten": _flatten,
}
