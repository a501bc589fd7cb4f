"""metrics.csv: a line an iteration, written as training goes."""

import csv
import io
from pathlib import Path

from amcaffe.files import atomic_write

COLUMNS = ("iteration", "loss", "learning_rate", "images_per_second", "seconds")


class Metrics:
    """Appends to a CSV file; rows of iterations after `iteration` (to be done again) go.

    seconds: of training so far, summed over interrupted and resumed runs.
    loss: of the last row, None where there is none.
    """

    def __init__(self, path, iteration, extra_columns=()):
        self.columns = (*COLUMNS, *extra_columns)
        kept = [row for row in _read(path) if int(row["iteration"]) <= iteration]
        self.seconds = float(kept[-1]["seconds"]) if kept else 0.0
        self.loss = float(kept[-1]["loss"]) if kept else None
        buffer = io.StringIO()
        writer = self._writer(buffer)
        writer.writeheader()
        writer.writerows(kept)
        atomic_write(path, buffer.getvalue())
        self._file = open(path, "a", buffering=1, newline="", encoding="utf-8")
        self._append = self._writer(self._file)

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
        self._append.writerow({
            "iteration": iteration,
            "loss": f"{loss:.6g}",
            "learning_rate": f"{learning_rate:.6g}",
            "images_per_second": f"{images / seconds:.4g}",
            "seconds": f"{self.seconds:.3f}",
            **{name: f"{value:.6g}" for name, value in extra.items()},
        })


def _read(path):
    """Rows of an earlier run, up to the first that was cut short."""
    if not Path(path).exists():
        return []
    rows = []
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                int(row["iteration"]), float(row["seconds"]), float(row["loss"])
            except (KeyError, TypeError, ValueError):
                break
            rows.append(row)
    return rows
