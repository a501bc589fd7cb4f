""".npy files of other hands: looked at before anything is allocated, and never unpickled."""

import math
import os
import warnings

import numpy as np

from amcaffe.data.regular_files import open_regular
from amcaffe.errors import InputError

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def npy_shape(path, what, hint=None):
    """Shape of the array in a file, its values not read. Arguments and errors: read_npy."""
    with open_regular(path, what, hint) as file:
        return _read_header(path, file)[0]


def read_npy(path, what, hint=None):
    """Read an array of floats.

    Args:
        path: .npy file, its values in any byte order, rows or columns first.
        what: it is, and hint: what to do where it is not there, for errors.
    Returns: array of float16, float32 or float64, as the file has them.
    Raises: InputError: no such file, no .npy file, other values than floats, or more or fewer
        bytes than its header names.
    """
    with open_regular(path, what, hint) as file:
        shape, by_columns, dtype = _read_header(path, file)
        values = np.empty(shape[::-1] if by_columns else shape, dtype)
        if values.size and file.readinto(memoryview(values).cast("B")) != values.nbytes:
            raise InputError(f"{path} changed while it was read")
    return values.T if by_columns else values


def _read_header(path, file):
    """(shape, whether columns come first, dtype), of a file as long as they say."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            shape, by_columns, dtype = _HEADERS[np.lib.format.read_magic(file)](file)
    except Exception as error:  # the header is a literal of Python: whatever its parser raises
        raise InputError(f"{path} is no feature file", found=str(error)[:200]) from None
    if dtype.kind != "f" or dtype.itemsize > 8:
        raise InputError(f"{path} is no feature file", found=str(dtype)[:200], expected="floats")
    size = math.prod(shape) * dtype.itemsize
    rest = os.fstat(file.fileno()).st_size - file.tell()
    if size != rest or min(shape, default=0) < 0:
        raise InputError(
            f"{path} is no feature file: its header does not fit it",
            found=f"{rest} bytes of values",
            expected=f"{' x '.join(map(str, shape))[:200]} values of {dtype.itemsize} bytes",
            hint="was it cut short? Extract the features again",
        )
    return shape, by_columns, dtype
