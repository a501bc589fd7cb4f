"""What the layers of every net are written with."""

WEIGHT = ("param", [("lr_mult", 1), ("decay_mult", 1)])
BIAS = ("param", [("lr_mult", 2), ("decay_mult", 0)])
NO_BIAS = ("param", [("lr_mult", 0), ("decay_mult", 0)])  # the bias stays the 0 it starts as
XAVIER = ("weight_filler", [("type", "xavier")])
GAUSSIAN = ("weight_filler", [("type", "gaussian"), ("std", 0.01)])
ZERO = ("bias_filler", [("type", "constant"), ("value", 0)])


def layer(name, kind, bottoms, tops, *fields):
    return (
        "layer",
        [
            ("name", name),
            ("type", kind),
            *(("bottom", bottom) for bottom in bottoms),
            *(("top", top) for top in tops),
            *fields,
        ],
    )
