"""Time and memory against the number of classes, drawn as the reports are."""

from amcaffe.report.plots import DASHES, Drawing


def against_classes(records):
    """Drawing of the records of bench.table: a row of two plots for each device."""
    devices = sorted({record["device"] for record in records})
    names = list(dict.fromkeys(record["implementation"] for record in records))

    def draw(figure, theme):
        from matplotlib.ticker import LogLocator

        grid = figure.subplots(len(devices), 2, squeeze=False)
        for device, (time, memory) in zip(devices, grid):
            for number, name in enumerate(names):
                mine = [r for r in records if (r["device"], r["implementation"]) == (device, name)]
                mine.sort(key=lambda record: record["classes"])
                style = dict(
                    color=theme.colours[number % len(theme.colours)], label=name, marker="o",
                    linestyle=DASHES[number % len(DASHES)], linewidth=1.6, markersize=4,
                )  # fmt: skip
                classes = [record["classes"] for record in mine]
                time.plot(classes, [record["total_ms"] for record in mine], **style)
                memory.plot(classes, [record["peak_bytes"] / 1e6 for record in mine], **style)
            shapes = sorted({(r["classes"], r["batch"], r["dim"]) for r in records
                             if r["device"] == device})
            for axes, what in ((time, "forward and backward, ms"), (memory, "peak memory, MB")):
                axes.set_title(f"{device.upper()}: {what}")
                axes.set_xscale("log")
                axes.set_yscale("log")
                axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axes.yaxis.set_major_formatter("{x:g}")
                axes.set_xlabel("classes (batch x dimension)")
                axes.set_xticks(
                    [classes for classes, _, _ in shapes],
                    [f"{classes}\n({batch} x {dim})" for classes, batch, dim in shapes],
                )
                axes.minorticks_off()
        grid[0][0].legend()

    return Drawing((9, 3.6 * len(devices)), draw)
