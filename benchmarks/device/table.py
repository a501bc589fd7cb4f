"""The last lines that such a machine prints: what ran, what came of it, and the figures."""

MOST_LINES = 40
MARKS = {"ok": "ok", "failed": "FAILED", "timed out": "TIMED OUT", "skipped": "skipped"}


def table(facts, results, figures):
    """Lines of text, MOST_LINES at most.

    Args:
        facts: [(name, text)] of the machine.
        results: [Result] of device.parts.
        figures: {name: records} of the benchmarks, as bench.table.records makes them.
    """
    lines = [f"{name}: {text}" for name, text in facts]
    width = max((len(result.name) for result in results), default=0)
    for result in results:
        mark = MARKS[result.state]
        lines.append(f"{result.name:<{width}}  {mark:<9}  {result.seconds:4.0f} s  {result.figure}")
    for name, records in figures.items():
        lines += milliseconds(name, records)
    counts = [(state, sum(result.state == state for result in results)) for state in MARKS]
    last = ", ".join(f"{count} {MARKS[state]}" for state, count in counts if count)
    if len(lines) >= MOST_LINES:
        left_out = len(lines) - MOST_LINES + 2
        lines = [*lines[: MOST_LINES - 2], f"and {left_out} lines that are in the logs"]
    return [*lines, last]


def milliseconds(name, records):
    """A line for each shape: forward, backward and, of a training, the update."""
    shapes = {}
    for record in records:
        shape = "{batch}x{dim}x{classes}".format(**record)
        shapes.setdefault(shape, []).append(f"{record['implementation']} {record['total_ms']:.4g}")
    return [f"{name} {shape}, ms: {', '.join(told)}" for shape, told in shapes.items()]
