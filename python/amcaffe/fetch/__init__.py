"""`python -m amcaffe.fetch DEST`: the pinned Caffe source tree, checked by hash."""

from amcaffe import cli
from amcaffe.errors import InputError
from amcaffe.fetch.servers import fetch


def main(argv):
    arguments = cli.parser(
        "fetch",
        "Get the pinned Caffe tree (BVLC/caffe, the last commit of 2020) and check it by hash:\n"
        "from $CAFFE_ROOT when it is set, else upstream git, else Debian's source package.",
        "python -m amcaffe.fetch caffe",
    )
    arguments.add_argument("destination", metavar="DEST", help="folder to make")
    arguments.add_argument(
        "--source", metavar="PATH", help="take it from this directory, tarball or git repository"
    )
    arguments.add_argument(
        "--unpinned", action="store_true", help="with --source: accept any tree, unchecked"
    )
    options = arguments.parse_args(argv)
    if options.unpinned and options.source is None:
        raise InputError("--unpinned needs --source: what comes over a network is always checked")
    fetch(options.destination, options.source, options.unpinned)
