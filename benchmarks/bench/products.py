"""The three matrix products of the head and nothing else, by the BLAS that Caffe is linked with.

    forward    S = u W^T                 u: (batch, dim), W: (classes, dim), S: (batch, classes)
    backward   dU = G W,  dW = G^T u     G: (batch, classes)

No implementation in float that stores the weight's gradient can take less time, without another
way to multiply. S is used as G: only its shape matters. The arrays are made beforehand.
"""

import ctypes
import functools

import numpy as np

from bench import gpu
from bench.caffe_heads import import_caffe, linked_library
from bench.machine import tf32_allowed
from bench.problem import LeftOut, fill


class Products:
    """name: "products"."""

    def __init__(self, name, shape, device):
        library = linked_library(import_caffe(device))
        self._blas = (_CuBlas if device == "gpu" else _CpuBlas)(library)
        weight = np.empty((shape.classes, shape.dim), np.float32)
        feature, _ = fill(weight, shape)
        hold = self._blas.hold
        self.feature, self.weight = hold(feature), hold(weight)
        self.logits = hold(np.zeros((shape.batch, shape.classes), np.float32))
        self.feature_gradient, self.weight_gradient = (
            hold(np.zeros_like(array)) for array in (feature, weight)
        )
        self._shape = shape

    def clear(self):
        """Nothing: the products overwrite."""

    def forward(self):
        n, d, c = self._shape.batch, self._shape.dim, self._shape.classes
        self._blas.gemm("TN", (c, n, d), self.weight, d, self.feature, d, self.logits, c)
        self._blas.wait()

    def backward(self):
        n, d, c = self._shape.batch, self._shape.dim, self._shape.classes
        self._blas.gemm("NN", (d, n, c), self.weight, d, self.logits, c, self.feature_gradient, d)
        self._blas.gemm("NT", (d, c, n), self.feature, d, self.logits, c, self.weight_gradient, d)
        self._blas.wait()

    def outcome(self):
        return {}

    def facts(self):
        return self._blas.facts()


class _CpuBlas:
    """Column-major float products of NumPy arrays."""

    _COLUMN_MAJOR, _OPERATIONS = 102, {"N": 111, "T": 112}

    def __init__(self, library):
        try:
            self._gemm = library.cblas_sgemm
        except AttributeError:
            raise LeftOut("libcaffe is linked with no library that has cblas_sgemm") from None
        self._library = library

    def hold(self, array):
        return array

    def gemm(self, operations, sizes, a, a_rows, b, b_rows, c, c_rows):
        self._gemm(
            self._COLUMN_MAJOR, *(self._OPERATIONS[letter] for letter in operations), *sizes,
            ctypes.c_float(1), _pointer(a), a_rows, _pointer(b), b_rows,
            ctypes.c_float(0), _pointer(c), c_rows,
        )  # fmt: skip

    def wait(self):
        """Nothing: they are done."""

    def facts(self):
        try:
            threads = self._library.openblas_get_num_threads()
        except AttributeError:  # another BLAS, which reads the same variables
            return {"BLAS": library_of(self._gemm)}
        return {"BLAS": f"{library_of(self._gemm)}, {threads} threads"}


class _CuBlas:
    """Column-major float products of arrays on the GPU."""

    _OPERATIONS, _TF32 = {"N": 0, "T": 1}, 3

    def __init__(self, library):
        try:
            create, self._gemm = library.cublasCreate_v2, library.cublasSgemm_v2
        except AttributeError:
            raise LeftOut("libcaffe is not linked with cuBLAS") from None
        self._handle = ctypes.c_void_p()
        _check("cublasCreate", create(ctypes.byref(self._handle)))
        if tf32_allowed():
            _check("cublasSetMathMode", library.cublasSetMathMode(self._handle, self._TF32))

    def hold(self, array):
        return gpu.Array(array)

    def gemm(self, operations, sizes, a, a_rows, b, b_rows, c, c_rows):
        one, zero = ctypes.c_float(1), ctypes.c_float(0)
        status = self._gemm(
            self._handle, *(self._OPERATIONS[letter] for letter in operations), *sizes,
            ctypes.byref(one), a.address, a_rows, b.address, b_rows,
            ctypes.byref(zero), c.address, c_rows,
        )  # fmt: skip
        _check("cublasSgemm", status)

    def wait(self):
        gpu.synchronise()

    def facts(self):
        return {"BLAS on the GPU": library_of(self._gemm)}


def _pointer(array):
    return ctypes.c_void_p(array.ctypes.data)


def _check(function, status):
    if status:
        raise RuntimeError(f"{function} failed with status {status}")


class _Location(ctypes.Structure):
    _fields_ = [
        ("file", ctypes.c_char_p), ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p), ("address", ctypes.c_void_p),
    ]  # fmt: skip


@functools.cache
def _dladdr():
    return ctypes.CDLL(None).dladdr


def library_of(function):
    """File name of the library that a ctypes function lies in, links followed."""
    from pathlib import Path

    location = _Location()
    if not _dladdr()(ctypes.cast(function, ctypes.c_void_p), ctypes.byref(location)):
        return "unknown"
    return Path(location.file.decode()).resolve().name
