"""What a benchmark ran on, and the environment that gives each implementation the same of it."""

import os
import platform

from bench import gpu

# OpenBLAS's, OpenMP's (PyTorch's and others') and oneMKL's.
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
# Caffe's, which all implementations here go by.
_ALLOW_TF32 = "CAFFE_ALLOW_TF32"
# cuBLAS's and PyTorch's, which would have another say.
_OTHER_TF32 = ("NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE")


def environment(threads, out, tf32):
    """Variables of an implementation's process.

    Args: threads: of each. out: folder to keep compiled code in. tf32: products of floats may be
        of TF32's ten bits on a GPU.
    """
    return {
        **{name: value for name, value in os.environ.items() if name not in _OTHER_TF32},
        _ALLOW_TF32: str(int(tf32)),
        **dict.fromkeys(_THREADS, str(threads)),
        "GLOG_minloglevel": "2",  # Caffe's account of each layer is long
        "TORCHINDUCTOR_CACHE_DIR": str((out / "torchinductor").absolute()),
    }


def tf32_allowed():
    """Whether an implementation's process, in which this is called, may use TF32."""
    return os.environ.get(_ALLOW_TF32) == "1"


def facts(devices, threads, tf32):
    """dict of what is the same for all implementations."""
    found = {"CPU": f"{_processor()}, {threads} threads"}
    if "gpu" in devices:
        found["GPU"] = f"{gpu.name() or 'none'}, {'TF32' if tf32 else 'float'}"
    return {**found, "Python": platform.python_version()}


def _processor():
    try:
        with open("/proc/cpuinfo") as file:
            models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        models = []
    return models[0] if models else platform.machine()
