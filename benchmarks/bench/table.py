"""Rows of figures and ratios: as records for JSON, and as Markdown for docs/speed.md."""

import statistics
from dataclasses import dataclass, field
from typing import Optional

from bench.problem import Shape

TOLERANCE = 0.01  # of two implementations' loss and gradient, relative; bfloat16's is near it


@dataclass
class Row:
    """What was measured of one implementation. turns: of bench.worker.Worker.

    rounds: (reference's, its) total_ms, a pair for each round.
    missing: why there are no figures, or no more of them.
    """

    device: str
    shape: Shape
    implementation: str
    turns: list = field(default_factory=list)
    outcome: dict = field(default_factory=dict)
    reference: Optional["Row"] = None
    rounds: list = field(default_factory=list)
    missing: str = ""

    def median(self, name):
        return statistics.median(turn[name] for turn in self.turns)

    @property
    def peak_bytes(self):
        return max(turn["peak_bytes"] for turn in self.turns)

    def __str__(self):
        name = f"{self.shape} {self.device} {self.implementation}"
        if not self.turns:
            return f"{name}: {self.missing}"
        ratio = self.ratio()
        told = [f"{self.median('total_ms'):.1f} ms", f"{self.peak_bytes / 1e6:.0f} MB"]
        told += [f"{ratio[0]} {ratio[1]:.2f}"] if ratio else []
        return f"{name}: {', '.join([*told, *filter(None, [self.missing])])}"

    def record(self):
        """dict of docs/speed.md's names."""
        figures = {
            name: round(self.median(name), 3) for name in ("forward_ms", "backward_ms", "total_ms")
        }
        return {
            "device": self.device, "implementation": self.implementation,
            "batch": self.shape.batch, "dim": self.shape.dim, "classes": self.shape.classes,
            **figures, "peak_bytes": self.peak_bytes,
        }  # fmt: skip

    def ratio(self):
        """Name, and median, least and most of a round's ratio of time; None: no rounds.

        It is the reference's time by this one's; the other way round for `sampled`, whose question
        is what share of the full time it takes.
        """
        if not self.rounds:
            return None
        pairs, names = self.rounds, [self.reference.implementation, self.implementation]
        if self.implementation == "sampled":
            pairs, names = [pair[::-1] for pair in pairs], names[::-1]
        ratios = [above / below for above, below in pairs]
        return "/".join(names), statistics.median(ratios), min(ratios), max(ratios)

    def disagreement(self):
        """A sentence where this is not the reference's computation; else ""."""
        for name in self.outcome.keys() & (self.reference.outcome if self.reference else {}).keys():
            found, expected = self.outcome[name], self.reference.outcome[name]
            if not abs(found - expected) <= TOLERANCE * abs(expected):
                return (
                    f"{self.implementation} computes something else: its {name} is "
                    f"{found:.6g}, that of {self.reference.implementation} {expected:.6g}"
                )
        return ""


def records(rows):
    """List of dict, a measured row each."""
    return [row.record() for row in rows if row.turns]


def markdown(rows, against_weights):
    """A table for each device and shape, and below it what was left out.

    against_weights: with the peak memory as a multiple of the class weights and their gradient.
    """
    groups = {}
    for row in rows:
        groups.setdefault((row.device, row.shape), []).append(row)
    tables = [_table(*key, group, against_weights) for key, group in groups.items()]
    return "\n".join(tables) + "\n"


def _table(device, shape, rows, against_weights):
    header = [
        "implementation",
        "forward, ms",
        "backward, ms",
        "total, ms",
        "ratio of times (range)",
        "peak memory, MB",
    ]
    header += ["of weights and gradient"] if against_weights else []
    lines = [f"Batch {shape.batch}, {shape.dim}-d, {shape.classes} classes, {device.upper()}:", ""]
    measured = [_line(_cells(row)[: len(header)]) for row in rows if row.turns]
    lines += [_line(header), f"|{'---|' * len(header)}", *measured, ""] if measured else []
    told = [f"- {row.implementation}: {row.missing}" for row in rows if row.missing]
    told += [f"- {text}" for row in rows if (text := row.disagreement())]
    return "\n".join([*lines, *told, ""] if told else lines)


def _cells(row):
    ratio = row.ratio()
    return [
        row.implementation,
        *(f"{row.median(name):.1f}" for name in ("forward_ms", "backward_ms", "total_ms")),
        "{} {:.2f} ({:.2f} to {:.2f})".format(*ratio) if ratio else "",
        f"{row.peak_bytes / 1e6:.0f}",
        f"{row.peak_bytes / (2 * row.shape.weight_bytes):.2f}",
    ]


def _line(cells):
    return f"| {' | '.join(cells)} |"
