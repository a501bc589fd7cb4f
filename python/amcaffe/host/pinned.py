"""The Caffe source tree that this package is developed and tested on, and its digest.

Standard library only, as it is needed before anything is installed.
"""

import hashlib
import os
from pathlib import Path

COMMIT = "9b891540183ddc834a02b2bd81b31afae71b2153"
# tree_digest() of the commit, and of Debian's tree, which differs from it in NOT_PINNED alone.
TREE_SHA256 = "9fa90053e2d53f722738e74c57eef53364b2741741842f32cb16b1b8f090c35e"
NOT_PINNED = {"README.md", "scripts/cpp_lint.py"}
NOT_SOURCE = {".git", "build", ".build_release", ".build_debug"}  # at the top of a tree


def tree_digest(root):
    """SHA-256 over the paths and contents of a Caffe tree's pinned files.

    Args: root: folder of the tree. Generated folders at its top, the git
        folder and NOT_PINNED do not count.
    Returns: 64 hexadecimal digits.
    """
    root = Path(root)
    total = hashlib.sha256()
    for path in sorted(root.rglob("*"), key=lambda path: path.relative_to(root).as_posix()):
        name = path.relative_to(root).as_posix()
        if name.split("/")[0] in NOT_SOURCE or name in NOT_PINNED:
            continue
        if path.is_symlink():
            content = os.readlink(path).encode()
        elif path.is_file():
            content = path.read_bytes()
        else:
            continue
        total.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()
