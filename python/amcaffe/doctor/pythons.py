"""This Python: what pycaffe is built for and runs with."""

import importlib.util
import os
import platform
import re
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

from amcaffe.doctor.finding import MISSING, NOTE, OK, PROBLEM, Finding, is_managed
from amcaffe.doctor.libraries import protoc_version, release
from amcaffe.doctor.tools import library_folders
from amcaffe.errors import BuildError
from amcaffe.host.pycaffe_binding import PYBIND11, choose_binding

OLDEST = (3, 9)
NEEDED = ("numpy", "protobuf", "scikit-image", "scipy", "six")  # what `import caffe` loads
BUILDS = ("tqdm",)  # what amcaffe.build shows its progress with


def find_python():
    """Findings of the interpreter, its headers and its packages."""
    findings = [_interpreter(), _headers(), *map(_package, NEEDED + BUILDS)]
    return findings + _protobufs(protoc_version(), _version("protobuf"))


def _interpreter():
    version = platform.python_version()
    kind = "virtual environment" if sys.prefix != sys.base_prefix else "no virtual environment"
    text = f"{version} ({sys.executable}; {kind})"
    if sys.version_info[:2] < OLDEST:
        needed = ".".join(map(str, OLDEST))
        return Finding(
            PROBLEM,
            "Python",
            f"{text}: needed is {needed} or newer",
            fix="run this with a newer Python: PYTHON -m amcaffe.doctor",
        )
    if is_managed():
        venv = importlib.util.find_spec("ensurepip") is not None
        return Finding(
            NOTE,
            "Python",
            f"{text}: its distribution lets pip install into environments alone",
            debian=() if venv else ("python3-venv",),
        )
    return Finding(OK, "Python", text)


def _headers():
    header = Path(sysconfig.get_path("include"), "Python.h")
    if header.is_file():
        return Finding(OK, "Python headers", str(header.parent))
    return Finding(
        MISSING, "Python headers", f"no {header}", debian=("python3-dev",), conda=("python",)
    )


def _version(name):
    try:
        return metadata.version(name)
    except (metadata.PackageNotFoundError, ValueError):
        return None


def _package(name):
    version = _version(name)
    if version:
        return Finding(OK, name, version)
    return Finding(MISSING, name, "not in this Python", pip=(name,), conda=(name,))


def refusal(protoc, package):
    """Why Python's protobuf does not run what protoc writes; None where it does.

    Args:
        protoc: as from protoc_version(), such as (3, 21, 12) or (29, 3).
        package: version of Python's protobuf, such as "5.29.3".
    Returns: None, or (reason, what pip is to install).
    Source: the checks in the code that protoc writes, and protobuf's cross-version guarantees.
    """
    numbers = tuple(map(int, re.findall(r"\d+", package)[:3]))
    written, runtime = release(protoc), numbers[1:3]
    if written < (19,) and runtime >= (21,):
        return "is too new", "protobuf<4"
    if runtime < (min(written[0], 20),):
        return "is too old", "protobuf>=3.20"
    if written >= (26,):  # from here on the code names its version, and is checked
        major = _python_major(written[0])
        if runtime < written:
            return "is too old", f"protobuf>={major}.{'.'.join(map(str, written))}"
        if numbers[0] > major + 1:
            return "is too new", f"protobuf<{major + 2}"
    return None


def _python_major(written):
    """Python's leading number of a release: 5 from 26 on, 6 from 30 on, 7 from 34 on."""
    return 5 if written < 30 else 6 if written < 34 else 7


def _protobufs(protoc, package):
    if protoc is None or not re.match(r"\d+\.\d+", package or ""):
        return []
    pair = f"Python's {package} with protoc's {'.'.join(map(str, protoc))}"
    refused = refusal(protoc, package)
    if refused is None:
        return [Finding(OK, "protobuf pair", pair)]
    reason, wanted = refused
    return [Finding(PROBLEM, "protobuf pair", f"{pair}: Python's {reason}", pip=(wanted,))]


def find_binding(root=None):
    """Findings of what pycaffe is made with: pybind11 for any Python, or a Boost.Python for this.

    Args: root: the tree that is to be built, or None.
    """
    version, boost, reasons = _version("pybind11"), _boost_python(), []
    try:
        binding = choose_binding(root, say=reasons.append) if root else PYBIND11
    except BuildError:
        binding = PYBIND11  # and it is not here
    if binding == PYBIND11 and version:
        return [Finding(OK, "pycaffe binding", f"pybind11 {version}")]
    if binding == PYBIND11:
        return [Finding(MISSING, "pycaffe binding", "no pybind11", pip=("pybind11",))]
    why = f" ({reasons[0]})" if reasons else ""
    if boost:
        return [Finding(OK, "pycaffe binding", f"Boost.Python, {boost}{why}")]
    return [
        Finding(
            MISSING,
            "pycaffe binding",
            f"no Boost.Python for this Python{why}",
            debian=("libboost-python-dev",),
            fix=f"or patch the tree, and pycaffe is made with pybind11: "
            f"python -m amcaffe.install {root}"
            if not reasons
            else None,
        )
    ]


def _boost_python():
    """Boost.Python of this Python's version, or None."""
    name = "libboost_python{}{}.so".format(*sys.version_info)
    files = [os.path.normpath(folder / name) for folder in library_folders()]
    return next(filter(os.path.exists, files), None)
