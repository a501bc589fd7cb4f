"""A Caffe tree: what it is, what is installed and built in it, and what hides it."""

import os
import re
import sys
from pathlib import Path

from amcaffe.doctor.finding import NOTE, OK, PROBLEM, Finding, first_line, output
from amcaffe.errors import TreeError
from amcaffe.host.cmake_cache import read_cache
from amcaffe.host.tree import (
    FACTORY,
    LAYER,
    PROTO,
    STALE_HEADERS,
    require_our_interface,
    require_tree,
)

MODULES = ("caffe/__init__.py", "caffe.py", "caffe_pb2.py")  # what hides a pycaffe
SHOWN = ("BLAS", "CMAKE_BUILD_TYPE", "CMAKE_CUDA_ARCHITECTURES", "CUDA_ARCH_NAME")
_TO_MEND = "to mend: "  # before the advice in the last line of `amcaffe.install --check`
_IMPORTED = "caffe imported:"


def find_tree(path):
    """Findings of a tree. Args: path: its root, as the user wrote it."""
    try:
        tree = require_tree(path)
        for name in (PROTO, LAYER, FACTORY):
            tree.peek(name)
        return _look_into(tree)
    except TreeError as error:
        why = error.what + (f": {error.found}" if error.found else "")
        return [Finding(PROBLEM, "Caffe tree", why, fix=error.hint)]
    except OSError as error:
        why = f"cannot look at {error.filename}: {error.strerror}"
        fix = "get the right to read the tree, or copy it as a user who has it"
        return [Finding(PROBLEM, "Caffe tree", why, fix=fix)]


def _look_into(tree):
    root, family = tree.root, _family(tree)
    choice = "" if family.state == OK else " --no-layers"
    return [
        Finding(OK, "Caffe tree", str(root)),
        family,
        _installed(root, f"python -m amcaffe.install {root}{choice}"),
        *_stale(root),
        *_built(root),
    ]


def _family(tree):
    try:
        require_our_interface(tree)
    except TreeError as error:
        return Finding(NOTE, "layer interface", f"our layers cannot live in it: {error.what}")
    return Finding(OK, "layer interface", "BVLC's: our layers can live in it")


def _installed(root, install):
    """What `amcaffe.install --check` says: asked of it, as steps do not import one another.

    Args: install: the command that installs.
    """
    package = str(Path(__file__).resolve().parents[2])
    told = output(
        sys.executable,
        "-m",
        "amcaffe.install",
        "--check",
        root,
        failing=True,
        env=_environment(package),
    )
    line = first_line(told)
    status, _, _ = line.partition(":")
    if status == "installed":
        return Finding(OK, "amcaffe in it", "installed, of this version")
    if status == "outdated":
        return Finding(NOTE, "amcaffe in it", "of another version, or other choices", fix=install)
    if status == "modified":
        why, *others = [line.strip() for line in told.splitlines()[1:]]
        mends = others.pop()[len(_TO_MEND) :] if others else install
        more = f", and {len(others)} more" if others else ""
        return Finding(NOTE, "amcaffe in it", f"{why}{more}", fix=mends)
    if status == "absent":
        return Finding(NOTE, "amcaffe in it", "not installed", fix=install)
    return Finding(
        NOTE,
        "amcaffe in it",
        line.replace("amcaffe install: ", "") or "cannot be told",
        fix=f"python -m amcaffe.install {root} --check",
    )


def _stale(root):
    found = [name for name in STALE_HEADERS if (root / name).exists()]
    if not found:
        return []
    return [
        Finding(
            PROBLEM,
            "generated files",
            f"{', '.join(found)} in the sources hide what a build makes",
            fix=f"rm {' '.join(str(root / name) for name in found)}",
        )
    ]


def _built(root):
    program, build = root / "build/tools/caffe", f"python -m amcaffe.build {root}"
    if not program.exists():
        return [Finding(NOTE, "build", "not built yet", fix=build)]
    cache = read_cache(root)
    device = "CPU only" if cache.get("CPU_ONLY") == "ON" else "with CUDA"
    options = [f"{name} {cache[name]}" for name in SHOWN if cache.get(name)]
    options += [
        f"{name} {value}" for name, value in sorted(cache.items()) if re.fullmatch(r"USE_\w+", name)
    ]
    text = f"{program} ({device}; {', '.join(options)})" if cache else f"{program}, not by CMake"
    findings = [Finding(OK, "build", text)]
    newer = _newer_sources(root, program)
    if newer:
        findings.append(
            Finding(NOTE, "build", f"{newer} was changed since: it is out of date", fix=build)
        )
    return findings + [_import(root)]


def _newer_sources(root, program):
    """A source file that is newer than every library of the build, or None."""
    built = max(
        os.path.getmtime(path) for path in [program, *(root / "build/lib").glob("libcaffe.so*")]
    )
    for folder in ("include/caffe", "src/caffe"):
        for path in sorted((root / folder).rglob("*")):
            is_source = path.suffix in (".hpp", ".cpp", ".cu", ".proto") and path.is_file()
            if is_source and path.stat().st_mtime > built:
                return path.relative_to(root).as_posix()
    return None


def _import(root):
    """Whether `import caffe` works with this tree's pycaffe, whatever else lies on the path."""
    code = f"import caffe; print('{_IMPORTED}', caffe.__version__)"
    told = output(
        sys.executable, "-c", code, failing=True, cwd="/", env=_environment(root / "python")
    )
    last = ((told or "").strip().splitlines() or ["Python ended without a word"])[-1]
    if last.startswith(_IMPORTED):
        return Finding(OK, "import caffe", f"{last[len(_IMPORTED) :].strip()} ({sys.executable})")
    return Finding(PROBLEM, "import caffe", last, fix=f"python -m amcaffe.build {root}")


def _environment(first):
    """This environment with a folder in front of PYTHONPATH."""
    paths = filter(None, [str(first), os.environ.get("PYTHONPATH")])
    return dict(os.environ, PYTHONPATH=os.pathsep.join(paths))


def find_shadows(root=None):
    """Findings of the other caffe packages on this Python's path, which may hide one another.

    Args: root: the tree that is meant, or None.
    """
    own = os.path.realpath(os.path.join(root, "python")) if root else None
    found = []
    for entry in map(os.path.realpath, sys.path):
        names = [os.path.join(entry, name) for name in MODULES]
        if any(map(os.path.isfile, names)) and entry not in (own, *found):
            found.append(entry)
    if not found or own is None and len(found) == 1:
        return []
    return [
        Finding(
            NOTE,
            "caffe on the path",
            f"`import caffe` takes the first of {'the tree in question, and ' * bool(own)}"
            f"{', '.join(found)}; two that load caffe.proto in one process clash",
            fix="take those that are not meant off PYTHONPATH, or uninstall them",
        )
    ]
