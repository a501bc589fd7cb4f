"""A CUDA toolkit out of PyPI's wheels: nvcc, cuBLAS, cuRAND, cuDNN and NCCL, without root.

The wheels scatter their files over several folders and bring libraries under
their run-time names only. A toolkit folder of symbolic links puts them where
compilers, CMake and the loader look.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from amcaffe.errors import BuildError
from amcaffe.host.resources import resource_dir
from amcaffe.host.toolchain import Cuda

NVCC = "nvidia-cuda-nvcc"
MACHINES = ("x86_64", "aarch64")  # that the wheels are made for, all on Linux
KINDS = ("bin", "include", "lib", "nvvm")


def required_wheels():
    """Names of the distributions that make a toolkit."""
    lines = (resource_dir("python/requirements") / "cuda.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def install_wheels(say=print):
    """Bring what is missing of the toolkit's wheels into this Python environment.

    Raises: BuildError: there are none for this machine, or pip failed.
    """
    missing = [name for name in required_wheels() if _distribution(name) is None]
    if not missing:
        return
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        raise BuildError(
            "--cuda pip: there are no wheels of the CUDA compiler for this machine",
            found=f"{sys.platform} on {platform.machine()}",
            expected="Linux on " + " or ".join(MACHINES),
            hint="install NVIDIA's toolkit and build with --cuda system",
        )
    say(f"taking {', '.join(missing)} from PyPI into {sys.prefix}: 2.4 GB once unpacked")
    command = [sys.executable, "-m", "pip", "install", *missing]
    say("$ " + " ".join(command))
    status = subprocess.run(command, stdin=subprocess.DEVNULL).returncode
    if status:
        raise BuildError(
            f"--cuda pip: pip could not install the CUDA wheels (status {status}; its reason is "
            "above)",
            hint="run this in a virtual environment with pip in it (python3 -m venv) and a way to "
            "PyPI, or bring these wheels into it yourself: " + " ".join(missing),
        )


def toolkit_links(folders):
    """The links that make one toolkit of the wheels' folders.

    Args: folders: folders that hold some of bin, include, lib and nvvm.
    Returns: dict of path in the toolkit to the text of a symbolic link.
    """
    links = {"lib64": "lib"}
    for folder in map(Path, folders):
        for kind in ("bin", "include", "lib"):
            # A link for each file: the linked programs look beside themselves for the rest.
            for path in sorted((folder / kind).glob("*")):
                links[f"{kind}/{path.name}"] = str(path)
                library = re.fullmatch(r"(lib.+\.so)\.[\d.]+", path.name)
                if kind == "lib" and library:
                    links[f"lib/{library[1]}"] = path.name  # what -lNAME looks for
        if (folder / "nvvm").exists():
            links["nvvm"] = str(folder / "nvvm")
    return links


def make_links(root, links):
    """Make a folder consist of these links, and of nothing else.

    Args:
        root: folder; where it holds something else it is made anew.
        links: as from toolkit_links.
    """
    root = Path(root)
    if root.is_dir() and _links_in(root) == links:
        return
    partial = root.with_name(f".{root.name}.partial")
    root.parent.mkdir(exist_ok=True)
    for stale in (partial, root):
        if stale.exists():
            shutil.rmtree(stale)
    for name, target in links.items():
        path = partial / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
    partial.rename(root)


def wheel_toolkit(say=print):
    """The toolkit of wheels, brought into this environment where it is missing.

    Its links lie beside the wheels, and not in a tree: CMake exports no folder of a tree's own.

    Args: say: function of one line.
    Returns: toolchain.Cuda with cuDNN and NCCL in it.
    Raises: BuildError: as install_wheels, or the folder cannot be written.
    """
    install_wheels(say)
    wheels = [_distribution(name) for name in required_wheels()]
    places = {
        wheel.locate_file(Path(*file.parts[:2]))
        for wheel in wheels
        for file in wheel.files or ()
        if len(file.parts) > 3 and file.parts[0] == "nvidia" and file.parts[2] in KINDS
    }
    nvcc = _distribution(NVCC)
    # In a folder of its version: another version is another toolkit for CMake.
    root = Path(nvcc.locate_file("amcaffe_cuda"), nvcc.version)
    try:
        make_links(root, toolkit_links(sorted(places)))
    except OSError as error:
        raise BuildError(f"cannot write {error.filename}: {error.strerror}") from None
    return Cuda(root, f"CUDA {nvcc.version} of PyPI's wheels, linked in {root}", has_nccl=True)


def _distribution(name):
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def _links_in(root):
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink():
                found[path.relative_to(root).as_posix()] = os.readlink(path)
            elif name in files:
                found[path.relative_to(root).as_posix()] = None
    return found
