"""Patch our layers, their proto and compatibility edits into a Caffe tree, or take them out."""

import argparse
import textwrap

from amcaffe import cli
from amcaffe.errors import TreeError
from amcaffe.host.tree import require_tree
from amcaffe.install import messages, transaction
from amcaffe.install.choices import Choices
from amcaffe.install.host_edits import HOST_EDITS
from amcaffe.install.host_layers import HOST_LAYERS
from amcaffe.install.plan import plan_install, plan_uninstall
from amcaffe.install.status import EXIT_STATUS, status_of


class _ListEdits(argparse.Action):
    """Print the edits of a host's files with their reasons, and end."""

    def __call__(self, parser, *arguments):
        for name, why in [
            *((edit.name, edit.why) for edit in HOST_EDITS),
            *((layer.name, f"{layer.what}, in the host's own layer") for layer in HOST_LAYERS),
        ]:
            print(textwrap.fill(why, 88, initial_indent=f"{name}: ", subsequent_indent="    "))
        parser.exit()


def main(argv):
    """The command line; argv as sys.argv[1:].

    Returns: the exit status, which --check has several of.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    asked = Choices(
        dict(arguments.renamed), tuple(arguments.without), tuple(arguments.skip), arguments.layers
    )
    chosen = asked != Choices() or arguments.forget
    if chosen and (arguments.uninstall or arguments.check):
        parser.error("--as, --without, --skip, --no-layers and --forget are for installing")
    tree = require_tree(arguments.tree)
    with transaction.locked(tree):
        if arguments.check:
            status, details = status_of(tree)
            messages.status(tree, status, details)
            return EXIT_STATUS[status]
        if transaction.interrupted(tree) and arguments.dry_run:
            raise TreeError(
                f"{tree.root}: an earlier run was interrupted, and is to be undone first",
                hint="run this without --dry-run; nothing was changed",
            )
        if not arguments.dry_run:
            messages.recovered(transaction.recover(tree))
        if arguments.uninstall:
            plan = plan_uninstall(tree)
        else:
            plan = plan_install(tree, asked, arguments.forget)
        if plan is None:
            print(f"nothing to do: nothing of amcaffe is installed in {tree.root}")
            return 0
        if arguments.dry_run:
            messages.dry_run(plan)
            return 0
        if plan.changes:
            transaction.apply(tree, plan.changes, plan.make, plan.remove)
    if arguments.uninstall:
        messages.uninstalled(tree, plan)
    else:
        messages.installed(tree, plan, arguments.tree)
    return 0


def _parser():
    parser = cli.parser("install", __doc__, "python -m amcaffe.install $CAFFE_ROOT")
    parser.add_argument("tree", metavar="CAFFE_ROOT", help="root of a Caffe source tree")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the changes as a unified diff, write nothing"
    )
    statuses = ", ".join(f"{number} {name}" for name, number in EXIT_STATUS.items())
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--uninstall", action="store_true", help="restore the tree byte for byte")
    what.add_argument(
        "--check",
        action="store_true",
        help=f"print what the tree has of this version, write nothing; exit status {statuses}",
    )
    chosen = parser.add_argument_group("choices", "recorded in the tree and kept by later runs")
    chosen.add_argument(
        "--as",
        dest="renamed",
        action="append",
        default=[],
        type=_renaming,
        metavar="TYPE=NEW",
        help="install our layer TYPE under the type NEW, beside the tree's own: "
        "--as Normalize=L2Normalize",
    )
    chosen.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="TYPE",
        help="leave our layer TYPE out",
    )
    chosen.add_argument(
        "--skip",
        action="append",
        default=[],
        metavar="EDIT",
        help="leave the edit of that name out",
    )
    chosen.add_argument(
        "--no-layers",
        dest="layers",
        action="store_false",
        help="the compatibility edits alone, for a Caffe without layers of ours",
    )
    chosen.add_argument(
        "--forget", action="store_true", help="leave the choices of earlier runs out of account"
    )
    parser.add_argument(
        "--list-edits",
        action=_ListEdits,
        nargs=0,
        help="print the names of the edits and why each is made, and end",
    )
    return parser


def _renaming(text):
    ours, equals, name = text.partition("=")
    if not (ours and equals and name):
        raise argparse.ArgumentTypeError(f"{text!r}: expected TYPE=NEW, as Normalize=L2Normalize")
    return ours, name
