"""The programs that a build runs."""

import os
import re
import shutil
from pathlib import Path

from amcaffe.doctor.finding import ABSENT, MISSING, NOTE, OK, Finding, first_line, output

CMAKE = (3, 10)  # what the patched trees ask for
_WORKS = "#include <cmath>\n#include <vector>\nint main() { return 0; }\n"


def find_tools():
    """Findings of compiler, CMake, build tool, ccache and git."""
    return [_compiler(), _cmake(), _build_tool(), _ccache(), _git()]


def compiler():
    """Path of the C++ compiler that CMake would take, or None."""
    named = os.environ.get("CXX", "").split()
    names = named[:1] or ["c++", "g++", "clang++"]
    return next(filter(None, map(shutil.which, names)), None)


def include_folders():
    """Folders that the compiler looks for headers in, those of a prefix before the system's."""
    folders = [prefix / "include" for prefix in prefixes()]
    folders += [Path(path) for path in os.environ.get("CPATH", "").split(os.pathsep) if path]
    program = compiler()
    told = output(program, "-E", "-x", "c++", "-", "-v") if program else None
    listed = re.search(r"#include <\.\.\.> search starts here:\n(.*?)\nEnd of", told or "", re.S)
    found = [line.strip() for line in listed[1].splitlines()] if listed else []
    return folders + [Path(path) for path in found or ["/usr/local/include", "/usr/include"]]


def library_folders():
    """Folders that the linker looks for libraries in, those of a prefix before the system's."""
    folders = [prefix / "lib" for prefix in prefixes()]
    program = compiler()
    told = output(program, "-print-search-dirs") if program else None
    listed = re.search(r"^libraries: =?(.*)$", told or "", re.MULTILINE)
    found = listed[1].split(":") if listed else []
    return folders + [Path(path) for path in found or ["/usr/local/lib", "/usr/lib64", "/usr/lib"]]


def prefixes():
    """Folders of include and lib that CMake looks in before the system's."""
    named = re.split("[:;]", os.environ.get("CMAKE_PREFIX_PATH", ""))
    named.append(os.environ.get("CONDA_PREFIX", ""))
    return [Path(path) for path in named if path]


def _compiler():
    packages = {"debian": ("build-essential",), "conda": ("cxx-compiler",)}
    program = compiler()
    if program is None:
        return Finding(MISSING, "C++ compiler", "none found", **packages)
    version = first_line(output(program, "--version")) or "of unknown version"
    if output(program, "-x", "c++", "-fsyntax-only", "-", text=_WORKS) is None:
        text = f"{program} ({version}) cannot compile a program of three lines"
        return Finding(MISSING, "C++ compiler", text, **packages)
    return Finding(OK, "C++ compiler", f"{version} ({program})")


def _cmake():
    program = shutil.which("cmake")
    if program is None:
        return Finding(
            MISSING, "CMake", "not installed", debian=("cmake",), conda=("cmake",), pip=("cmake",)
        )
    match = re.search(r"cmake version (\d+)\.(\d+)(\S*)", output(program, "--version") or "")
    if not match:
        return Finding(NOTE, "CMake", f"{program} does not tell its version")
    text = f"{match[1]}.{match[2]}{match[3]} ({program})"
    if (int(match[1]), int(match[2])) < CMAKE:
        needed = ".".join(map(str, CMAKE))
        return Finding(MISSING, "CMake", f"{text}: needed is {needed} or newer", pip=("cmake",))
    return Finding(OK, "CMake", text)


def _build_tool():
    for name in ("ninja", "make"):
        program = shutil.which(name)
        if program:
            return Finding(OK, "build tool", f"{name} ({program})")
    return Finding(
        MISSING, "build tool", "neither ninja nor make", debian=("ninja-build",), conda=("ninja",)
    )


def _ccache():
    program = shutil.which("ccache")
    if program:
        return Finding(OK, "ccache", f"{first_line(output(program, '--version'))} ({program})")
    return Finding(
        ABSENT, "ccache", "every build compiles everything", debian=("ccache",), conda=("ccache",)
    )


def _git():
    program = shutil.which("git")
    if program:
        return Finding(OK, "git", f"{first_line(output(program, '--version'))} ({program})")
    return Finding(ABSENT, "git", "amcaffe.fetch does without", debian=("git",), conda=("git",))
