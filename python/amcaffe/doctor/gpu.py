"""The GPU, its driver, and a CUDA toolkit to build with."""

import os
import re
import sys
from importlib import metadata
from pathlib import Path

from amcaffe.doctor.finding import ABSENT, NOTE, OK, Finding, first_line, output
from amcaffe.host.toolchain import find_cuda

# In a process of its own: a broken driver must not take the doctor with it.
_DRIVER = """
import ctypes
cuda = ctypes.CDLL("libcuda.so.1")
number, name = ctypes.c_int(), ctypes.create_string_buffer(100)
cuda.cuDriverGetVersion(ctypes.byref(number))
print(number.value // 1000, number.value % 1000 // 10)
assert cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(number)) == 0
for device in range(number.value):
    major, minor = ctypes.c_int(), ctypes.c_int()
    cuda.cuDeviceGetName(name, 100, device)
    cuda.cuDeviceGetAttribute(ctypes.byref(major), 75, device)
    cuda.cuDeviceGetAttribute(ctypes.byref(minor), 76, device)
    print(f"{name.value.decode()} (sm_{major.value}{minor.value})")
"""


def find_gpu():
    """Findings of driver, GPUs, toolkit, cuDNN, NCCL and the wheels of a toolkit."""
    cuda = find_cuda()
    return [*_driver(), *_toolkit(cuda), *_wheels()]


def _driver():
    told = (output(sys.executable, "-c", _DRIVER) or "").splitlines()
    if not told:
        module = Path("/proc/driver/nvidia/version")
        if module.exists():
            text = f"the kernel module is there ({module}), but libcuda.so.1 does not work"
            return [Finding(NOTE, "GPU driver", text)]
        return [Finding(ABSENT, "GPU driver", "a GPU build runs where there is one")]
    version = ".".join(told[0].split())
    gpus = ", ".join(told[1:]) or "no GPU"
    return [Finding(OK, "GPU driver", f"for CUDA {version}: {gpus}")]


def _toolkit(cuda):
    if cuda.root is None:
        return [Finding(ABSENT, "CUDA toolkit", cuda.reason)]
    told = output(cuda.root / "bin/nvcc", "--version") or ""
    release = re.search(r"release (\d+\.\d+)", told)
    version = release[1] if release else first_line(told)
    findings = [Finding(OK, "CUDA toolkit", f"{version} ({cuda.root})")]
    for name, header, macros in (
        ("cuDNN", "cudnn_version.h", ("CUDNN_MAJOR", "CUDNN_MINOR", "CUDNN_PATCHLEVEL")),
        ("NCCL", "nccl.h", ("NCCL_MAJOR", "NCCL_MINOR", "NCCL_PATCH")),
    ):
        found = next(
            (f for f in (folder / header for folder in _includes(cuda.root)) if os.path.isfile(f)),
            None,
        )
        if found is None:
            findings.append(Finding(ABSENT, name, f"no {header}: a build goes without it"))
            continue
        text = found.read_text("utf-8", "replace")
        parts = [re.search(rf"#\s*define\s+{macro}\s+(\d+)", text) for macro in macros]
        version = ".".join(part[1] for part in parts if part)
        findings.append(Finding(OK, name, f"{version} ({found})"))
    return findings


def _includes(root):
    return [
        root / "include",
        *sorted(root.glob("targets/*/include")),
        Path("/usr/include"),
        *sorted(Path("/usr/include").glob("*-linux-gnu")),
    ]


def _wheels():
    """CUDA's wheels in this Python, which `amcaffe.build --cuda pip` builds with."""
    found = {}
    for distribution in metadata.distributions():
        name = (distribution.metadata["Name"] or "").lower()
        if name.startswith("nvidia-"):
            found[name[len("nvidia-") :]] = distribution.version
    if not found:
        return [Finding(ABSENT, "CUDA wheels", "amcaffe.build --cuda pip brings them")]
    text = ", ".join(f"{name} {version}" for name, version in sorted(found.items()))
    return [Finding(OK, "CUDA wheels", text)]
