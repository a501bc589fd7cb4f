import os

import numpy as np
import pytest

from amcaffe.data.npy import npy_shape, read_npy
from amcaffe.errors import InputError

MATRIX = np.arange(12, dtype=np.float64).reshape(3, 4)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f2"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_arrays_of_floats_are_read_in_any_order(tmp_path, dtype, order, version):
    array = np.array(MATRIX, dtype, order=order)
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array(file, array, version)
    found = read_npy(tmp_path / "a.npy", "array")
    assert found.dtype == array.dtype and np.array_equal(found, MATRIX)
    assert npy_shape(tmp_path / "a.npy", "array") == (3, 4)


def header(shape, descr="<f4", order="False"):
    text = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    text += b" " * (53 - len(text) % 64 % 53) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    "content",
    [
        header("(1000000000000, 128)"),
        header(f"({2**62}, {2**62})"),
        header("(-1, 4)") + bytes(16),
        header("(3, 4)") + bytes(47),
        header("(3, 4)") + bytes(49),
        header("(3, 4)", "|O") + bytes(96),
        header("(3, 4)", [("a", "<f4")]) + bytes(48),
        header("(3, 4)", "<i4") + bytes(48),
        header("(3, 4)", "<c8") + bytes(96),
        header("(" * 500 + ")" * 500),
        header("3"),
        header("(3, 4), 'more': 1"),
        b"\x93NUMPY\x03\x00" + header("(3, 4)")[8:],
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff{",
        b"PK\x03\x04",
        b"",
    ],
)
def test_what_is_no_array_of_floats_is_refused_before_its_values_are_read(tmp_path, content):
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(InputError, match="a.npy is no feature file"):
        read_npy(path, "array")
    with pytest.raises(InputError, match="a.npy is no feature file"):
        npy_shape(path, "array")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.npy")
    with pytest.raises(InputError, match="a pipe or a device"):
        read_npy(tmp_path / "a.npy", "array")
