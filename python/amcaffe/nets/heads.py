"""The heads: from fc5 to the loss, and to the accuracy of the TEST phase.

Layers and blobs are named as the AM-Softmax and SphereFace releases name them. Weights move
between nets by layer name, so `fc6_l2` is the classes' weights in every head but A-Softmax's
chain, whose `fc6` bears SphereFace's name, and a layer with other blobs than the AM-Softmax
release's (a count, another scale) has a name of its own, but for MarginSoftmaxLoss: its weight
comes first, and a count behind it is told from a weight by its type.
"""

from amcaffe.nets.experiment import A_SOFTMAX_MAX_ITER, INT32, MAX_ITER
from amcaffe.nets.parts import NO_BIAS, WEIGHT, XAVIER, layer
from amcaffe.nets.text import Token

PLAIN, WITHOUT_FN, A_SOFTMAX = "softmax", "am-softmax-wo-fn", "a-softmax"
# Heads of several layers, and the one in one MarginSoftmaxLoss that has the same loss (once it is
# annealed, where it is).
FUSED = {
    "normface": "normface-fused",
    "am-softmax": "am-softmax-released-fused",
    "arcface-chain": "arcface",
    "combined-chain": "combined",
    WITHOUT_FN: f"{WITHOUT_FN}-fused",
    A_SOFTMAX: f"{A_SOFTMAX}-fused",
}
PAPER = "am-softmax-fused"  # AM-Softmax without the released code's guard; of no chain
MARGINS = (PLAIN, *FUSED, *FUSED.values(), PAPER)
A_SOFTMAX_TYPES = {1: "SINGLE", 2: "DOUBLE", 3: "TRIPLE", 4: "QUADRUPLE"}
LAMBDA_BASE = 1000
MONOTONE = ("bound", Token("MONOTONE"))


def is_fused(margin):
    """Is a head, of MARGINS, one MarginSoftmaxLoss?"""
    return margin == PAPER or margin in FUSED.values()


def iterations(experiment, margin):
    """How long a head is trained: as long as asked, or as its paper's solver has it."""
    if experiment.max_iter is not None:
        return experiment.max_iter
    return A_SOFTMAX_MAX_ITER if margin in (A_SOFTMAX, FUSED[A_SOFTMAX]) else MAX_ITER


def head(experiment, margin):
    """Layers of a head, of MARGINS."""
    if is_fused(margin):
        return [_fused(experiment, margin)]
    if margin == PLAIN:
        return [_classes(experiment, "fc5"), _loss("fc6"), _accuracy()]
    if margin == A_SOFTMAX:
        return [_a_softmax(experiment), _loss("fc6"), _accuracy()]
    if margin == WITHOUT_FN:
        return _without_feature_normalisation(experiment)
    return _chain(experiment, margin)


def _chain(experiment, margin):
    scale, s = _scale(experiment, margin)
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


def _scale(experiment, margin):
    """(name of the Scale layer, scale) of a chain.

    A Scale layer's blob is its scale, which moves with the weights: heads that differ in the
    scale differ in the name.
    """
    if margin == "normface":
        return "normface_scale", experiment.s
    if margin == "arcface-chain":
        return "arcface_scale", experiment.arcface_s
    return "fc6_margin_scale", experiment.s


def _fused(experiment, margin):
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
                *_fused_margin(experiment, margin),
                ("sample_rate", experiment.sample_rate),
                ("memory_mb", experiment.memory_mb),
            ],
        ),
    )


def _fused_margin(experiment, margin):
    """Fields of the margin and the scale, and of their annealing."""
    e = experiment
    guard, no_norm = ("unconditional", False), [("scale", 1), ("normalize_feature", False)]
    if margin == FUSED["normface"]:
        return [*_formula(1, 0, 0), ("scale", e.s)]
    if margin == PAPER:
        return [*_formula(1, 0, e.m), ("scale", e.s)]
    if margin == FUSED["am-softmax"]:
        return [*_formula(1, 0, e.m), guard, ("scale", e.s)]
    if margin == FUSED[WITHOUT_FN]:
        # In equal steps, as LabelSpecificAdd's bias grows.
        passes = _passes(e, e.wo_fn_m / e.wo_fn_growth)
        annealed = [("anneal_iter", passes)] if passes else []
        return [*_formula(1, 0, e.wo_fn_m), guard, *no_norm, *annealed]
    if margin == FUSED[A_SOFTMAX]:
        return [*_formula(e.a_softmax_m, 0, 0), MONOTONE, *no_norm, *_lambda(e)]
    s = e.arcface_s if margin == "arcface" else e.s
    passes = _passes(e, e.anneal * iterations(e, margin))
    annealed = [("anneal_iter", passes), ("start_scale", min(e.anneal_s, s))] if passes else []
    return [*_angular(e, margin), ("scale", s), *annealed]


def _passes(experiment, iterations):
    """The batches of so many iterations, as the layers count them."""
    return min(round(iterations * experiment.iter_size), INT32)


def _angular(experiment, margin):
    """Fields of ArcFace's margin and of the combined one, of either layer that has them."""
    e = experiment
    arcface = margin in ("arcface", "arcface-chain")
    return [*(_formula(1, e.arcface_m, 0) if arcface else _formula(e.m1, e.m2, e.m3)), MONOTONE]


def _formula(m1, m2, m3):
    """Fields of the margin cos(m1 * theta + m2) - m3."""
    return [("m1", m1), ("m2", m2), ("m3", m3)]


def _lambda(experiment):
    """A-Softmax's: what an iteration takes from it is shared by its batches."""
    return [
        ("base", LAMBDA_BASE),
        ("gamma", experiment.lambda_gamma / experiment.iter_size),
        ("power", 1),
        ("lambda_min", experiment.lambda_min),
    ]


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
    return [
        layer(
            margin.replace("-chain", "_margin"),
            "CombinedMargin",
            ["fc6", "label"],
            ["fc6_margin"],
            ("combined_margin_param", _angular(experiment, margin)),
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
                *_lambda(experiment),
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
