"""Which binding a tree's pycaffe is made with: pybind11 (ours), or the host's on Boost.Python."""

import re
import subprocess
import sys
from pathlib import Path

from amcaffe.errors import BuildError

PYBIND11, BOOST = "pybind11", "boost"
OURS = "src/pycaffe"
HOSTS = "python/caffe/_caffe.cpp"
COMMON = "include/caffe/common.hpp"
NEEDED = ("solver_rank", "set_multiprocess")  # members of class Caffe that ours binds

_HOST_NAME = re.compile(
    r"(?:\bdef|\badd_property|\bdef_readonly|\bdef_readwrite|\bbp::class_\s*<[^;]*?>)"
    r"\s*\(\s*\"(\w+)\""
)


def choose_binding(root, asked=None, say=print):
    """The binding to build: as asked, else pybind11 where it has all that the host's has.

    Args:
        root: Caffe tree.
        asked: PYBIND11, BOOST or None.
        say: function of one line: why it is not pybind11.
    Returns: PYBIND11 or BOOST.
    Raises: BuildError: pybind11 was asked for, and the tree cannot have it or this Python lacks it.
    """
    if asked == BOOST:
        return BOOST
    if not (Path(root) / OURS).is_dir():
        if asked:
            raise BuildError(
                f"{root} has no {OURS}: the tree is not patched",
                hint=f"python -m amcaffe.install {root}, or --binding {BOOST}",
            )
        return BOOST
    too_old = [name for name in NEEDED if name not in Path(root, COMMON).read_text("latin-1")]
    if too_old:
        reason = f"ours on pybind11 needs {' and '.join(too_old)}, which {COMMON} does not declare"
        if asked:
            raise BuildError(f"{root}: this Caffe is too old: {reason}", hint=f"--binding {BOOST}")
        say(f"pycaffe: {reason}, so Boost.Python's is built")
        return BOOST
    lacking = names_beyond_ours(root)
    if lacking and not asked:
        say(
            "pycaffe: this tree's own binding has names that ours on pybind11 lacks "
            f"({', '.join(lacking)}), so Boost.Python's is built; --binding {PYBIND11} overrides"
        )
        return BOOST
    require_pybind11()
    return PYBIND11


def names_beyond_ours(root):
    """Names that the host's binding gives to Python and ours does not, sorted."""
    host = Path(root, HOSTS)
    if not host.exists():
        return []
    theirs = set(_HOST_NAME.findall(host.read_text("latin-1")))
    ours = "".join(path.read_text() for path in sorted(Path(root, OURS).glob("*.cpp")))
    return sorted(theirs - set(re.findall(r'"(\w+)"', ours)) - {"__init__"})


def require_pybind11(python=sys.executable):
    """Raises: BuildError: a Python lacks the package pybind11."""
    done = subprocess.run([python, "-c", "import pybind11"], capture_output=True, text=True)
    if done.returncode:
        raise BuildError(
            f"pycaffe is made with pybind11, which {python} does not have",
            found=(done.stderr.strip().splitlines() or ["no message"])[-1],
            hint=f"{python} -m pip install pybind11, or --binding {BOOST}",
        )
