"""Time and memory against the number of classes, drawn as the reports are."""

from amcaffe.report.drawing import DASHES, Drawing


def against_classes(records):
    """Drawing of the records of bench.table: for each device, a plot of time and one of memory.

    A line joins points of one batch and dimension: others do not differ in the classes alone.
    """
    devices = sorted({record["device"] for record in records})
    names = list(dict.fromkeys(record["implementation"] for record in records))

    def draw(figure, theme):
        grid = figure.subplots(len(devices), 2, squeeze=False)
        for device, (time, memory) in zip(devices, grid):
            mine = [record for record in records if record["device"] == device]
            for number, name in enumerate(names):
                style = dict(
                    color=theme.colours[number % len(theme.colours)], marker="o", markersize=4,
                    linestyle=DASHES[number % len(DASHES)], linewidth=1.6,
                )  # fmt: skip
                for line in _lines(mine, name):
                    classes = [record["classes"] for record in line]
                    time.plot(classes, [record["total_ms"] for record in line], **style)
                    memory.plot(classes, [record["peak_bytes"] / 1e6 for record in line], **style)
                if device == devices[0]:
                    time.plot([], [], label=name, **style)
            _label(time, f"{device.upper()}: forward and backward, ms", mine)
            _label(memory, f"{device.upper()}: peak memory, MB", mine)
        figure.legend(loc="outside right upper")

    return Drawing((10, 3.6 * len(devices)), draw)


def _lines(records, name):
    """Lists of the records of an implementation that a line joins, by classes."""
    lines = {}
    for record in sorted(records, key=lambda record: record["classes"]):
        if record["implementation"] == name:
            lines.setdefault((record["batch"], record["dim"]), []).append(record)
    return lines.values()


def _label(axes, title, records):
    from matplotlib.ticker import LogLocator

    axes.set_title(title)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    shapes = {r["classes"]: f"{r['classes']}\n({r['batch']} x {r['dim']})" for r in records}
    axes.set_xticks(list(shapes), list(shapes.values()))
    axes.set_xlabel("classes (batch x dimension)")
    axes.minorticks_off()
