"""Features of a list of images: a net, its weights, and the mirror merged in."""

from amcaffe import cli
from amcaffe.data.lists import FORMS
from amcaffe.extract.extraction import Options, extract
from amcaffe.nets.mirror import MERGES
from amcaffe.nets.net_input import FORM, OURS, STATED

__all__ = ["Options", "extract", "main"]


def main(argv):
    options = vars(_parser().parse_args(argv))
    extract(Options(image_list=options.pop("LIST"), out=options.pop("OUT"), **options))


def _parser():
    parser = cli.parser(
        "extract",
        "Features of the images in LIST: OUT.npy, an N x D float32 matrix, OUT.txt, the list of\n"
        "its rows, a row an image, however often LIST names it, and OUT.json, how it was made.\n"
        "Interrupted, the same command goes on where it was. Features that stand at OUT are\n"
        "replaced when all are there; files that no extraction wrote are not.\n\n"
        + FORMS
        + "\nHow an image is made a net's input is said by the net's first line, for example\n"
        f"`{STATED}{OURS}`, or else by --input {FORM}.\n"
        "In this order: decoded as bgr, rgb or grey, resized bilinearly, cropped at the centre,\n"
        "and each value in 0..255 given as (x - MEAN) * SCALE; MEAN may be one number a channel,\n"
        "joined by `/`. Without resize and crop, an image of another size than the net's is\n"
        "resized to it.",
        "python -m amcaffe.extract lfw/list.txt build/lfw --root lfw/ \\\n"
        "      --net prototxt/face_deploy.prototxt --weights build/casia/final.caffemodel",
    )
    parser.add_argument("LIST", help="image list")
    parser.add_argument("OUT", help="name of the files written, without suffix")
    parser.add_argument("--net", required=True, metavar="FILE", help="deploy prototxt")
    parser.add_argument("--weights", required=True, metavar="FILE", help="caffemodel")
    parser.add_argument(
        "--root", default="", metavar="DIR", help="folder that the list's paths start from"
    )
    cli.add_encoding(parser)
    parser.add_argument("--blob", default="fc5", help="the feature (default: fc5)")
    parser.add_argument(
        "--mirror",
        choices=MERGES,
        help="how the features of image and mirror are merged (default: sum)",
    )
    parser.add_argument(
        "--no-normalize",
        dest="normalize",
        action="store_false",
        help="leave the length of the merged features as it is",
    )
    parser.add_argument(
        "--input",
        metavar="TEXT",
        help="how the net's input is made, where the net does not say: as above, for example "
        "rgb,127.5,0.0078125",
    )
    parser.add_argument(
        "--batch", type=int, default=64, metavar="N", help="images a forward pass (default: 64)"
    )
    parser.add_argument("--gpu", type=int, metavar="N", help="default: the CPU")
    unreadable = parser.add_mutually_exclusive_group()
    unreadable.add_argument(
        "--max-bad",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="the share of the images, 0..1, that may be unreadable: those are left out and named "
        "in OUT.unreadable.txt, one more is an error (default: 1, any number but all)",
    )
    unreadable.add_argument(
        "--strict", action="store_true", help="an unreadable image is an error, before the net runs"
    )
    return parser
