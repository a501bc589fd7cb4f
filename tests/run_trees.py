"""Caffe trees of any origin through install, build, tests and uninstall: a Markdown table.

    python tests/run_trees.py upstream=../caffe ssd=../ssd \\
        --install-arg ssd:--as=Normalize=L2Normalize

Each tree is copied to build/trees/NAME, so that the given one is only read; the output of every
command is in build/trees/NAME.log. A second table names what the trees were compiled with.
Exit status: 0 where each tree is green or was refused before anything was written.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path

from run_gtests import CPU_ONLY, gpus

CHECKOUT = Path(__file__).absolute().parents[1]
REFUSED = 3  # exit status of amcaffe.errors.TreeError
NOT_COPIED = (".git", "build", ".build_release", ".build_debug")


@dataclass
class Outcome:
    """A tree's row: what each step came to; "-" where it was not reached."""

    tree: str
    install: str = "-"
    compile: str = "-"
    our_tests: str = "-"
    pycaffe_tests: str = "-"
    uninstall: str = "-"
    failed: bool = False

    def cells(self):
        return [getattr(self, field.name) for field in fields(self) if field.name != "failed"]


class Runner:
    """Runs commands for one tree, with their output in its log and a line a step on stderr."""

    def __init__(self, name, log):
        self.name, self.log = name, log
        paths = [CHECKOUT / "python", *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = dict(
            os.environ, PYTHONPATH=os.pathsep.join(map(str, paths)), GLOG_logtostderr="1"
        )
        log.write_text("")

    def run(self, title, command, folder=None):
        """Returns: (exit status, output)."""
        print(f"{self.name}: {title}", end=" ", file=sys.stderr, flush=True)
        start = time.monotonic()
        done = subprocess.run(
            list(map(str, command)), cwd=folder, env=self.environment, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        with open(self.log, "a") as file:
            file.write(f"$ {' '.join(map(str, command))}\n{done.stdout}")
        seconds = time.monotonic() - start
        print(f"(status {done.returncode}, {seconds:.0f} s)", file=sys.stderr, flush=True)
        return done.returncode, done.stdout

    def step(self, name, *arguments):
        return self.run(name, [sys.executable, "-m", f"amcaffe.{name}", *arguments])


def try_tree(name, source, folder, install=(), build=(), jobs=None, all_tests=False):
    """Copy, install, build, test and uninstall.

    Args:
        source: the tree; only read.
        folder: where the copy (NAME) and its log (NAME.log) go.
        install, build: further arguments of these steps.
        all_tests: compile and run Caffe's own gtests too.
    Returns: Outcome.
    """
    copy = folder / name
    shutil.rmtree(copy, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, copy, symlinks=True, ignore=_top_level(source, NOT_COPIED))
    runner, outcome = Runner(name, folder / f"{name}.log"), Outcome(name)
    before = snapshot(copy)

    status, output = runner.step("install", copy, *install)
    if status:
        untouched = snapshot(copy) == before
        refused = status == REFUSED and untouched
        outcome.install = ("refused: " if refused else "failed: ") + reason(output, copy)
        outcome.failed = not refused
        if not untouched:
            outcome.uninstall = "the tree was changed"
        return outcome
    outcome.install = "yes"
    installed = snapshot(copy)

    tests = "--tests" if all_tests else "--our-tests"
    arguments = [copy, "--cuda", "off", tests, "--no-register", *build]
    if jobs:
        arguments += ["--jobs", jobs]
    status, output = runner.step("build", *arguments)
    if status == REFUSED:
        outcome.compile = "refused: " + reason(output, copy)
    elif status:
        outcome.compile, outcome.failed = "failed: " + reason(output, copy, detail=True), True
    else:
        outcome.compile = "yes"
        outcome.our_tests, failed = gtests(runner, copy)
        outcome.pycaffe_tests, also = pycaffe_tests(runner, copy)
        outcome.failed = failed or also
    built = snapshot(copy)

    status, output = runner.step("install", copy, "--uninstall")
    if status:
        outcome.uninstall, outcome.failed = "failed: " + reason(output, copy), True
        return outcome
    after = snapshot(copy)
    made = built.keys() - installed.keys()  # by the build, which leaves more than its folder
    wrong = [path for path in before if after.get(path) != before[path]]
    wrong += after.keys() - before.keys() - made
    outcome.uninstall = f"{len(wrong)} files differ: {wrong[0]}" if wrong else "clean"
    outcome.failed |= bool(wrong)
    return outcome


def _top_level(source, names):
    def ignored(folder, entries):
        return names if Path(folder) == Path(source) else ()

    return ignored


def snapshot(root):
    """{path: digest of kind, mode and contents} of the files of a tree, its build folder apart."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if name.split("/")[0] == "build" or (path.is_dir() and not path.is_symlink()):
            continue
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        else:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[name] = f"{path.stat().st_mode:o} {digest}"
    return found


def reason(output, root, detail=False):
    """A failed step in one line: its own words, or (detail) the compiler's below them."""
    lines = output.splitlines()
    own = [number for number, line in enumerate(lines) if line.startswith("amcaffe ")]
    if not own:
        text = next(reversed(lines), "no output")
    else:
        text = lines[own[0]].split(": ", 1)[1]
        found = [line for line in lines[own[0] + 1 :] if line.lstrip().startswith("found:")]
        if detail and found:
            text = found[0].split("found:", 1)[1].strip()
    text = text.replace(f"{root}/", "").replace(f"{root}", "the tree")
    return text.replace("|", "\\|")


def gtests(runner, root):
    """Returns: (cell, failed)."""
    program = root / "build/test/test.testbin"
    status, output = runner.run("gtest", [program] + ([] if gpus() else [CPU_ONLY]), root)
    ran = re.search(r"\[=+\] (\d+) tests? .* ran", output)
    passed = re.search(r"\[  PASSED  \] (\d+) test", output)
    if not ran or not passed:
        last = next(reversed(output.splitlines()), "no output")
        return f"stopped: {last}", True
    cell = f"{passed[1]} of {ran[1]}"
    return cell, bool(status) or passed[1] != ran[1] or passed[1] == "0"


def pycaffe_tests(runner, root):
    """Returns: (cell, failed)."""
    command = [sys.executable, "-m", "unittest", "discover", "-s", "caffe/test"]
    status, output = runner.run("pycaffe", command, root / "python")
    ran = re.search(r"^Ran (\d+) tests?", output, re.MULTILINE)
    if not ran:
        last = next(reversed(output.splitlines()), "no output")
        return f"stopped: {last}", True
    bad = sum(map(int, re.findall(r"(?:failures|errors)=(\d+)", output)))
    return f"{int(ran[1]) - bad} of {ran[1]}", bool(status)


def toolchain(root):
    """{part: version} of what a configured tree is compiled with, read from its CMake cache."""
    cache = (root / "build/CMakeCache.txt").read_text(errors="replace")

    def entry(name):
        found = re.search(rf"^{name}:\w+=(.+)$", cache, re.MULTILINE)
        return found[1] if found else None

    def found_version(package):
        line = rf"^FIND_PACKAGE_MESSAGE_DETAILS_{package}:INTERNAL=.*\[v([\d.]+)"
        found = re.search(line, cache, re.MULTILINE)
        return found[1] if found else "?"

    def file_version(path, pattern):
        found = re.search(pattern, path.read_text(errors="replace")) if path.is_file() else None
        return found[1] if found else "?"

    def program_version(program, pattern):
        done = subprocess.run([program, "--version"], capture_output=True, text=True)
        found = re.search(pattern, done.stdout)
        return " ".join(found.groups()) if found else "?"

    compiler = program_version(entry("CMAKE_CXX_COMPILER"), r"(clang|[gc]\+\+).*?(\d+\.\d+\.\d+)")
    protoc = entry("PROTOBUF_PROTOC_EXECUTABLE") or entry("Protobuf_PROTOC_EXECUTABLE")
    opencv = Path(entry("OpenCV_DIR") or "/nowhere")
    glog = Path(entry("GLOG_LIBRARY") or "/nowhere/x").parent
    return {
        "compiler": re.sub(r"^[gc]\+\+", "GCC", compiler),
        "CMake": ".".join(
            entry(f"CMAKE_CACHE_{part}_VERSION") for part in ("MAJOR", "MINOR", "PATCH")
        ),
        "protobuf": program_version(protoc, r"libprotoc (\S+)") if protoc else "?",
        "OpenCV": file_version(opencv / "OpenCVConfig-version.cmake", r"OpenCV_VERSION (\S+?)\)"),
        "Boost": found_version("Boost"),
        "glog": file_version(glog / "pkgconfig/libglog.pc", r"Version: (\S+)"),
        "HDF5": found_version("HDF5"),
        "Python": program_version(entry("PYTHON_EXECUTABLE"), r"Python (\S+)"),
        "NumPy": found_version("NumPy"),
    }


def table(heads, rows):
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("trees", nargs="+", metavar="NAME=PATH", help="a Caffe source tree")
    parser.add_argument(
        "--install-arg", action="append", default=[], metavar="NAME:ARG",
        help="for `amcaffe install` of that tree",
    )  # fmt: skip
    parser.add_argument(
        "--build-arg", action="append", default=[], metavar="ARG", help="for each `amcaffe build`"
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="compilers at a time")
    parser.add_argument(
        "--all-tests", action="store_true", help="compile and run Caffe's own gtests too"
    )
    parser.add_argument(
        "--work", type=Path, default=CHECKOUT / "build/trees", metavar="DIR", help="for the copies"
    )
    options = parser.parse_intermixed_args()
    trees = dict(given.partition("=")[::2] for given in options.trees)
    for name, path in trees.items():
        if not re.fullmatch(r"[\w.-]+", name) or not Path(path).is_dir():
            parser.error(f"{name}={path}: expected NAME=PATH of a folder")
    extra = {name: [] for name in trees}
    for given in options.install_arg:
        name, _, argument = given.partition(":")
        if name not in extra:
            parser.error(f"--install-arg {given}: {name} is none of the trees")
        extra[name].append(argument)

    work, outcomes, parts = options.work.absolute(), [], {}
    for name, path in trees.items():
        outcome = try_tree(
            name, Path(path).absolute(), work, extra[name], options.build_arg,
            options.jobs, options.all_tests,
        )  # fmt: skip
        outcomes.append(outcome)
        if not parts and outcome.compile == "yes":
            parts = toolchain(work / name)
    tests = "Caffe's tests and ours" if options.all_tests else "our tests"
    heads = ["tree", "install", "compile", tests, "pycaffe's tests", "uninstall"]
    print(table(heads, [outcome.cells() for outcome in outcomes]))
    if parts:
        result = "; ".join(
            f"{one.tree}: {one.our_tests} gtests, {one.pycaffe_tests} of pycaffe's"
            for one in outcomes
            if one.compile == "yes"
        )
        print()
        print(table([*parts, "passed"], [[*parts.values(), result]]))
    return int(any(outcome.failed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
