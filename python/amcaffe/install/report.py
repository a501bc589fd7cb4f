"""What the installer prints: the plan, what was written, and what to do next."""

import difflib
import sys

from amcaffe.install.record import FOLDER


def recovered(paths):
    """Say that an interrupted run was undone."""
    if paths:
        print(f"an earlier run was interrupted: put back {len(paths)} files first")
        for path in paths:
            print(f"  restored  {path}")


def status(tree, name, details):
    """What --check found; its first word is the status."""
    print(f"{name}: {tree.root}")
    for line in details:
        print(f"  {line}")


def dry_run(plan):
    """A unified diff of everything that would change, byte for byte, and the notes on it."""
    changes = [change for change in plan.changes if not change.path.startswith(FOLDER)]
    sys.stdout.flush()
    for change in changes:
        sys.stdout.buffer.write(b"".join(_diff(change)))
    sys.stdout.buffer.flush()
    for change in changes:
        if change.before is None:
            print(f"new       {change.path}")
        elif change.after is None:
            print(f"remove    {change.path}")
    _notes(plan)
    print(f"dry run: {len(changes)} files would change; nothing was written")


def _diff(change):
    """The lines of one file's part of a diff, as `patch -p1` takes them."""
    path = change.path.encode("utf-8", "surrogateescape")
    names = [
        side + b"/" + path if data is not None else b"/dev/null"
        for side, data in ((b"a", change.before), (b"b", change.after))
    ]
    before, after = ((data or b"").split(b"\n") for data in (change.before, change.after))
    lines = difflib.diff_bytes(
        difflib.unified_diff, _lines(before), _lines(after), *names, lineterm=b"\n"
    )
    for line in lines:
        yield line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"


def _lines(parts):
    """Lines with their line feeds; splitlines() would end them at a carriage return too."""
    return [part + b"\n" for part in parts[:-1]] + [part for part in parts[-1:] if part]


def installed(tree, plan, named):
    """What an installation changed; the last line is the command that rebuilds, if anything did.

    Args:
        named: the tree's path as the user wrote it.
    """
    changes = [change for change in plan.changes if not change.path.startswith(FOLDER)]
    counts = dict.fromkeys(("wrote", "updated", "edited", "restored", "removed"), 0)
    for change in changes:
        what = _what_was_done(plan, change)
        counts[what] += 1
        edits = f": {', '.join(plan.edits[change.path])}" if what == "edited" else ""
        print(f"  {what:<9} {change.path}{edits}")
    _notes(plan)
    totals = f"{len(plan.record.files)} files and edits in {len(plan.record.hosts)} files"
    if not changes:
        print(f"nothing to do: {tree.root} is as asked already ({totals})")
        return
    done = ", ".join(f"{what} {count}" for what, count in counts.items() if count)
    print(f"files in {tree.root}: {done} ({totals} in all)")
    print("to rebuild:")
    print(f"python -m amcaffe.build {named}")


def _what_was_done(plan, change):
    if change.after is None:
        return "removed"
    if change.path in plan.edits:
        return "edited"
    if change.path not in plan.record.files:
        return "restored"  # a file of the host's, of which no edit is left
    return "wrote" if change.before is None else "updated"


def uninstalled(tree, plan):
    """What taking everything out changed."""
    count = 0
    for change in plan.changes:
        if not change.path.startswith(FOLDER):
            print(f"  {'removed' if change.after is None else 'restored':<9} {change.path}")
            count += 1
    _warnings(plan)
    print(f"took amcaffe out of {tree.root}: {count} files removed or restored")


def _notes(plan):
    if plan.unneeded:
        print(f"  not needed: {', '.join(plan.unneeded)}")
    for what in plan.alone:
        print(f"  left alone: {what}")
    for what in plan.out:
        print(f"  left out: {what}")
    for ours, name in plan.renamed.items():
        print(f"  under another type: {ours} is {name} in this tree")
    for message, numbers in plan.record.numbers.items():
        for name, number in numbers.items():
            why = plan.moved.get(f"{message}.{name}")
            print(f"  field number: {message}.{name} = {number}{f', as {why}' if why else ''}")
    _warnings(plan)


def _warnings(plan):
    for warning in plan.warnings:
        print(f"  warning: {warning}")
