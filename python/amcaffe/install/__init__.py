"""Patch our layers, their proto and compatibility edits into a Caffe tree, or take them out."""

from amcaffe import cli
from amcaffe.errors import TreeError
from amcaffe.install import report, transaction
from amcaffe.install.plan import plan_install, plan_uninstall
from amcaffe.tree import require_tree


def main(argv):
    """The command line; argv as sys.argv[1:]."""
    parser = cli.parser("install", __doc__, "python -m amcaffe.install $CAFFE_ROOT")
    parser.add_argument("tree", metavar="CAFFE_ROOT", help="root of a Caffe source tree")
    parser.add_argument("--dry-run", action="store_true", help="show the plan, write nothing")
    parser.add_argument("--uninstall", action="store_true", help="restore the tree byte for byte")
    arguments = parser.parse_args(argv)
    tree = require_tree(arguments.tree)
    with transaction.locked(tree):
        if transaction.interrupted(tree) and arguments.dry_run:
            raise TreeError(
                f"{tree.root}: an earlier run was interrupted, and is to be undone first",
                hint="run this without --dry-run; nothing was changed",
            )
        if not arguments.dry_run:
            report.recovered(transaction.recover(tree))
        plan = plan_uninstall(tree) if arguments.uninstall else plan_install(tree)
        if plan is None:
            print(f"nothing to do: nothing of amcaffe is installed in {tree.root}")
            return
        if arguments.dry_run:
            report.dry_run(plan)
            return
        if plan.changes:
            transaction.apply(tree, plan.changes, plan.make, plan.remove)
    if arguments.uninstall:
        report.uninstalled(tree, plan)
    else:
        report.installed(tree, plan, arguments.tree)
