"""Render solvers and nets from one description (nets.experiment.Experiment)."""

from amcaffe import cli
from amcaffe.errors import InputError
from amcaffe.nets.experiment import (
    A_SOFTMAX_MAX_ITER,
    BACKENDS,
    MAX_ITER,
    UNITS,
    Experiment,
)
from amcaffe.nets.heads import A_SOFTMAX_TYPES, MARGINS
from amcaffe.nets.rendering import DEFAULT_MARGINS, render_files
from amcaffe.prototxt.placement import place


def main(argv):
    options = vars(_parser().parse_args(argv))
    options["steps"] = tuple(options["steps"])
    out, margins = options.pop("out"), tuple(dict.fromkeys(options.pop("margin")))
    overwrite = options.pop("overwrite")
    files = render_files(Experiment(**options), out, margins)
    for path, written in place(files, out, overwrite).items():
        print(path if written else f"{path}: unchanged")


def _parser():
    parser = cli.parser(
        "prototxt",
        "Render solvers and nets. The defaults are the CASIA-WebFace experiment: 10516\n"
        "identities, SphereFace's 20-layer net, AM-Softmax with s = 30 and m = 0.35, and the\n"
        "losses that it is compared with, a solver and a net each. `caffe train -solver\n"
        "OUT/face_solver.prototxt` then trains AM-Softmax, from the folder that this is run in.\n\n"
        "A head named -fused is a loss in one layer, MarginSoftmaxLoss: faster, in less memory,\n"
        "and with figures of the cosines. am-softmax takes the margin where the cosine exceeds\n"
        "it, as its code was released, and so does am-softmax-released-fused; am-softmax-fused\n"
        "takes it always, as the paper has it. arcface and combined are in one layer, too, and\n"
        "anneal margin and scale, without which ArcFace does not learn from scratch here; their\n"
        "-chain has the whole margin at once, for weights that have learnt. Weights move between\n"
        "the heads by layer name, except to and from a-softmax.",
        "python -m amcaffe.prototxt --out nets --depth 10 --classes 500 --batch 64 \\\n"
        "      --source faces/train.txt --root faces/",
    )
    default = Experiment()

    def add(group, name, help, **kwargs):
        value = getattr(default, name)
        joint = "x" if name == "size" else " "
        shown = joint.join(map(str, value)) if isinstance(value, tuple) else f"{value}"
        help = help if value is None else f"{help} (default: {shown})"
        group.add_argument(
            "--" + name.replace("_", "-"),
            default=value,
            help=help,
            **{"type": type(value), "metavar": "X", **kwargs},
        )

    def switch(group, name, help):
        flag, value = name.replace("_", "-"), getattr(default, name)
        group.add_argument(
            f"--no-{flag}" if value else f"--{flag}",
            dest=name,
            help=help,
            default=value,
            action="store_false" if value else "store_true",
        )

    parser.add_argument(
        "--out", default="prototxt", metavar="DIR", help="folder to write to (default: prototxt)"
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace files in DIR that hold something else; default: write nothing then",
    )
    group = parser.add_argument_group("net")
    add(
        group,
        "depth",
        "convolutions",
        choices=sorted(UNITS),
        metavar="{{{}}}".format(",".join(map(str, sorted(UNITS)))),
    )
    add(group, "channels", "of the first stage, doubled by each later one", metavar="N")
    add(group, "features", "dimension of fc5", metavar="N")
    add(group, "size", "input, HEIGHTxWIDTH", type=_size, metavar="HxW")
    group = parser.add_argument_group("head")
    group.add_argument(
        "--margin",
        nargs="+",
        choices=MARGINS,
        default=DEFAULT_MARGINS,
        metavar="HEAD",
        help=f"heads to render a solver and a net for, of {', '.join(MARGINS)} "
        f"(default: {' '.join(DEFAULT_MARGINS)})",
    )
    add(group, "classes", "identities", metavar="N")
    add(group, "s", "scale of the cosines, but ArcFace's")
    add(group, "m", "am-softmax: margin, a cosine")
    add(group, "arcface_s", "arcface: scale of the cosines")
    add(group, "arcface_m", "arcface: margin, radians")
    add(group, "m1", "combined: cos(M1 theta + M2) - M3")
    add(group, "m2", "combined, radians")
    add(group, "m3", "combined")
    add(group, "anneal", "arcface, combined: share of the iterations over which the margin grows")
    add(group, "anneal_s", "arcface, combined: scale that it starts with")
    add(group, "wo_fn_m", "am-softmax-wo-fn: margin at the end of its annealing, a cosine")
    add(group, "wo_fn_growth", "am-softmax-wo-fn: margin that each iteration adds")
    add(
        group,
        "a_softmax_m",
        "a-softmax: factor of the angle",
        choices=A_SOFTMAX_TYPES,
        metavar="{1,2,3,4}",
    )
    add(group, "lambda_gamma", "a-softmax: lambda = 1000 / (1 + X * iteration)")
    add(group, "lambda_min", "a-softmax: lambda's least value")
    add(group, "sample_rate", "in one layer: share of the classes in each iteration's softmax")
    add(
        group,
        "memory_mb",
        "in one layer: MiB up to which the cosines are kept for the backward pass",
        metavar="N",
    )
    group = parser.add_argument_group("data")
    add(group, "backend", "image lists or LMDB", choices=BACKENDS, metavar="{list,lmdb}")
    add(group, "source", "training list, or LMDB folder", metavar="PATH")
    add(group, "val", "test list, or LMDB folder", metavar="PATH")
    add(group, "root", "folder that the lists' paths start from", metavar="DIR")
    switch(group, "resize", "scale images to --size as they are read")
    add(group, "mean", "subtracted from BGR values in 0..255")
    switch(group, "mirror", "do not mirror training images at random")
    add(group, "batch", "images a batch", metavar="N")
    group = parser.add_argument_group("solver")
    add(group, "iter_size", "batches an iteration", metavar="N")
    add(group, "lr", "learning rate at the start")
    add(
        group,
        "steps",
        "iterations after which it is divided by 10",
        type=int,
        nargs="*",
        metavar="N",
    )
    add(
        group,
        "max_iter",
        f"iterations (default: {MAX_ITER}; a-softmax: {A_SOFTMAX_MAX_ITER})",
        type=int,
        metavar="N",
    )
    add(group, "weight_decay", "of the weights")
    add(group, "snapshot", "iterations between snapshots", metavar="N")
    add(group, "snapshot_prefix", "of their file names; its folder must exist", metavar="PATH")
    add(group, "test_iter", "test batches of 32; 0: no tests, and --val is not read", metavar="N")
    add(group, "test_interval", "iterations between tests", metavar="N")
    return parser


def _size(value):
    height, cross, width = value.lower().partition("x")
    if not (cross and height.isdigit() and width.isdigit()):
        raise InputError("prototxt: --size is HEIGHTxWIDTH in pixels", found=repr(value))
    return int(height), int(width)
