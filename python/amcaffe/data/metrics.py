"""metrics.csv: a line an iteration, written as training goes."""

import csv
import errno
import io
import os
from pathlib import Path

import numpy as np

from amcaffe.data.files import atomic_write
from amcaffe.errors import InputError

READ = ("iteration", "loss", "learning_rate", "images_per_second")
COLUMNS = (*READ, "seconds")
# MarginSoftmaxLoss's second top: means over a batch, of the cosine to a row's own class and to
# the best other one, and of whether the first is the larger.
STATISTICS = ("target_cosine", "best_other_cosine", "accuracy")
TRAIN_STATISTICS = tuple(f"train_{name}" for name in STATISTICS)


class Metrics:
    """Appends to a CSV file; rows of iterations after `iteration` (to be done again) go.

    seconds: of training so far, summed over interrupted and resumed runs.
    loss: of the last row, None where there is none.
    """

    def __init__(self, path, iteration, extra_columns=()):
        self.columns = (*COLUMNS, *extra_columns)
        kept = [row for row in _rows_of(path) if int(row["iteration"]) <= iteration]
        self.seconds = float(kept[-1]["seconds"]) if kept else 0.0
        self.loss = float(kept[-1]["loss"]) if kept else None
        buffer = io.StringIO()
        writer = self._writer(buffer)
        writer.writeheader()
        writer.writerows(kept)
        atomic_write(path, buffer.getvalue())
        self._path, self._line = path, io.StringIO()
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = open(os.open(path, flags), "wb", buffering=0)
        self._append = self._writer(self._line)

    def _writer(self, file):
        return csv.DictWriter(
            file, self.columns, restval="", extrasaction="ignore", lineterminator="\n"
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._file.close()

    def add(self, iteration, loss, learning_rate, images, seconds, extra):
        self.seconds += seconds
        self.loss = loss
        self._append.writerow(
            {
                "iteration": iteration,
                "loss": f"{loss:.6g}",
                "learning_rate": f"{learning_rate:.6g}",
                "images_per_second": f"{images / seconds:.4g}",
                "seconds": f"{self.seconds:.3f}",
                **{name: f"{value:.6g}" for name, value in extra.items()},
            }
        )
        line = self._line.getvalue().encode()
        self._line.seek(0)
        self._line.truncate()
        try:
            written = self._file.write(line)
        except OSError as error:
            raise InputError(f"cannot write {self._path}: {error.strerror}") from None
        if written < len(line):  # no line of it, and the next one would join what there is
            raise InputError(f"cannot write {self._path}: {os.strerror(errno.ENOSPC)}")


def _rows_of(path):
    """Rows of an earlier run, up to the first that was cut short."""
    if not Path(path).exists():
        return []
    rows = []
    with open(path, newline="", encoding="utf-8") as file:
        whole = [line for line in file if line.endswith("\n")]  # half a number reads as one
    for row in csv.DictReader(whole):
        try:
            int(row["iteration"]), float(row["seconds"]), float(row["loss"])
        except (KeyError, TypeError, ValueError):
            break
        rows.append(row)
    return rows


def read_metrics(path):
    """Read what a training step writes.

    Args: path: CSV with a header that names iteration, loss, learning_rate and images_per_second.
    Returns: {column: (N,) float64}, N at least 1: those, and TRAIN_STATISTICS where there are
        such; other columns are left out.
    Raises: InputError: names the file, and the line or column.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise InputError(f"cannot read the metrics {path}: {error.strerror}") from None
    if not rows:
        raise InputError(f"the metrics {path} hold no line of figures")
    lacking = [column for column in READ if column not in rows[0]]
    if lacking:
        raise InputError(
            f"{path}:1: the metrics lack {', '.join(lacking)}", found=", ".join(map(str, rows[0]))
        )
    columns = READ + tuple(column for column in TRAIN_STATISTICS if column in rows[0])
    table = np.empty((len(columns), len(rows)))
    for number, row in enumerate(rows):
        for k, column in enumerate(columns):
            try:
                table[k, number] = float(row[column])
            except (TypeError, ValueError):
                raise InputError(
                    f"{path}:{number + 2}: {column} is no number", found=repr(row[column])
                ) from None
    return dict(zip(columns, table))
