"""Which files such a machine has to be brought, and where they lie in the pack."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from amcaffe.bundle.elf import C_LIBRARY, DRIVER
from amcaffe.errors import BuildError
from device.links import ON_THE_MACHINE, THEIRS

LIBRARIES = "lib"
PYCAFFE = "pycaffe/caffe"
COMPILERS = re.compile(r"lib(stdc\+\+|gcc_s)\.so(\.\d+)*")
NOT_PYCAFFE = {".so", ".cpp", ".hpp", ".npy", ".pyc"}  # an array: the mean of ImageNet's pictures


@dataclass
class Contents:
    """files: {place in the pack: file here}. needed: libraries that the machine has to have."""

    files: dict[str, Path] = field(default_factory=dict)
    needed: list[str] = field(default_factory=list)


def add_libraries(contents, libraries):
    """Put into a pack what a program is linked with, as far as the machine has it not.

    Args: libraries: {name: Path, or None where it is not found} of amcaffe.bundle.elf.Loader.
    Raises: BuildError: one is not found here.
    """
    for name, path in libraries.items():
        if any(kind.fullmatch(name) for kind in (C_LIBRARY, DRIVER, COMPILERS)):
            continue
        if ON_THE_MACHINE.fullmatch(name):
            if name not in contents.needed:
                contents.needed.append(name)
        elif path is None:
            raise BuildError(f"{name}, which Caffe is linked with, is not found on this machine")
        else:
            contents.files[f"{LIBRARIES}/{name}"] = path


def add_sources(contents, checkout):
    """Put our package and the benchmarks into a pack."""
    for top in ("python/amcaffe", "benchmarks"):
        for path in sorted((checkout / top).rglob("*.py")):
            contents.files[path.relative_to(checkout).as_posix()] = path


def add_pycaffe(contents, root, suffix):
    """Put pycaffe into a pack, for one Python.

    Args: root: the tree. suffix: of that Python's extension modules, as it has it in EXT_SUFFIX.
    Raises: BuildError: pycaffe is not built for it.
    """
    folder = root / "python/caffe"
    module = folder / f"_caffe{suffix}"
    if not module.is_file():
        raise BuildError(f"pycaffe is not built for that Python: there is no {module}")
    contents.files[f"{PYCAFFE}/{module.name}"] = module
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.is_file() and path.suffix not in NOT_PYCAFFE and place.parts[0] != "test":
            contents.files[f"{PYCAFFE}/{place.as_posix()}"] = path


def run_path(place):
    """The run path of a file of the pack: its libraries, then the machine's own."""
    up = "/".join([".."] * (len(Path(place).parts) - 1))
    return f"$ORIGIN/{up}/{LIBRARIES}:$ORIGIN/{up}/{THEIRS}"


def test_cases(sources):
    """Names of the test cases that C++ test files define, in order.

    Args: sources: texts.
    """
    found = re.findall(r"^(?:TYPED_)?TEST(?:_F)?\(\s*(\w+)\s*,", "\n".join(sources), re.MULTILINE)
    return list(dict.fromkeys(found))
