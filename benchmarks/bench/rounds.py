"""Implementations that take turns: the rows of a benchmark, as they are measured."""

import contextlib
import time

from bench.problem import LeftOut
from bench.table import Row
from bench.worker import Failed, Worker

# The threads of a BLAS wait for more work before they sleep, and would take the next turn's time.
PAUSE_SECONDS = 0.05


class Bench:
    """rows: of bench.table, for all that was asked for. facts: dict of what ran it.

    Args:
        implementations: {name: class of bench.worker.Worker}, in the order of the rows.
        reference: the name that the others take turns with; where it does not run, the first
            that does.
        rounds: of each pair.
        environment: of the implementations' processes.
        told: function of a Row, called when it has its figures or the reason for none.
    """

    def __init__(self, implementations, reference, rounds, environment, told):
        self.rows, self.facts = [], {}
        self._kinds, self._reference = implementations, reference
        self._count, self._environment, self._told = rounds, environment, told

    def measure(self, device, shape):
        """Add the rows of one shape."""
        rows = {name: Row(device, shape, name) for name in self._kinds}
        self.rows += rows.values()
        reference = None
        with contextlib.ExitStack() as processes:
            for name in sorted(rows, key=lambda name: name != self._reference):
                worker = self._start(rows[name], processes)
                if worker is None or reference is None:
                    reference = reference or worker
                    continue
                with contextlib.closing(worker):
                    self._take_turns(rows[reference.name], reference, rows[name], worker)
                self._told(rows[name])
                if rows[reference.name].missing:
                    self._told(rows[reference.name])
                    reference.close()
                    reference = None
            if reference is not None:
                if not reference.turns:
                    self._alone(rows[reference.name], reference)
                self._told(rows[reference.name])

    def _start(self, row, processes):
        """Worker of a row; None: it cannot run, and the row says why."""
        try:
            worker = Worker(
                self._kinds[row.implementation], row.implementation, row.shape, row.device,
                self._environment,
            )  # fmt: skip
        except (LeftOut, Failed) as reason:
            row.missing = f"left out: {reason}" if isinstance(reason, LeftOut) else str(reason)
            self._told(row)
            return None
        processes.callback(worker.close)
        row.turns, row.outcome = worker.turns, worker.outcome
        self.facts.update(worker.facts)
        return worker

    def _take_turns(self, first, reference, row, worker):
        row.reference = first
        for number in range(self._count):
            pair = [(first, reference), (row, worker)]
            for owner, process in pair if number % 2 == 0 else pair[::-1]:
                if not _turn(owner, process):
                    return
            row.rounds.append((reference.turns[-1]["total_ms"], worker.turns[-1]["total_ms"]))

    def _alone(self, row, worker):
        for _ in range(self._count):
            if not _turn(row, worker):
                return


def _turn(row, worker):
    """True where it ended well; else the row says what happened."""
    time.sleep(PAUSE_SECONDS)
    try:
        worker.turn()
    except Failed as reason:
        row.missing = str(reason)
    return not row.missing
