"""`python -m amcaffe.demo`: the whole job, plain softmax against AM-Softmax from the same start.

Faces are made up (or taken from a folder of photographs), split by identity,
and a small net is trained on the one part, once with each loss; features of
the people that no net has seen are compared, and one HTML report tells the
outcome. Every step is the command that it prints; an interrupted demo goes on
where it was.
"""

from amcaffe import cli
from amcaffe.demo.page import cells, milliseconds
from amcaffe.demo.recipe import FARS, LOSSES, TIMES, USUAL_LOSSES
from amcaffe.demo.run import Demo
from amcaffe.errors import InputError
from amcaffe.host.pycaffe import import_caffe


def main(argv):
    arguments = cli.parser(
        "demo",
        "Train a small net with plain softmax and again with AM-Softmax, on made-up faces or on a\n"
        "folder of photographs, and report how well each tells apart people it has never seen.\n"
        "am_softmax_fused is AM-Softmax in one layer, MarginSoftmaxLoss.",
        "python -m amcaffe.demo --out build/demo --seeds 3",
    )
    arguments.add_argument("--out", default="build/demo", metavar="DIR", help="(%(default)s)")
    arguments.add_argument("--seeds", type=int, default=1, metavar="N", help="repeat (%(default)s)")
    arguments.add_argument(
        "--faces", metavar="DIR", help="photographs, one sub-folder a person; default: made up"
    )
    arguments.add_argument(
        "--min-images", type=int, default=2, metavar="K",
        help="leave out people with fewer photographs (%(default)s, the fewest: a person "
        "is compared with himself or herself)",
    )  # fmt: skip
    arguments.add_argument(
        "--losses", nargs="+", choices=LOSSES, default=USUAL_LOSSES, metavar="LOSS",
        help=f"to train with, of {', '.join(LOSSES)} ({' '.join(USUAL_LOSSES)})",
    )  # fmt: skip
    options = arguments.parse_args(argv)
    import_caffe()  # before minutes of making faces
    if options.seeds < 1:
        raise InputError(f"--seeds {options.seeds}: one or more")
    if options.min_images < 2:
        raise InputError(f"--min-images {options.min_images}: two or more")
    losses = [name for name in LOSSES if name in options.losses]
    demo = Demo(options.out, options.seeds, options.faces, losses, options.min_images)
    summary = demo.run()
    print()
    for name, run in summary["runs"].items():
        shown = cells(run)
        rates = ", ".join(f"TAR at FAR {far:g}: {cell}" for far, cell in zip(FARS, shown[1:]))
        total, head = (milliseconds(run[key]) for key in TIMES)
        print(f"{name:<18}accuracy {shown[0]}, {rates}; iteration {total}, its head {head}")
    for name in ("report.json", "report.html"):
        print(demo.out / name)
