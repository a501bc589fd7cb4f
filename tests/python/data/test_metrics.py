"""metrics.csv: what a row holds, and what goes on where a run was resumed."""

import csv
import resource

import pytest

from amcaffe.data.metrics import Metrics, read_metrics
from amcaffe.errors import InputError


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def add(metrics, iteration, images=12, seconds=0.5, **extra):
    metrics.add(iteration, 2.0, 0.1, images, seconds, extra)


def test_a_row_has_the_images_of_a_second_and_the_seconds_so_far(tmp_path):
    with Metrics(tmp_path / "m.csv", 0, ["accuracy"]) as metrics:
        add(metrics, 1, seconds=0.25, accuracy=0.75)
        add(metrics, 2, images=6, seconds=4)
    found = rows(tmp_path / "m.csv")
    assert [row["images_per_second"] for row in found] == ["48", "1.5"]
    assert [row["seconds"] for row in found] == ["0.250", "4.250"]
    assert [row["accuracy"] for row in found] == ["0.75", ""]
    assert metrics.seconds == 4.25


def test_a_resumed_run_counts_on_from_the_seconds_of_the_rows_that_stay(tmp_path):
    with Metrics(tmp_path / "m.csv", 0) as metrics:
        for iteration in range(1, 5):
            add(metrics, iteration, seconds=10)
    with Metrics(tmp_path / "m.csv", 3) as metrics:
        assert (metrics.seconds, metrics.loss) == (30, 2)  # the fourth is to be done again
        add(metrics, 4, seconds=1)
    assert [float(row["seconds"]) for row in rows(tmp_path / "m.csv")] == [10, 20, 30, 31]
    with Metrics(tmp_path / "m.csv", 0) as metrics:
        assert (metrics.seconds, metrics.loss) == (0, None)
    assert rows(tmp_path / "m.csv") == []


@pytest.mark.parametrize("cut", [1, 3, 12])
def test_a_row_that_was_cut_short_does_not_stay(tmp_path, cut):
    with Metrics(tmp_path / "m.csv", 0) as metrics:
        add(metrics, 1)
        add(metrics, 2)
    whole = (tmp_path / "m.csv").read_bytes()
    (tmp_path / "m.csv").write_bytes(whole[:-cut])
    with Metrics(tmp_path / "m.csv", 2) as metrics:
        assert metrics.seconds == 0.5


def test_a_disk_that_fills_up_is_told_by_name_and_the_lines_before_it_are_read(tmp_path):
    path = tmp_path / "metrics.csv"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Metrics(path, 0) as metrics:
        metrics.add(1, 0.5, 0.1, 64, 2.0, {})
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5, limits[1]))
        try:
            with pytest.raises(InputError, match="cannot write .*metrics.csv: "):
                metrics.add(2, 0.25, 0.1, 64, 2.0, {})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with Metrics(path, 1) as metrics:
        assert metrics.loss == 0.5
        metrics.add(2, 0.25, 0.1, 64, 2.0, {})
    assert read_metrics(path)["loss"].tolist() == [0.5, 0.25]
