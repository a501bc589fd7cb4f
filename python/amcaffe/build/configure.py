"""What CMake is told of a tree: its options, and the CUDA toolkit."""

import shutil
import sys
from pathlib import Path

from amcaffe.errors import BuildError
from amcaffe.host.cmake_cache import read_cache
from amcaffe.host.cuda_wheels import wheel_toolkit
from amcaffe.host.pycaffe_binding import PYBIND11
from amcaffe.host.toolchain import Cuda, find_cuda
from amcaffe.host.tree import require_tree

CUDA_MODULE = "cmake/amcaffe_cuda.cmake"

TOOLKIT = "CUDA_TOOLKIT_ROOT_DIR"


def configure_options(root, cuda, python=sys.executable, binding=PYBIND11):
    """CMake's -D options for a tree.

    Args:
        root: Caffe tree.
        cuda: toolchain.Cuda; without a root the build is CPU-only.
        python: interpreter that pycaffe is built for.
        binding: what pycaffe is made with, PYBIND11 or BOOST.
    Returns: dict of str to str.
    """
    options = {
        "CMAKE_BUILD_TYPE": "Release",
        "BLAS": "Open",
        "BUILD_docs": "OFF",
        "BUILD_python": "ON",  # a tree may have it off, as OpenPose's does
        "python_version": "3",
        "PYTHON_EXECUTABLE": python,
        "pycaffe_binding": binding,
        "CPU_ONLY": "OFF" if cuda.root else "ON",
        # A tree of 2020 states CMake 2.8; CMake 4 asks for at least 3.5.
        "CMAKE_POLICY_VERSION_MINIMUM": "3.5",
    }
    launchers = ["CMAKE_CXX_COMPILER_LAUNCHER"]
    if cuda.root:
        options[TOOLKIT] = str(cuda.root)
        if cuda.has_nccl:
            options["USE_NCCL"] = "ON"
        launchers.append("CMAKE_CUDA_COMPILER_LAUNCHER")
    if shutil.which("ccache"):
        options.update(dict.fromkeys(launchers, "ccache"))
    return options


def choose_cuda(choice, root, say=print):
    """The toolkit that a choice of --cuda stands for.

    Args:
        choice: auto, pip, system or off; auto keeps to the toolkit of the tree's last build.
        root: Caffe tree.
    Returns: toolchain.Cuda.
    Raises: BuildError: the toolkit asked for cannot be had.
    """
    if choice == "off":
        return Cuda(None, "as asked")
    if choice == "pip":
        return wheel_toolkit(say)
    before = read_cache(root).get(TOOLKIT)
    if choice == "auto" and before and Path(before, "bin/nvcc").exists():
        return Cuda(Path(before), f"CUDA toolkit in {before}, as before")
    cuda = find_cuda()
    if cuda.root is None and choice == "system":
        raise BuildError(
            f"--cuda system: {cuda.reason}",
            hint="set CUDA_HOME to a toolkit, or take one from PyPI with --cuda pip",
        )
    if cuda.root is None:
        return Cuda(None, f"{cuda.reason} (--cuda pip takes one from PyPI)")
    return cuda


def drop_other_toolkit(root, options):
    """Have CMake forget the paths that it found in another toolkit; True where there was one."""
    cache = read_cache(root)
    if not cache or cache.get(TOOLKIT) == options.get(TOOLKIT):
        return False
    (root / "build/CMakeCache.txt").unlink()
    shutil.rmtree(root / "build/CMakeFiles", ignore_errors=True)
    return True


def architectures(root, names):
    """What --cuda-arch is for CMake: a list of one define, or of none.

    Args: names: as CMake has them, commas between, or None.
    Raises: BuildError: the tree is not patched, so that nothing in it would heed them.
    """
    if not names:
        return []
    if not (require_tree(root).root / CUDA_MODULE).exists():
        raise BuildError(
            f"--cuda-arch needs {CUDA_MODULE} in the tree, which is not patched",
            hint=f"python -m amcaffe.install {root}, or -D CUDA_ARCH_NAME=Manual "
            "-D CUDA_ARCH_BIN=..., as the tree has it",
        )
    return [f"CMAKE_CUDA_ARCHITECTURES={names.replace(',', ';')}"]
