"""What a progress bar writes where there is no terminal to draw it on."""

import pytest

from amcaffe import progress
from amcaffe.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when they are added."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_says_how_far_it_is_counted_from_where_it_went_on(clock, capsys):
    with Progress("training", 200, "it", initial=50) as bar:
        bar.update(1, loss=2.0)
        clock[0] += 16
        bar.update(3, loss=1.23456, lr="0.1")
        bar.update(2, loss=9.0)  # too soon for another
        clock[0] += 16
        bar.update(44)
    assert capsys.readouterr().err.splitlines() == [
        "training: 54/200 it, loss 1.235, lr 0.1",
        "training: 100/200 it",
    ]
