"""bench.rounds, with implementations that do as they are told."""

import pytest

from bench import rounds
from bench.problem import LeftOut, Shape
from bench.rounds import Bench
from bench.worker import Failed

SHAPE = Shape(2, 3, 4)


class Fake:
    """kind: what happens: a number of turns before it dies, "out" or "dead"."""

    alive = []

    def __init__(self, kind, name, shape, device, environment):
        if kind == "out":
            raise LeftOut("not here")
        if kind == "dead":
            raise Failed("died at once")
        self.name, self.turns, self.outcome, self.facts = name, [], {}, {name: "ran"}
        self._left = kind
        Fake.alive.append(name)

    def turn(self):
        Fake.order.append(self.name)
        if len(self.turns) == self._left:
            raise Failed("ran out")
        figures = dict.fromkeys(("forward_ms", "backward_ms", "total_ms", "peak_bytes"), 1)
        self.turns.append(figures)

    def close(self):
        if self.name in Fake.alive:
            Fake.alive.remove(self.name)


@pytest.fixture
def measure(monkeypatch):
    """Rows by name of implementations {name: kind}, of which `b` is the reference."""
    monkeypatch.setattr(rounds, "Worker", Fake)
    monkeypatch.setattr(rounds, "PAUSE_SECONDS", 0)
    Fake.order = []

    def run(count, **kinds):
        told = []
        bench = Bench(kinds, "b", count, {}, lambda row: told.append(row.implementation))
        bench.measure("cpu", SHAPE)
        assert [row.implementation for row in bench.rows] == list(kinds)
        assert sorted(told) == sorted(kinds)  # each once
        assert Fake.alive == []
        return {row.implementation: row for row in bench.rows}

    return run


def test_turns_are_taken_pair_by_pair_and_each_goes_first(measure):
    rows = measure(2, a=9, b=9, c=9)
    assert "".join(Fake.order) == "baab" + "bccb"
    assert rows["a"].reference is rows["c"].reference is rows["b"]
    assert len(rows["a"].rounds) == 2 and len(rows["b"].turns) == 4


def test_what_is_left_out_or_dies_has_a_reason_and_the_rest_goes_on(measure):
    rows = measure(2, a=9, b="out", c="dead", d=1)
    assert rows["b"].missing == "left out: not here"
    assert rows["c"].missing == "died at once"
    assert rows["d"].missing == "ran out"
    assert rows["d"].reference is rows["a"]  # the first that runs
    assert len(rows["d"].rounds) == 1  # kept


def test_after_the_references_death_another_takes_its_place(measure):
    rows = measure(2, a=9, b=1, c=9, d=9)
    assert rows["b"].missing == "ran out" and len(rows["b"].turns) == 1
    assert len(rows["a"].rounds) == 1 and not rows["a"].missing
    assert rows["d"].reference is rows["c"] and len(rows["d"].rounds) == 2


def test_a_lone_implementation_is_measured_without_ratios(measure):
    rows = measure(3, a=9)
    assert len(rows["a"].turns) == 3 and rows["a"].ratio() is None
