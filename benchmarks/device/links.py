"""The machine's own libraries of NVIDIA's, where a pack's programs look for them."""

import os
import re
import subprocess
import sys
from pathlib import Path

THEIRS = "lib/theirs"  # in a pack: the links, which are made on the machine
# What PyTorch brings to a machine with a GPU, too, and is hundreds of megabytes.
ON_THE_MACHINE = re.compile(
    r"lib(cublas|cublasLt|curand|cudnn|cudnn_\w+|nccl|nvrtc|nvrtc-builtins|nvJitLink)\.so(\.\d+)*"
)


def folders(environment=os.environ, path=tuple(sys.path)):
    """Folders that may hold libraries, the likeliest first.

    This Python's packages come before the system's: PyTorch's are of one make.
    """
    found = [folder for top in path for folder in sorted(Path(top or ".").glob("nvidia/*/lib"))]
    found += map(Path, filter(None, environment.get("LD_LIBRARY_PATH", "").split(os.pathsep)))
    if environment.get("CUDA_HOME"):
        found += [Path(environment["CUDA_HOME"], name) for name in ("lib64", "lib")]
    found += [path.parent for path in _cached()]
    found += [Path("/usr/local/cuda/lib64")]
    return list(dict.fromkeys(folder for folder in found if folder.is_dir()))


def _cached():
    """Libraries of NVIDIA's that the system's loader knows."""
    try:
        text = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True).stdout
    except OSError:
        return []
    return map(Path, re.findall(r"lib(?:cublas|curand|cudnn|nccl)\.so\S* .*=> (/\S+)", text))


def link(needed, place, places):
    """Link what a pack needs of the machine, and what lies beside it, into one folder.

    cuDNN and cuBLAS load further libraries by name while they run, from where they lie themselves.

    Args: needed: names. place: the folder, which is made. places: folders, the likeliest first.
    Returns: {name: Path} of those found, and the names of the others.
    """
    place.mkdir(parents=True, exist_ok=True)
    found, missing = {}, []
    for name in needed:
        folder = next((folder for folder in places if (folder / name).exists()), None)
        if folder is None:
            missing.append(name)
            continue
        found[name] = folder / name
        for library in sorted(folder.glob("lib*.so*")):
            ours = place / library.name
            if ON_THE_MACHINE.fullmatch(library.name) and not ours.is_symlink():
                ours.symlink_to(library.absolute())
    return found, missing
