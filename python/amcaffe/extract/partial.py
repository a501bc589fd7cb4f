"""Features on their way: a memory-mapped matrix and a state file, until all rows are there."""

import io
import json
import math
import os
from pathlib import Path

import numpy as np

from amcaffe.data.files import atomic_write, reserve

_OPENED = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # never what a link leads to


class Partial:
    """Rows done so far of an (N, D) matrix, kept on disk.

    Args:
        stem: path; files are STEM.partial.npy and STEM.partial.json.
        shape: (N, D). signature: of all that the rows depend on; another one starts anew.
    Attributes:
        matrix: the memory map. done: rows done. unreadable: {row: reason}. seconds: spent.
        matrix_path: its file, which numpy.load reads.
    Raises: InputError: the disk has no room for the matrix; nothing is left then.
    """

    def __init__(self, stem, shape, signature):
        self.matrix_path = Path(f"{stem}.partial.npy")
        self._state_path = Path(f"{stem}.partial.json")
        self._signature = signature
        self.done, self.unreadable, self.seconds = 0, {}, 0.0
        self.matrix = self._open(shape)
        if self.matrix is None:
            self.remove()
            self.matrix = self._new(shape)
            self.save()

    def _open(self, shape):
        """The matrix of an interrupted run of the same work, or None."""
        try:
            state = json.loads(self._state_path.read_text())
            if state["signature"] != self._signature:
                return None
            done, seconds = int(state["done"]), float(state["seconds"])
            unreadable = {int(row): str(reason) for row, reason in state["unreadable"].items()}
            if not (0 <= done <= shape[0] and all(0 <= row < done for row in unreadable)):
                return None
            with open(os.open(self.matrix_path, _OPENED), "r+b") as file:
                np.lib.format.read_magic(file)
                found = np.lib.format.read_array_header_1_0(file)
                size = file.tell() + 4 * math.prod(shape)
                if found != (shape, False, np.float32) or os.fstat(file.fileno()).st_size != size:
                    return None
                reserve(file.fileno(), self.matrix_path, size)  # it may have been copied sparsely
                matrix = np.memmap(file, np.float32, "r+", file.tell(), shape)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError):
            return None
        self.done, self.seconds, self.unreadable = done, seconds, unreadable
        return matrix

    def _new(self, shape):
        """A matrix of zeros, for all of which the disk has room."""
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f4", "fortran_order": False, "shape": shape}
        )
        descriptor = os.open(self.matrix_path, _OPENED | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with open(descriptor, "r+b") as file:
                size = header.tell() + 4 * math.prod(shape)
                reserve(file.fileno(), self.matrix_path, size)
                file.write(header.getvalue())
                return np.memmap(file, np.float32, "r+", header.tell(), shape)
        except BaseException:
            self.remove()
            raise

    def save(self):
        """Rows first, then the count of them: what the state says is on disk, is."""
        self.matrix.flush()
        atomic_write(
            self._state_path,
            json.dumps(
                {
                    "signature": self._signature,
                    "done": self.done,
                    "seconds": self.seconds,
                    "unreadable": self.unreadable,
                }
            ),
        )

    def remove(self):
        self.matrix = None
        for path in (self._state_path, self.matrix_path):
            path.unlink(missing_ok=True)
