"""Features on their way: a memory-mapped matrix and a state file, until all rows are there."""

import json
import os
from pathlib import Path

import numpy as np

from amcaffe.data.files import atomic_write


class Partial:
    """Rows done so far of an (N, D) matrix, kept on disk.

    Args:
        stem: path; files are STEM.partial.npy and STEM.partial.json.
        shape: (N, D). signature: of all that the rows depend on; another one starts anew.
    Attributes:
        matrix: the memory map. done: rows done. unreadable: {row: reason}. seconds: spent.
    """

    def __init__(self, stem, shape, signature):
        self._matrix_path = Path(f"{stem}.partial.npy")
        self._state_path = Path(f"{stem}.partial.json")
        self._signature = signature
        self.done, self.unreadable, self.seconds = 0, {}, 0.0
        self.matrix = self._open(shape)
        if self.matrix is None:
            self.matrix = np.lib.format.open_memmap(
                self._matrix_path, mode="w+", dtype=np.float32, shape=shape
            )
            self.save()

    def _open(self, shape):
        """The matrix of an interrupted run of the same work, or None."""
        try:
            state = json.loads(self._state_path.read_text())
            if state["signature"] != self._signature:
                return None
            matrix = np.lib.format.open_memmap(self._matrix_path, mode="r+")
            if matrix.shape != shape or matrix.dtype != np.float32:
                return None
            done, seconds = int(state["done"]), float(state["seconds"])
            unreadable = {int(row): str(reason) for row, reason in state["unreadable"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError):
            return None
        self.done, self.seconds, self.unreadable = done, seconds, unreadable
        return matrix

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
        for path in (self._state_path, self._matrix_path):
            if path.exists():
                os.remove(path)
