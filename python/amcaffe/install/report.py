"""What the installer prints: the plan, what was written, and what to do next."""

import difflib

from amcaffe.install.record import FOLDER


def recovered(paths):
    """Say that an interrupted run was undone."""
    if paths:
        print(f"an earlier run was interrupted: put back {len(paths)} files first")
        for path in paths:
            print(f"  restored  {path}")


def dry_run(plan):
    """A unified diff of the host's files, and the list of files that are ours."""
    changes = [change for change in plan.changes if not change.path.startswith(FOLDER)]
    for change in changes:
        if change.before is not None and change.after is not None:
            diff = difflib.unified_diff(
                _lines(change.before), _lines(change.after), f"a/{change.path}", f"b/{change.path}"
            )
            for line in diff:
                ends = line.endswith("\n")
                print(line.rstrip("\r\n") + ("" if ends else "\n\\ No newline at end of file"))
    for change in changes:
        if change.before is None:
            print(f"new       {change.path}")
        elif change.after is None:
            print(f"remove    {change.path}")
    _notes(plan)
    print(f"dry run: {len(changes)} files would change; nothing was written")


def installed(tree, plan, named):
    """What an installation wrote; the last line is the command that rebuilds.

    Args:
        named: the tree's path as the user wrote it.
    """
    changes = [change for change in plan.changes if not change.path.startswith(FOLDER)]
    for change in changes:
        if change.after is None:
            print(f"  removed   {change.path}")
        elif change.path in plan.edits:
            print(f"  edited    {change.path}: {', '.join(plan.edits[change.path])}")
        else:
            print(f"  {'wrote' if change.before is None else 'updated':<9} {change.path}")
    _notes(plan)
    totals = f"{len(plan.record.files)} files and edits in {len(plan.record.hosts)} files"
    if changes:
        new = sum(change.path in plan.record.files for change in changes)
        edited = sum(change.path in plan.edits for change in changes)
        print(f"wrote {new} files and edited {edited} in {tree.root} ({totals} in all)")
    else:
        print(f"nothing to do: {tree.root} has all of it already ({totals})")
    print("to rebuild:")
    print(f"python -m amcaffe.build {named}")


def uninstalled(tree, plan):
    """What taking everything out changed."""
    count = 0
    for change in plan.changes:
        if not change.path.startswith(FOLDER):
            print(f"  {'removed' if change.after is None else 'restored':<9} {change.path}")
            count += 1
    print(f"took amcaffe out of {tree.root}: {count} files removed or restored")


def _notes(plan):
    if plan.unneeded:
        print(f"  not needed: {', '.join(plan.unneeded)}")
    for what in plan.present:
        print(f"  left alone, as it is there already: {what}")
    for message, numbers in plan.record.numbers.items():
        for name, number in numbers.items():
            print(f"  field number: {message}.{name} = {number}")
    for warning in plan.warnings:
        print(f"  warning: {warning}")


def _lines(data):
    return data.decode("utf-8", "replace").splitlines(keepends=True)
