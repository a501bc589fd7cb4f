"""Caffemodels and solverstates from one fork's field numbers to another's; what a file holds."""

import argparse
import os
import re
from pathlib import Path

from amcaffe import cli
from amcaffe.convert.conversion import convert
from amcaffe.convert.forks import FORKS, fork_schema
from amcaffe.convert.listing import listing
from amcaffe.convert.modelfile import kind_of, open_model
from amcaffe.convert.schema import read_proto
from amcaffe.errors import InputError
from amcaffe.host.tree_layers import registered_types


def main(argv):
    """The command line; argv as sys.argv[1:]."""
    arguments = _parser().parse_args(argv)
    target = arguments.to or os.environ.get("CAFFE_ROOT")
    if arguments.list:
        schema = schema_of(arguments.source or target or "upstream")
        data = open_model(arguments.file)
        for line in listing(arguments.file, data, kind_of(arguments.file, data), schema):
            print(line)
        return
    given = {"--from": arguments.source, "--to": target, "--out": arguments.out}
    lacking = [option for option, value in given.items() if not value]
    if lacking:
        raise InputError(
            f"{' and '.join(lacking)} must be given",
            hint="--to is $CAFFE_ROOT where that is set; --list needs none of them",
        )
    convert(
        arguments.file, schema_of(arguments.source), schema_of(target), arguments.out,
        types=dict(arguments.rename), iteration=arguments.iteration,
        registered=registered_types(target) if os.path.isdir(target) else None,
        drop=arguments.drop_unknown, model=arguments.model,
    )  # fmt: skip


def schema_of(where):
    """The Schema of a fork's name, of a caffe.proto, or of a Caffe tree.

    Raises: InputError: none of the three, or two. TreeError: a caffe.proto that cannot be read.
    """
    exists = os.path.exists(where)
    if where in FORKS and exists:
        raise InputError(
            f"{where} is a fork known by name, and there is a file or folder of that name here",
            hint=f"write ./{where} for what is here; for the fork, run this in another folder",
        )
    if where in FORKS:
        return fork_schema(where)
    if not exists:
        raise InputError(
            f"{where} is no file and no folder, and no fork known by name",
            expected=f"a caffe.proto, a Caffe tree, or one of {', '.join(FORKS)}",
        )
    return read_proto(where)


def _parser():
    parser = cli.parser(
        "convert",
        __doc__,
        "python -m amcaffe.convert face.caffemodel --from gehaocool --out face_here.caffemodel\n"
        "  python -m amcaffe.convert face.caffemodel --list",
    )
    forks = "\n".join(f"  {name:<21} {fork.what}" for name, fork in FORKS.items())
    parser.epilog = (
        f"FORK is a caffe.proto, a Caffe tree, or the name of one of these:\n{forks}\n\n"
        f"{parser.epilog}"
    )
    parser.add_argument("file", type=Path, help="a binary .caffemodel or .solverstate")
    parser.add_argument("--list", action="store_true", help="say what the file holds, and stop")
    parser.add_argument("--from", dest="source", metavar="FORK", help="whose numbers it has")
    parser.add_argument("--to", metavar="FORK", help="whose it is to have [$CAFFE_ROOT]")
    parser.add_argument("--out", type=Path, help="file to write")
    parser.add_argument(
        "--drop-unknown", action="store_true",
        help="leave out fields that --to does not have, and say which; never weights",
    )  # fmt: skip
    parser.add_argument(
        "--rename", action="append", default=[], type=_pair, metavar="TYPE=OTHER",
        help="a layer type that --to has under another name, as of `install --as`",
    )  # fmt: skip
    parser.add_argument(
        "--iteration", type=_count, metavar="N",
        help="where an annealed margin that other forks keep no count for is resumed, or tested",
    )  # fmt: skip
    parser.add_argument(
        "--model", type=Path, metavar="CAFFEMODEL",
        help="of a solverstate: the weights saved with it, as its fork wrote them; to resume such "
        "an annealed run",
    )  # fmt: skip
    return parser


def _pair(text):
    pair = re.fullmatch(r"(\w+)=(\w+)", text, re.ASCII)
    if not pair:
        raise argparse.ArgumentTypeError(f"{text!r} is not TYPE=OTHER")
    return pair.groups()


def _count(text):
    if not (text.isascii() and text.isdigit() and int(text) < 1 << 31):
        raise argparse.ArgumentTypeError(f"{text!r} is no count of iterations")
    return int(text)
