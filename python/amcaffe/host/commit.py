"""Which upstream commit a tree is of."""

import subprocess
from pathlib import Path

NOTED = "build/amcaffe-commit"  # in a tree whose source the set-up checked by hash


def commit_of(root):
    """The commit that the set-up noted in a tree or, of a tree that is a repository, its own.

    Args: root: Caffe tree.
    Returns: 40 hexadecimal digits, or None where nobody knows.
    """
    root = Path(root).resolve()
    if (root / NOTED).is_file():
        return (root / NOTED).read_text().strip()
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--show-toplevel", "HEAD"],
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        return None
    lines = done.stdout.splitlines()
    # A tree without a repository of its own may lie in somebody else's.
    return lines[1] if len(lines) == 2 and Path(lines[0]) == root else None
