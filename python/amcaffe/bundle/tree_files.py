"""What of a built Caffe tree goes into a bundle: its programs, its tests and their data."""

from dataclasses import dataclass, field
from pathlib import Path

from amcaffe.bundle.elf import is_elf
from amcaffe.errors import BuildError, TreeError

# The folders that Caffe's C++ tests read, as they name them from the tree's root.
TEST_DATA = ("src/caffe/test/test_data", "examples/images")
TEST_PROGRAMS = ("test.testbin", "test_all.testbin")  # CMake's name, make's name


@dataclass
class TreeFiles:
    """files: {place in the bundle: file of the tree}; tests: place of the test program, or None."""

    files: dict[str, Path] = field(default_factory=dict)
    tests: str = None


def collect_tree(root):
    """The TreeFiles of a built tree.

    Raises: TreeError: not a folder. BuildError: it is not built.
    """
    root = Path(root)
    if not root.is_dir():
        raise TreeError(
            f"{root} is not a folder", expected="a built Caffe tree", hint="set $CAFFE_ROOT to one"
        )
    result = TreeFiles()
    tools = root / "build/tools"
    for path in sorted(tools.iterdir()) if tools.is_dir() else ():
        # make leaves each program under two names: x.bin, and the link x.
        if path.is_file() and path.suffix == "" and is_elf(path):
            result.files[f"bin/{path.name}"] = path
    missing = [
        str(path)
        for path, there in (
            (tools / "caffe", "bin/caffe" in result.files),
            (root / "python/caffe", any((root / "python/caffe").glob("_caffe*.so"))),
        )
        if not there
    ]
    if missing:
        raise BuildError(
            f"{root} is not built: there is no {', no '.join(missing)}"
            + (" with a _caffe*.so" if "python" in missing[-1] else ""),
            hint=f"python -m amcaffe.build {root}",
        )
    _collect_tests(root, result)
    return result


def _collect_tests(root, result):
    programs = [root / "build/test" / name for name in TEST_PROGRAMS]
    program = next((path for path in programs if path.is_file()), None)
    if program is None:
        return
    result.tests = f"tests/{program.name}"
    result.files[result.tests] = program
    for folder in TEST_DATA:
        for path in sorted((root / folder).glob("*")):
            if path.is_file():
                result.files[f"tests/{folder}/{path.name}"] = path


def relocated(data, root):
    """A test program or list of files whose compiled-in paths start at the working directory.

    Some trees' CMake compiles their own absolute place in; others' paths are relative already.
    Each path keeps its length, as a string in a program has to: the root becomes "." and
    slashes, of which a run counts as one.

    Args: data: bytes; root: the tree's absolute path.
    """
    prefix = str(root).encode().rstrip(b"/")
    return data.replace(prefix + b"/", b"." + b"/" * len(prefix))
