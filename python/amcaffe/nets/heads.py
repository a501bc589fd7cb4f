"""The heads: from fc5 to the loss, and to the accuracy of the TEST phase.

Layers and blobs are named as the AM-Softmax and SphereFace releases name them. Weights move
between nets by layer name, so `fc6_l2` is the classes' weights in every head but A-Softmax's,
whose `fc6` holds more, and a layer with other blobs than the AM-Softmax release's (a count,
another scale) has a name of its own.
"""

from amcaffe.nets.parts import NO_BIAS, WEIGHT, XAVIER, layer
from amcaffe.nets.text import Token

PLAIN, WITHOUT_FN, A_SOFTMAX = "softmax", "am-softmax-wo-fn", "a-softmax"
COSINES = ("normface", "am-softmax", "arcface", "combined")  # a margin, and a fixed scale
FUSED = "-fused"  # these in one MarginSoftmaxLoss
MARGINS = (PLAIN, *COSINES, WITHOUT_FN, A_SOFTMAX, *(name + FUSED for name in COSINES))
A_SOFTMAX_TYPES = {1: "SINGLE", 2: "DOUBLE", 3: "TRIPLE", 4: "QUADRUPLE"}


def head(experiment, margin):
    """Layers of a head, of MARGINS."""
    if margin == PLAIN:
        return [_classes(experiment, "fc5"), _loss("fc6"), _accuracy()]
    if margin == A_SOFTMAX:
        return [_a_softmax(experiment), _loss("fc6"), _accuracy()]
    if margin == WITHOUT_FN:
        return _without_feature_normalisation(experiment)
    if margin.endswith(FUSED):
        return [_fused(experiment, margin[: -len(FUSED)])]
    return _chain(experiment, margin)


def _chain(experiment, margin):
    scale, s, _ = _cosine_head(experiment, margin)
    margin_layer = _margin_layer(experiment, margin)
    margined = "fc6_margin" if margin_layer else "fc6"
    return [
        layer("norm1", "Normalize", ["fc5"], ["norm1"]),
        _classes(experiment, "norm1", normalize=True),
        *margin_layer,
        layer(
            scale,
            "Scale",
            [margined],
            ["fc6_margin_scale"],
            NO_BIAS,
            ("scale_param", [("filler", [("type", "constant"), ("value", s)])]),
        ),
        _loss("fc6_margin_scale"),
        _accuracy(),
    ]


def _fused(experiment, margin):
    _, s, formula = _cosine_head(experiment, margin)
    return layer(
        "fc6_l2",
        "MarginSoftmaxLoss",
        ["fc5", "label"],
        ["softmax_loss", "statistics"],
        ("param", [("lr_mult", 1)]),
        ("loss_weight", 1),
        ("loss_weight", 0),
        (
            "margin_softmax_loss_param",
            [
                ("num_output", experiment.classes),
                XAVIER,
                *formula,
                ("scale", s),
                ("sample_rate", experiment.sample_rate),
                ("memory_mb", experiment.memory_mb),
            ],
        ),
    )


def _cosine_head(experiment, margin):
    """Name of the Scale layer, scale, and fields of the margin cos(m1 * theta + m2) - m3.

    A Scale layer's blob is its scale, which moves with the weights: heads that differ in the
    scale differ in the name.
    """
    e = experiment
    return {
        "normface": ("normface_scale", e.s, _formula(1, 0, 0)),
        "am-softmax": ("fc6_margin_scale", e.s, _formula(1, 0, e.m)),
        "arcface": (
            "arcface_scale",
            e.arcface_s,
            [*_formula(1, e.arcface_m, 0), ("bound", Token("MONOTONE"))],
        ),
        "combined": ("fc6_margin_scale", e.s, _formula(e.m1, e.m2, e.m3)),
    }[margin]


def _formula(m1, m2, m3):
    return [("m1", m1), ("m2", m2), ("m3", m3)]


def _margin_layer(experiment, margin):
    """A list of one layer, or of none for NormFace."""
    if margin == "normface":
        return []
    if margin == "am-softmax":
        return [
            layer(
                "label_specific_margin",
                "LabelSpecificAdd",
                ["fc6", "label"],
                ["fc6_margin"],
                ("label_specific_add_param", [("bias", -experiment.m)]),
            )
        ]
    _, _, formula = _cosine_head(experiment, margin)
    return [
        layer(
            f"{margin}_margin",
            "CombinedMargin",
            ["fc6", "label"],
            ["fc6_margin"],
            ("combined_margin_param", formula),
        )
    ]


def _without_feature_normalisation(experiment):
    """Logits are scaled by the length of the feature, and the margin grows from 0.

    The layer counts batches, so what an iteration adds is shared by its batches.
    """
    e = experiment
    return [
        layer(
            "norm1",
            "Normalize",
            ["fc5"],
            ["norm1", "feature_norm"],
            ("normalize_param", [("bp_norm", True)]),
        ),
        _classes(e, "norm1", normalize=True),
        layer(
            "annealed_margin",
            "LabelSpecificAdd",
            ["fc6", "label"],
            ["fc6_margin", "margin"],
            (
                "label_specific_add_param",
                [
                    ("bias_base", 0),
                    ("bias_gamma", -e.wo_fn_growth / e.iter_size),
                    ("bias_power", 1),
                    ("bias_min", -e.wo_fn_m),
                    ("bias_max", 0),
                ],
            ),
        ),
        layer(
            "feature_norm_scale",
            "ChannelScale",
            ["fc6_margin", "feature_norm"],
            ["fc6_margin_scale"],
        ),
        _loss("fc6_margin_scale"),
        _accuracy(),
    ]


def _a_softmax(experiment):
    """lambda falls with the count of batches, as the margin does above."""
    return layer(
        "fc6",
        "MarginInnerProduct",
        ["fc5", "label"],
        ["fc6", "lambda"],
        WEIGHT,
        (
            "margin_inner_product_param",
            [
                ("num_output", experiment.classes),
                ("type", Token(A_SOFTMAX_TYPES[experiment.a_softmax_m])),
                XAVIER,
                ("base", 1000),
                ("gamma", experiment.lambda_gamma / experiment.iter_size),
                ("power", 1),
                ("lambda_min", experiment.lambda_min),
            ],
        ),
    )


def _classes(experiment, bottom, normalize=False):
    return layer(
        "fc6_l2",
        "InnerProduct",
        [bottom],
        ["fc6"],
        ("param", [("lr_mult", 1)]),
        (
            "inner_product_param",
            [
                ("num_output", experiment.classes),
                *([("normalize", True)] if normalize else []),
                XAVIER,
                ("bias_term", False),
            ],
        ),
    )


def _loss(bottom):
    return layer(
        "softmax_loss", "SoftmaxWithLoss", [bottom, "label"], ["softmax_loss"], ("loss_weight", 1)
    )


def _accuracy():
    return layer(
        "Accuracy",
        "Accuracy",
        ["fc6", "label"],
        ["accuracy"],
        ("include", [("phase", Token("TEST"))]),
    )
