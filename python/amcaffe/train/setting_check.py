"""Settings of margins and scales with which nothing can be learnt, or hardly what is meant."""

import math
import sys

from amcaffe.errors import InputError
from amcaffe.nets.cosines import origin_of, scale_after, scale_at_start

_HUGE = 256  # a scale: small nets hardly learnt with 300, stayed at ln C with 10,000, and with 1e6
# their loss was NaN within some iterations


def check_settings(path, layers):
    """Check the margins and scales of a training net.

    Args: path: of the net, for messages. layers: its LayerParameters in phase TRAIN.
    Raises: InputError: nothing can be learnt. Doubts are told on stderr.
    """
    for position, layer in enumerate(layers):
        # A layer without its blobs is for Caffe to refuse.
        checks = _CHECKS.get(layer.type) if layer.bottom and layer.top else None
        for problem, certain, hint in checks(layers, position) if checks else ():
            where = f"{path}: layer {layer.name} ({layer.type})"
            if certain:
                raise InputError(f"{where} {problem}", hint=hint)
            print(f"amcaffe train: {path}: warning: layer {layer.name} {problem}; {hint}",
                  file=sys.stderr)  # fmt: skip


# Each check yields (what is wrong, whether nothing can be learnt, what to do).


def _combined(own, grows=False):
    yield from _angle(own.m2, "m2")
    yield from _cosine(own.m3, "m3")
    clamped = own.bound == own.CLAMP and own.m1 * math.pi / 2 + own.m2 >= math.pi
    if clamped and own.m2 < math.pi and not grows:
        yield (
            f"has m1: {own.m1:g} m2: {own.m2:g}, with which targets that are not learnt yet, at "
            "right angles to their class, are past pi, where bound: CLAMP is flat",
            False,
            "start from weights that were trained without a margin, or give bound: MONOTONE, or a "
            "smaller margin",
        )


def _fused(own):
    yield from _combined(own, grows=own.anneal_iter > 0)
    if own.scale > _HUGE:
        yield _steep(f"has scale: {own.scale:g}")


def _steep(what):
    return (
        f"{what}: so steep a loss hardly learns, and may end in NaN",
        False,
        "30 and 64 are usual for cosines",
    )


def _angle(margin, name):
    if margin >= math.pi:
        yield (
            f"has {name}: {margin:g}, an angle in radians: no target stays below pi",
            True,
            f"{margin:g} degrees are {name}: {math.radians(margin):.4g}",
        )
    elif margin < 0:
        yield _reversed(f"{name}: {margin:g}")


def _cosine(margin, name):
    if margin >= 2:
        yield (
            f"has {name}: {margin:g}, and a target less that is below every cosine",
            True,
            "a margin on cosines is below 2; AM-Softmax has 0.35",
        )
    elif margin < 0:
        yield _reversed(f"{name}: {margin:g}")


def _reversed(what):
    return f"has {what}, which makes targets easier, not harder", False, "turn the sign about"


def _added(layers, position):
    own = layers[position].label_specific_add_param
    origin = origin_of(layers, position, layers[position].bottom[0])
    bias = own.bias_min if own.HasField("bias_base") else own.bias
    largest = own.bias_max if own.HasField("bias_base") else own.bias
    if largest > 0:
        yield _reversed(f"a bias of {largest:g}")
    if not origin.cosines or (scale_after(layers, position) or 0) <= 1:
        return
    if own.unconditional:
        yield from _cosine(-bias, "a margin") if bias <= -2 else ()
    elif bias <= -1:
        yield (
            f"has a bias of {bias:g}, and adds it only to logits above {-bias:g}, which no cosine "
            "is: there is no margin",
            False,
            "give the bias in units of the cosine (-0.35), as the scale comes after it",
        )


def _specific(layers, position):
    own = layers[position].label_specific_margin_param
    if own.type != own.HARD or not own.HasField("margin_base"):
        return
    constant = not own.gamma
    if own.margin_base >= 180 and constant:
        yield (
            f"has margin_base: {own.margin_base:g}, in degrees: no target stays below pi",
            True,
            "ArcFace has 28.65",
        )
    elif 0 < own.margin_base < 2 and constant:
        yield (
            f"has margin_base: {own.margin_base:g}, in degrees: next to no margin",
            False,
            f"{own.margin_base:g} radians are margin_base: {math.degrees(own.margin_base):.4g}",
        )


def _scale(layers, position):
    """Of what a softmax reads."""
    blob = layers[position].bottom[0]
    maker = next((one for one in reversed(layers[:position]) if blob in one.top), None)
    scale = scale_at_start(maker) if maker is not None else None
    if scale is None:
        return
    fixed = maker.type == "Power" or (maker.param and not maker.param[0].lr_mult)
    if scale <= 0 and fixed:
        yield (
            f"reads logits that layer {maker.name} multiplies by {scale:g}: "
            + ("they are all equal" if not scale else "the best class becomes the worst"),
            True,
            "give a scale above 0; 30 and 64 are usual for cosines",
        )
    elif scale > _HUGE:
        yield _steep(f"reads logits that layer {maker.name} multiplies by {scale:g}")


_CHECKS = {
    "CombinedMargin": lambda layers, at: _combined(layers[at].combined_margin_param),
    "MarginSoftmaxLoss": lambda layers, at: _fused(layers[at].margin_softmax_loss_param),
    "CosinAddm": lambda layers, at: _angle(layers[at].cosin_add_m_param.m, "m"),
    "LabelSpecificAdd": _added,
    "LabelSpecificMargin": _specific,
    "SoftmaxWithLoss": _scale,
}
