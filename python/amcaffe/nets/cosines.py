"""Which blobs of a net hold cosines, as far as its layers tell."""

from dataclasses import dataclass
from typing import Optional

# What comes out is as far from a unit vector, or from cosines, as what goes in.
_SAME_VALUES = ("Split", "Flatten", "Reshape", "Slice", "Crop", "Tile", "Permute")
_SHRINKING = ("ReLU",)  # |x| does not grow
_CHANGING = ("Dropout", "PReLU", "ELU", "Scale", "Bias", "Power", "Pooling", "LRN", "AbsVal")
_ANY_LENGTH = ("InnerProduct", "Convolution", "Deconvolution", "Embed", "BatchNorm")
ADDED = "LabelSpecificAdd"
# The others take the arc cosine of their bottom, clipped to that: beyond it nothing is learnt.
MARGINS = (ADDED, "CombinedMargin", "CosinAddm", "LabelSpecificMargin")


@dataclass(frozen=True)
class Origin:
    """Where the numbers of a blob come from.

    cosines: True, False, or None where the net does not tell.
    what: a clause that says why, naming the layer. mend: what would make them cosines.
    scaled_by: what cosines were multiplied by, as training starts, or None.
    doubt: a clause about what is not quite a cosine, or None.
    """

    cosines: Optional[bool]
    what: str
    mend: str
    scaled_by: Optional[float] = None
    doubt: Optional[str] = None


def origin_of(layers, position, blob):
    """Origin of what layer number `position` reads as `blob`.

    Args: layers: LayerParameters of one phase, in order.
    """
    at = _maker(layers, position, blob)
    if at is None:
        return Origin(None, f"{blob} is an input of the net", _OTHERWISE)
    layer = layers[at]
    name = f"{layer.name} ({layer.type})"
    if layer.type in CLASSIFIERS and layer.bottom:
        return CLASSIFIERS[layer.type](layers, at)
    if layer.type in _ANY_LENGTH:
        return Origin(False, f"{name} gives numbers of any size", _OTHERWISE)
    if layer.type == "Concat":
        parts = [origin_of(layers, at, bottom) for bottom in layer.bottom]
        return min(parts, key=lambda part: {False: 0, None: 1, True: 2}[part.cosines])
    if not layer.bottom:
        return Origin(None, f"{name} brings it", _OTHERWISE)
    before = origin_of(layers, at, layer.bottom[0])
    if layer.type in (*_SAME_VALUES, *_SHRINKING, *MARGINS):
        return before
    if layer.type in _CHANGING:
        return _changed(layer, name, before)
    return Origin(None, f"{name} makes it", before.mend)


def scale_after(layers, position):
    """What the first top of layer `position` is multiplied by next, at the start, or None."""
    blob = layers[position].top[0]
    for layer in layers[position + 1 :]:
        if blob in layer.bottom:
            scale = scale_at_start(layer)
            if scale is not None:
                return scale
            if layer.type in (*_SAME_VALUES, *MARGINS):
                blob = layer.top[0]
    return None


def _maker(layers, position, blob):
    """Number of the last layer before `position` that has `blob` as a top, or None."""
    return next((at for at in reversed(range(position)) if blob in layers[at].top), None)


def _changed(layer, name, before):
    scale = scale_at_start(layer)
    if scale is not None and abs(scale) > 1 and before.cosines:
        return Origin(
            False,
            f"{name} multiplies the cosines by {scale:g} before the margin",
            f"put layer {layer.name} after the margin",
            scale,
        )
    # What is no cosine does not become one on the way; what was one may be no more.
    return Origin(
        None if before.cosines else before.cosines,
        f"{before.what}, and {name} changes it" if before.cosines is None else before.what,
        before.mend,
        before.scaled_by,
    )


def scale_at_start(layer):
    """The one number that a layer multiplies by as training starts, or None."""
    if layer.type == "Power" and layer.power_param.power == 1 and not layer.power_param.shift:
        return layer.power_param.scale
    if layer.type != "Scale" or len(layer.bottom) > 1 or layer.scale_param.bias_term:
        return None
    if not layer.scale_param.HasField("filler"):
        return 1.0
    filler = layer.scale_param.filler
    return filler.value if filler.type == "constant" else None


