"""Configure and compile a tree in its build folder, whole or for one more Python."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from amcaffe.build.configure import configure_options, drop_other_toolkit
from amcaffe.build.logged import LOG_NAME, logged
from amcaffe.errors import BuildError, TreeError
from amcaffe.host.advice import get_packages
from amcaffe.host.cmake_cache import read_cache
from amcaffe.host.pycaffe_binding import OURS, PYBIND11, choose_binding, require_pybind11
from amcaffe.host.toolchain import generator, require_cmake
from amcaffe.host.tree import MARK, require_tree

MKLDNN = "cmake/MKLDNN.cmake"
ALL_TESTS, OUR_TESTS = "all", "ours"
# Of Caffe's own tests, the one that launches kernels of libcaffe's, which a compiler may hide.
KERNEL_TEST = "im2col_kernel"


def our_tests(root):
    """Names, as BUILD_only_tests has them, of the gtests that the installer wrote into a tree."""
    return [
        path.stem[len("test_") :]
        for path in sorted(Path(root).glob("src/caffe/test/test_*.cpp"))
        if path.read_bytes().startswith(MARK)
    ]


def selected_tests(root, cuda):
    """What BUILD_only_tests is for OUR_TESTS. Args: as build has them."""
    return ",".join(our_tests(root) + [KERNEL_TEST] * bool(cuda.root))


def build(root, cuda, tests=None, defines=(), jobs=None, say=print, binding=None):
    """Configure and compile a tree in its build folder.

    Args:
        root: Caffe tree.
        cuda: toolchain.Cuda.
        tests: compile gtests too: ALL_TESTS, or OUR_TESTS for those of this package alone, and on
            a GPU build KERNEL_TEST.
        defines: further KEY=VALUE options for CMake; they win.
        jobs: compilers at a time; None: a processor each.
        say: function of one line.
        binding: PYBIND11, BOOST, or None: as choose_binding says.
    Returns: Path of the build folder.
    Raises:
        BuildError: with the first compiler error and the log's place.
        TreeError: it builds on a library that would first be downloaded; nothing is written.
    """
    root = require_tree(root).root
    _require_mkldnn(root)
    folder = root / "build"
    log = folder / LOG_NAME
    try:
        folder.mkdir(exist_ok=True)
        log.write_text("")
    except OSError as error:
        raise BuildError(
            f"cannot write {error.filename}: {error.strerror}",
            hint="build in a copy of the tree that you may write to",
        ) from None
    if not (root / ".amcaffe").exists():
        say(f"{root} is not patched (python -m amcaffe.install does); it is built as it is")
    say(cuda.reason if cuda.root else f"CPU-only: {cuda.reason}")
    cmake = require_cmake()
    binding = choose_binding(root, binding, say)
    options = configure_options(root, cuda, binding=binding)
    if tests:
        options["BUILD_only_tests"] = selected_tests(root, cuda) if tests == OUR_TESTS else ""
    options.update(define.split("=", 1) for define in defines)
    if drop_other_toolkit(root, options):
        say("configuring anew: it was configured with another CUDA toolkit, or with none")
    environment = _environment(root)
    _configure(cmake, root, folder, options, environment)
    if "pycaffe" not in _targets(cmake, folder):
        version = ".".join(map(str, sys.version_info[:2]))
        raise BuildError(
            f"CMake found no Boost.Python or no NumPy for this Python ({sys.executable})",
            found=f"Python {version}; details in {log}",
            expected="libboost_python of the same Python version, and numpy installed",
            hint=f"patch the tree and build with --binding {PYBIND11}, which needs neither; or use "
            "the distribution's python3 in a virtual environment; " + get_packages(),
        )
    targets = ["all"] + (["test.testbin"] if tests else [])
    _compile(cmake, folder, jobs, environment, "--target", *targets)
    # What --pycaffe-only made for this Python would be taken before the binding made now.
    _own_module(root).unlink(missing_ok=True)
    return folder


def _require_mkldnn(root):
    """Intel's fork runs scripts while it is configured that download, and then run, binaries."""
    folder = os.environ.get("MKLDNNROOT")
    if (root / MKLDNN).exists() and not Path(folder or root, "include/mkldnn.hpp").exists():
        raise TreeError(
            f"{root} is a Caffe of Intel's, which builds on MKL-DNN 0.x",
            found=f"no include/mkldnn.hpp in {folder}" if folder else "MKLDNNROOT is not set",
            expected="MKLDNNROOT=the folder of an installed MKL-DNN",
            hint="its own scripts (external/mkldnn) download one; this step runs no download",
        )


def build_pycaffe(root, jobs=None):
    """Compile pycaffe for the running Python, against a libcaffe that is built.

    The module lies beside those of other Pythons, in python/caffe, under a name
    that this one alone loads.

    Args:
        root: Caffe tree, built with pycaffe on pybind11.
        jobs: compilers at a time; None: a processor each.
    Returns: Path of the module.
    Raises: BuildError: the tree is not built so, or with the first compiler error.
    """
    root = require_tree(root).root
    found = read_cache(root).get("pycaffe_binding", "no build, or one without the option")
    if found != PYBIND11 or not (root / "build/pycaffe_flags.cmake").exists():
        raise BuildError(
            f"{root} is not built with pycaffe on pybind11, and its libcaffe may need a Python",
            found=f"pycaffe_binding = {found}",
            hint=f"first: python -m amcaffe.build {root} --binding {PYBIND11}",
        )
    require_pybind11()
    module = _own_module(root)
    folder = root / "build" / f"pycaffe{sysconfig.get_config_var('EXT_SUFFIX')}".replace(".so", "")
    folder.mkdir(exist_ok=True)
    (folder / LOG_NAME).write_text("")
    cmake = require_cmake()
    options = {
        "CMAKE_BUILD_TYPE": "Release",
        "Caffe_DIR": str(root / "build"),
        "PYTHON_EXECUTABLE": sys.executable,
    }
    if shutil.which("ccache"):
        options["CMAKE_CXX_COMPILER_LAUNCHER"] = "ccache"
    environment = _environment(root)
    _configure(cmake, root / OURS, folder, options, environment)
    _compile(cmake, folder, jobs, environment)
    return module


def _environment(root):
    """Variables with which ccache takes another tree's objects for this one's."""
    environment = dict(os.environ, CCACHE_NOHASHDIR="1")
    environment.setdefault("CCACHE_BASEDIR", str(root))
    return environment


def _configure(cmake, source, folder, options, environment):
    command = [cmake, "-S", str(source), "-B", str(folder)]
    if not (folder / "CMakeCache.txt").exists():
        command += ["-G", generator()]
    command += [f"-D{key}={value}" for key, value in options.items()]
    logged(command, environment, folder / LOG_NAME, "configuring")


def _compile(cmake, folder, jobs, environment, *targets):
    command = [cmake, "--build", str(folder), "--parallel", str(jobs or os.cpu_count())]
    logged([*command, *targets], environment, folder / LOG_NAME, "compiling")


def _own_module(root):
    return Path(root, "python/caffe", f"_caffe{sysconfig.get_config_var('EXT_SUFFIX')}")


def _targets(cmake, folder):
    done = subprocess.run(
        [cmake, "--build", str(folder), "--target", "help"], capture_output=True, text=True
    )
    return set(re.findall(r"[\w.]+", done.stdout))
