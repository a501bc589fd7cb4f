"""GPU number 0 through CUDA's driver, in the context that this process has there."""

import ctypes
import functools


@functools.cache
def _driver():
    return ctypes.CDLL("libcuda.so.1")


def call(function, *arguments):
    """A function of the driver by its name. Raises RuntimeError where it fails."""
    status = getattr(_driver(), function)(*arguments)
    if status:
        raise RuntimeError(f"{function} failed with CUDA error {status}")


def name():
    """Name of the first GPU; None: there is none, or no driver."""
    text, device = ctypes.create_string_buffer(100), ctypes.c_int()
    try:
        call("cuInit", 0)
        call("cuDeviceGet", ctypes.byref(device), 0)
        call("cuDeviceGetName", text, len(text), device)
    except (OSError, RuntimeError):
        return None
    return text.value.decode()


def synchronise():
    """Wait until the GPU has done all that it was given."""
    call("cuCtxSynchronize")


def memory_used():
    """Bytes in use on the GPU, of all processes."""
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
    return total.value - free.value


class Array:
    """Floats on the GPU, copied from a NumPy array; there until the process ends."""

    def __init__(self, values):
        self.address = ctypes.c_uint64()
        size = ctypes.c_size_t(values.nbytes)
        call("cuMemAlloc_v2", ctypes.byref(self.address), size)
        call("cuMemcpyHtoD_v2", self.address, ctypes.c_void_p(values.ctypes.data), size)