def _inner_product(layers, at):
    layer, own = layers[at], layers[at].inner_product_param
    name = f"{layer.name} (InnerProduct)"
    unit, features = _unit(layers, at, layer.bottom[0])
    normalised = getattr(own, "normalize", False)  # the field is one that is added to a tree
    if not normalised and layer.param and (layer.param[0].name or not layer.param[0].lr_mult):
        # Weights that are fixed, or shared, may be made unit vectors by another hand.
        return Origin(None, f"{name} has no `normalize: true`", _mend(layers, at))
    faults = []
    if not normalised:
        faults.append("has no `normalize: true`, so its weights are of any length")
    if unit is False:
        faults.append(f"reads {layer.bottom[0]}, which {features} and is of any length")
    if faults:
        return Origin(False, f"{name} {', and '.join(faults)}", _mend(layers, at))
    what = f"{name} reads {layer.bottom[0]}, which {features}"
    doubt = f"{name} adds a bias to the cosines: bias_term: false takes it out"
    return Origin(unit, what, _mend(layers, at), doubt=doubt if own.bias_term else None)


def _normalized_inner_product(layers, at):
    layer = layers[at]
    name = f"{layer.name} ({layer.type})"
    if layer.normalized_inner_product_param.normalize_input:
        return Origin(True, f"{name} gives cosines", _OTHERWISE)
    unit, features = _unit(layers, at, layer.bottom[0])
    return Origin(
        unit,
        f"{name} has `normalize_input: false` and reads {layer.bottom[0]}, which {features}",
        f"take `normalize_input: false` out of layer {layer.name}",
    )


def _margin_inner_product(layers, at):
    layer = layers[at]
    unit, features = _unit(layers, at, layer.bottom[0])
    return Origin(
        unit,
        f"{layer.name} ({layer.type}) gives |x| cos(theta) and reads {layer.bottom[0]}, which "
        f"{features}",
        f"layer {layer.name} has a margin of its own: take one of the two out",
    )


CLASSIFIERS = {
    "InnerProduct": _inner_product,
    "NormalizedInnerProduct": _normalized_inner_product,
    "MarginInnerProduct": _margin_inner_product,
}
_OTHERWISE = (
    "end the features in a Normalize layer and give InnerProduct `normalize: true` and "
    "`bias_term: false`; or use NormalizedInnerProduct, which does both"
)


def _unit(layers, position, blob):
    """(whether rows of a blob have at most unit length: True, False or None, a clause of why)."""
    at = _maker(layers, position, blob)
    if at is None:
        return None, "is an input of the net"
    layer = layers[at]
    made = f"comes from {layer.name} ({layer.type})"
    if layer.type == "Normalize":
        return True, made
    if layer.type in (*_ANY_LENGTH, *CLASSIFIERS):
        return False, made
    if not layer.bottom:
        return None, made
    units = [_unit(layers, at, bottom)[0] for bottom in layer.bottom]
    if layer.type in ("Eltwise", "Concat"):
        return (False if all(unit is False for unit in units) else None), made
    if layer.type in (*_SAME_VALUES, *_SHRINKING):
        return units[0], made
    if layer.type in _CHANGING:
        return (None if units[0] else units[0]), made
    return None, made


def _mend(layers, at):
    """What makes an InnerProduct's outputs cosines, in the words of the net."""
    layer, own = layers[at], layers[at].inner_product_param
    source = layer.bottom[0]
    taken = {name for other in layers for name in (other.name, *other.top)}
    norm = next(
        name for number in range(1, len(taken) + 2) if (name := f"norm{number}") not in taken
    )
    steps = []
    if _unit(layers, at, source)[0] is not True:
        steps.append(
            f'put layer {{ name: "{norm}" type: "Normalize" bottom: "{source}" top: "{norm}" }} '
            f'before it, and bottom: "{norm}" into it'
        )
    fields = ["normalize: true"] if not getattr(own, "normalize", False) else []
    fields += ["bias_term: false"] if own.bias_term else []
    if fields:
        steps.append(f"put {' '.join(fields)} into its inner_product_param")
    return (
        f"in layer {layer.name}: {', and '.join(steps)}; or make it one layer, "
        f'type: "NormalizedInnerProduct" with normalized_inner_product_param '
        f"{{ num_output: {own.num_output} }}"
    )
