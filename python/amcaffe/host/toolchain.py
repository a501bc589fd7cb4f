"""What this machine builds a Caffe tree with: CMake, a generator, ccache, a CUDA toolkit."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from amcaffe.errors import BuildError
from amcaffe.host.advice import get_packages

# What Caffe's CUDA build includes and links, beside nvcc itself.
CUDA_HEADERS = ("cuda_runtime.h", "cublas_v2.h", "curand.h")
CUDA_LIBRARIES = ("libcudart.so", "libcublas.so", "libcurand.so")


@dataclass(frozen=True)
class Cuda:
    """A CUDA toolkit, or the reason why there is none to build with.

    root: folder of bin/nvcc, include and lib64 or lib; None without a usable toolkit.
    reason: one sentence: which toolkit, or what is missing.
    has_nccl: NCCL lies in it, too.
    """

    root: Optional[Path]
    reason: str
    has_nccl: bool = False


def find_cuda(environment=os.environ):
    """The CUDA toolkit of $CUDA_HOME, else $CUDA_PATH, nvcc on the PATH or /usr/local/cuda."""
    candidates = [
        Path(environment[name]) for name in ("CUDA_HOME", "CUDA_PATH") if environment.get(name)
    ]
    nvcc = shutil.which("nvcc", path=environment.get("PATH"))
    if nvcc:
        candidates.append(Path(nvcc).resolve().parent.parent)
    candidates.append(Path("/usr/local/cuda"))
    incomplete = []
    for root in candidates:
        if not (root / "bin/nvcc").exists():
            continue
        missing = [name for name in CUDA_HEADERS if not _in(root, ("include",), name)]
        missing += [name for name in CUDA_LIBRARIES if not _in(root, ("lib64", "lib"), name)]
        if not missing:
            return Cuda(root, f"CUDA toolkit in {root}", _in(root, ("include",), "nccl.h"))
        incomplete.append(f"{root} has nvcc, but lacks {', '.join(missing)}")
    return Cuda(None, incomplete[0] if incomplete else "no CUDA toolkit found")


def _in(root, folders, name):
    places = [root / folder for folder in folders]
    places += [
        place for target in root.glob("targets/*") for place in (target / f for f in folders)
    ]
    return any((place / name).exists() for place in places)


def require_cmake():
    """Path of cmake.

    Raises: BuildError: there is none.
    """
    cmake = shutil.which("cmake")
    if cmake is None:
        raise BuildError("cmake is not installed", hint=get_packages() + ", or: pip install cmake")
    return cmake


def generator():
    """CMake's name of the build tool: Ninja where it is present, else make.

    Raises: BuildError: neither is there.
    """
    if shutil.which("ninja"):
        return "Ninja"
    if shutil.which("make"):
        return "Unix Makefiles"
    raise BuildError("neither ninja nor make is installed", hint=get_packages())
