"""Features of a list of images: a net, its weights, and the mirror merged in."""

from amcaffe import cli
from amcaffe.data.lists import FORMS
from amcaffe.extract.extraction import Options, extract
from amcaffe.nets.mirror import MERGES

__all__ = ["Options", "extract", "main"]


def main(argv):
    options = vars(_parser().parse_args(argv))
    extract(Options(image_list=options.pop("LIST"), out=options.pop("OUT"), **options))


def _parser():
    parser = cli.parser(
        "extract",
        "Features of the images in LIST: OUT.npy, an N x D float32 matrix, OUT.txt, the list of\n"
        "its rows, a row an image, however often LIST names it, and OUT.json, how it was made.\n"
        "Images are read as BGR, resized to the net's input where they differ, and given to the\n"
        "net as (x - mean) * scale. Interrupted, the same command goes on where it was. Features\n"
        "that stand at OUT are replaced when all are there; files that no extraction wrote are\n"
        "not.\n\n"
        + FORMS,
        "python python/extract_features.py lfw/list.txt build/lfw --root lfw/ \\\n"
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
        "--mean",
        type=float,
        default=128.0,
        metavar="X",
        help="subtracted from BGR values in 0..255 (default: 128)",
    )
    parser.add_argument(
        "--scale",
        type=float,
        default=1 / 128,
        metavar="X",
        help="multiplied with the difference (default: 1/128)",
    )
    parser.add_argument(
        "--batch", type=int, default=64, metavar="N", help="images a forward pass (default: 64)"
    )
    parser.add_argument("--gpu", type=int, metavar="N", help="default: the CPU")
    parser.add_argument(
        "--strict", action="store_true", help="an unreadable image is an error, before the net runs"
    )
    return parser
