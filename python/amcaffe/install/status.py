"""Whether a tree has this version's installation, as --check tells it: looks, never writes."""

import shlex

from amcaffe.errors import TreeError
from amcaffe.install.edits import digest, find_again
from amcaffe.install.plan import plan_install, require_no_orphans
from amcaffe.install.record import MANIFEST, load, require_untouched
from amcaffe.install.transaction import interrupted

TO_MEND = "to mend: "
EXIT_STATUS = {"installed": 0, "outdated": 10, "modified": 11, "absent": 12}


def status_of(tree):
    """(a key of EXIT_STATUS, [what makes it so]).

    installed: another run would change nothing but the record.  outdated: it would, although
    all that was installed stands.  modified: files or lines of ours were changed or taken away;
    the last line says what mends it, after TO_MEND.
    absent: nothing of ours is in the tree.

    Raises: TreeError: the tree cannot be judged (a damaged record, work of ours without one),
        or this version refuses it.
    """
    if interrupted(tree):
        return "modified", ["an installation was interrupted; the next run undoes it first"]
    record = load(tree)
    if record is None:
        require_no_orphans(tree)
        return "absent", []
    changed = [
        path for path, recorded in record.files.items() if digest(tree.read(path)) != recorded
    ]
    changed += [path for path in record.hosts if not _is_in_place(tree, record, path)]
    if changed:
        lines = [f"{path} is not as it was installed" for path in sorted(changed)]
        return "modified", [*lines, f"{TO_MEND}{_what_mends(tree, record)}"]
    changes = [one.path for one in plan_install(tree).changes if one.path != MANIFEST]
    if changes:
        return "outdated", [f"{path} would change" for path in changes]
    return "installed", []


def _what_mends(tree, record):
    """What to do about changed files and lines of ours: a run refuses to overwrite them."""
    install = f"python -m amcaffe.install {shlex.quote(str(tree.root))}"
    try:
        require_untouched(tree, record)
    except TreeError:
        return (
            f"move your changes in files of ours, which `{install}` names, elsewhere, delete "
            "those files and run it again"
        )
    try:
        plan_install(tree)
    except TreeError:
        return f"as `{install}` says, which refuses the tree until that is done"
    return install


def _is_in_place(tree, record, path):
    """True where all the edits of a host's file stand, whatever else was changed in it."""
    data, host = tree.read(path), record.hosts[path]
    if digest(data) == host.after:
        return True
    if data is None or digest(data) == host.before:
        return False
    try:
        found = find_again(tree.root / path, data.decode("latin-1"), host.hunks)
    except TreeError:
        return False
    return len(found) == len(host.hunks)
