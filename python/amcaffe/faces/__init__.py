"""Made-up people: a folder of pictures of each, drawn from a seed."""

import re

from amcaffe import cli
from amcaffe.errors import InputError


def main(argv):
    parser = cli.parser(
        "faces",
        "Draw a folder of made-up people: OUT/p0000/000.jpg and so on. Picture i of person j\n"
        "depends on the seed, j, i and the size only. Run again to go on after an interruption,\n"
        "or with higher numbers to add people and pictures.",
        "python -m amcaffe.faces build/faces --identities 200 --images 20 --seed 1",
    )
    parser.add_argument("out", metavar="OUT", help="the folder to make or to complete")
    parser.add_argument(
        "--identities", type=int, default=200, metavar="N", help="people (%(default)s)"
    )
    parser.add_argument("--images", type=int, default=20, metavar="M", help="of each (%(default)s)")
    parser.add_argument(
        "--size", type=_size, default="112x96", metavar="HxW", help="height x width (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="(%(default)s)")
    parser.add_argument("--workers", type=int, metavar="W", help="processes (one a CPU core)")
    args = parser.parse_args(argv)
    from amcaffe.faces.folder import make_faces

    made = make_faces(args.out, args.identities, args.images, args.size, args.seed, args.workers)
    people = f"{args.identities} people x {args.images} pictures"
    print(f"{args.out}: {people}, {made} of {args.identities * args.images} drawn now")


def _size(text):
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if not found:
        raise InputError(
            "--size is HEIGHTxWIDTH in pixels", found=repr(text), expected="for example 112x96"
        )
    return int(found[1]), int(found[2])
