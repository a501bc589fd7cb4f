"""Train a net with pycaffe: progress, metrics, snapshots, resume."""

from amcaffe import cli
from amcaffe.data.lists import FORMS
from amcaffe.train.training import Options, train

__all__ = ["Options", "main", "train"]


def main(argv):
    options = vars(_parser().parse_args(argv))
    return train(Options(fresh=tuple(options.pop("fresh")), **options))


def _parser():
    parser = cli.parser(
        "train",
        "Train the net of a solver. DIR receives metrics.csv, snapshots, caffe.log and, at\n"
        "the end, final.caffemodel and train.json. Paths inside the solver and the net are\n"
        "relative to the current directory, as for `caffe train`. Ctrl-C and SIGTERM write a\n"
        "snapshot and stop; --resume goes on from the newest whole one. Nothing begins anew over\n"
        "the snapshots or results of an earlier run, nor while another run writes to DIR.\n\n"
        "With one --seed, two runs on the CPU of one machine with one BLAS thread count give\n"
        "the same numbers. A GPU sums in no fixed order, and a resumed run draws new random\n"
        "numbers for shuffling and mirroring, so these repeat closely but not exactly.\n\n"
        + FORMS
        + "\nLists of ImageData layers need labels. Of one that ImageData would read otherwise,\n"
        "DIR receives a copy in its form.",
        "python -m amcaffe.train --solver prototxt/face_solver.prototxt --out build/casia --gpu 0",
    )
    parser.add_argument("--solver", required=True, metavar="FILE", help="solver prototxt")
    parser.add_argument("--out", required=True, metavar="DIR", help="made where missing")
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="caffemodel to start from, binary or HDF5; layers are matched by name, and annealed "
        "margins begin at their `iteration`",
    )
    parser.add_argument(
        "--fresh",
        nargs="+",
        default=(),
        metavar="LAYER",
        help="not taken from --weights: the classifier, say, for other people",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from DIR's newest whole snapshot, annealed margins too (where there are no "
        "snapshots: start)",
    )
    parser.add_argument(
        "--keep", type=int, metavar="N", help="keep the last N snapshots (default: all)"
    )
    parser.add_argument(
        "--gpu",
        type=int,
        metavar="N",
        help="default: the solver's solver_mode, without one the CPU",
    )
    parser.add_argument(
        "--iterations", type=int, metavar="N", help="in all; default: the solver's max_iter"
    )
    parser.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="default: the solver's random_seed, without one a new one each run, which train.json "
        "tells",
    )
    cli.add_encoding(parser)
    parser.add_argument(
        "--deploy",
        metavar="FILE",
        help="deploy net that the training images have to suit: their size, and the input that its "
        "first line states (default: the one that was rendered beside the training net)",
    )
    return parser
