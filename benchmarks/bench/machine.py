"""What a benchmark ran on, and the environment that gives each implementation the same of it."""

import os
import platform

from bench import gpu

# OpenBLAS's, OpenMP's (PyTorch's and others') and oneMKL's.
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
# cuBLAS's, Caffe's and PyTorch's: without them all three multiply floats as floats.
_TF32 = ("NVIDIA_TF32_OVERRIDE", "CAFFE_ALLOW_TF32", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE")


def environment(threads, out):
    """Variables of an implementation's process.

    Args: threads: of each. out: folder to keep compiled code in.
    """
    return {
        **{name: value for name, value in os.environ.items() if name not in _TF32},
        **dict.fromkeys(_THREADS, str(threads)),
        "GLOG_minloglevel": "2",  # Caffe's account of each layer is long
        "TORCHINDUCTOR_CACHE_DIR": str((out / "torchinductor").absolute()),
    }


def facts(devices, threads):
    """dict of what is the same for all implementations."""
    found = {"CPU": f"{_processor()}, {threads} threads"}
    if "gpu" in devices:
        found["GPU"] = gpu.name() or "none"
    return {**found, "Python": platform.python_version()}


def _processor():
    try:
        with open("/proc/cpuinfo") as file:
            models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        models = []
    return models[0] if models else platform.machine()
