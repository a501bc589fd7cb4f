"""What a tree was configured with, from CMake's own record in its build folder."""

import re
from pathlib import Path


def read_cache(root):
    """Options of the tree's last configuration.

    Args: root: Caffe tree.
    Returns: dict of str to str; empty where CMake has not run there.
    """
    try:
        text = Path(root, "build/CMakeCache.txt").read_text("utf-8", "replace")
    except OSError:
        return {}
    return dict(re.findall(r"^([\w.+-]+):[A-Z]+=(.*)$", text, re.MULTILINE))
