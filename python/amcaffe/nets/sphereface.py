"""Nets and solvers as (field, value) trees: SphereFace's residual net under a head.

Layer and blob names, fillers and multipliers are those of the AM-Softmax and SphereFace
releases, so that their caffemodels load by name.
"""

from amcaffe.errors import InputError
from amcaffe.nets import heads
from amcaffe.nets.experiment import UNITS
from amcaffe.nets.parts import BIAS, GAUSSIAN, NO_BIAS, WEIGHT, XAVIER, ZERO, layer
from amcaffe.nets.text import Token

TEST_BATCH = 32


def train_test_net(experiment, margin):
    """The net that `margin`, of heads.MARGINS, is trained with."""
    trunk, top = _trunk(experiment, "data", training=True)
    return [
        ("name", f"face_{experiment.depth}"),
        _data(experiment, "TRAIN"),
        _data(experiment, "TEST"),
        *trunk,
        _fc5(experiment, top, training=True),
        *heads.head(experiment, margin),
    ]


def deploy_net(experiment):
    """Image in, unit feature out: fc5 of the image and of its mirror, summed, normalised."""
    height, width = experiment.size
    shape = ("shape", [("dim", 1), ("dim", 3), ("dim", height), ("dim", width)])
    trunk, top = _trunk(experiment, "concat_data", training=False)
    return [
        ("name", f"face_{experiment.depth}_deploy"),
        layer("data", "Input", [], ["data"], ("input_param", [shape])),
        layer("flip_data", "Flip", ["data"], ["flip_data"]),
        layer(
            "concat_data",
            "Concat",
            ["data", "flip_data"],
            ["concat_data"],
            ("concat_param", [("axis", 0)]),
        ),
        *trunk,
        _fc5(experiment, top, training=False),
        layer(
            "slice_fc5",
            "Slice",
            ["fc5"],
            ["fc5_orig", "fc5_mirror"],
            ("slice_param", [("axis", 0)]),
        ),
        layer(
            "sum_fc5",
            "Eltwise",
            ["fc5_orig", "fc5_mirror"],
            ["sum_fc5"],
            ("eltwise_param", [("operation", Token("SUM"))]),
        ),
        layer(
            "normalize1",
            "Normalize",
            ["sum_fc5"],
            ["norm1"],
            ("normalize_param", [("normalize_type", "L2")]),
        ),
    ]


def _data(experiment, phase):
    e, training = experiment, phase == "TRAIN"
    source = e.source if training else e.val
    batch = ("batch_size", e.batch if training else TEST_BATCH)
    transform = (
        "transform_param",
        [
            ("mean_value", e.mean),
            ("scale", e.net_input.scale),
            ("mirror", e.mirror and training),
        ],
    )
    include = ("include", [("phase", Token(phase))])
    if e.backend == "lmdb":
        if e.resize:
            raise InputError(
                "prototxt: an LMDB's images cannot be resized as they are read",
                hint="make the LMDB with images of one size, or use image lists",
            )
        return layer(
            "data",
            "Data",
            [],
            ["data", "label"],
            include,
            transform,
            (
                "data_param",
                [
                    ("source", source),
                    batch,
                    ("backend", Token("LMDB")),
                ],
            ),
        )
    root = e.root if not e.root or e.root.endswith("/") else e.root + "/"
    resize = [("new_height", e.size[0]), ("new_width", e.size[1])] if e.resize else []
    return layer(
        "data",
        "ImageData",
        [],
        ["data", "label"],
        include,
        transform,
        (
            "image_data_param",
            [
                ("source", source),
                ("root_folder", root),
                batch,
                ("shuffle", training),
                *resize,
            ],
        ),
    )


def _trunk(experiment, bottom, training):
    """The four stages: layers, and the name of the last top."""
    layers = []
    for stage, units in enumerate(UNITS[experiment.depth], 1):
        channels = experiment.channels << (stage - 1)

        def convolve(number, bottom, stride, stage=stage, channels=channels):
            name = f"conv{stage}_{number}"
            first = number == 1
            filling = [XAVIER if first else GAUSSIAN, ZERO] if training else []
            layers.append(
                layer(
                    name,
                    "Convolution",
                    [bottom],
                    [name],
                    *([WEIGHT, BIAS if first else NO_BIAS] if training else []),
                    (
                        "convolution_param",
                        [
                            ("num_output", channels),
                            ("kernel_size", 3),
                            ("stride", stride),
                            ("pad", 1),
                            *filling,
                        ],
                    ),
                )
            )
            layers.append(layer(f"relu{stage}_{number}", "PReLU", [name], [name]))
            return name

        bottom = convolve(1, bottom, stride=2)
        for unit in range(units):
            inner = convolve(2 * unit + 2, bottom, stride=1)
            inner = convolve(2 * unit + 3, inner, stride=1)
            name = f"res{stage}_{2 * unit + 3}"
            layers.append(
                layer(
                    name,
                    "Eltwise",
                    [bottom, inner],
                    [name],
                    ("eltwise_param", [("operation", Token("SUM"))]),
                )
            )
            bottom = name
    return layers, bottom


def _fc5(experiment, bottom, training):
    return layer(
        "fc5",
        "InnerProduct",
        [bottom],
        ["fc5"],
        *([WEIGHT, BIAS] if training else []),
        (
            "inner_product_param",
            [
                ("num_output", experiment.features),
                *([XAVIER, ZERO] if training else []),
            ],
        ),
    )
