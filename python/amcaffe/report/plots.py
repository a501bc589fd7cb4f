"""Plots of curves, drawn by Matplotlib's Agg and SVG back ends for light and dark paper."""

import csv
import io
from dataclasses import dataclass
from typing import Callable

import numpy as np

from amcaffe.errors import InputError

BINS = 100  # of the score histograms, over [-1, 1]
POINTS = 400  # of a curve
NOISY = 30  # false accepts below which a TAR is mostly luck ("rule of 30")
# What each kind of file would say of when and with what it was made.
UNDATED = {"png": "Software", "svg": "Date", "pdf": "CreationDate"}
METRICS = ("iteration", "loss", "learning_rate", "images_per_second")
# Means over the training batches, where the loss is a MarginSoftmaxLoss: column, as text has it.
STATISTICS = {
    "train_target_cosine": "cosine to the own class",
    "train_best_other_cosine": "to the best other class",
    "train_accuracy": "accuracy",
}


@dataclass(frozen=True)
class _Theme:
    ink: str
    soft: str
    line: str
    band: str
    colours: tuple


# Okabe and Ito's colours for every kind of colour vision; lighter ones on dark paper. Lines
# differ in their dashes as well.
LIGHT = _Theme(
    "#1c1e21", "#5b6168", "#d9dce0", "#f0f1f3",
    ("#0072b2", "#d55e00", "#009e73", "#a3528a", "#8a6d00", "#444b52"),
)  # fmt: skip
DARK = _Theme(
    "#e6e8ea", "#a0a7ae", "#363b41", "#1f2327",
    ("#56b4e9", "#ff8f4d", "#2ec9a0", "#e39cc8", "#e6c84c", "#b8c0c8"),
)  # fmt: skip
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))


@dataclass(frozen=True)
class Drawing:
    """A plot not yet drawn. size: (width, height) in inches."""

    size: tuple
    draw: Callable  # of a matplotlib Figure and a _Theme

    def png(self):
        """PNG bytes, on white."""
        return self._render(LIGHT, "png", facecolor="white", dpi=160)

    def svg(self, dark=False):
        """SVG bytes, on nothing, for light or dark paper."""
        return self._render(DARK if dark else LIGHT, "svg", transparent=True)

    def pdf(self):
        """PDF bytes, on nothing, for light paper."""
        return self._render(LIGHT, "pdf", transparent=True)

    def _render(self, theme, kind, **options):
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        style = {
            "font.family": "DejaVu Sans",  # comes with Matplotlib
            "font.size": 9.5,
            "axes.titlesize": 10,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.edgecolor": theme.line,
            "axes.labelcolor": theme.soft,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": theme.line,
            "grid.linewidth": 0.6,
            "text.color": theme.ink,
            "axes.titlecolor": theme.ink,
            "xtick.color": theme.soft,
            "ytick.color": theme.soft,
            "legend.frameon": False,
            "svg.hashsalt": "amcaffe",  # else ids in the file are random
            "svg.fonttype": "path",
            "pdf.fonttype": 42,  # whole fonts: text that can be searched
        }
        with matplotlib.rc_context(style):
            figure = Figure(figsize=self.size, layout="constrained")
            FigureCanvasAgg(figure)
            self.draw(figure, theme)
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, metadata={UNDATED[kind]: None}, **options)
        return buffer.getvalue()


def styles(theme, names):
    """(name, colour, dash) of each."""
    for k, name in enumerate(names):
        yield name, theme.colours[k % len(theme.colours)], DASHES[k % len(DASHES)]


def _plain(name):
    """A name that Matplotlib shows as it is: no mathematics, no hidden legend entry."""
    text = str(name).replace("$", r"\$")
    return "\N{ZERO WIDTH SPACE}" + text if text.startswith("_") else text


def _percent_tick(value, _):
    return f"{100 * value:g} %"


def roc_plot(tallies, fars=()):
    """TAR against FAR on a logarithmic axis, from the least FAR that the pairs resolve.

    Args: tallies: {run: verification.Tally}. fars: fractions to mark on each curve.
    """

    def draw(figure, theme):
        axes = figure.subplots()
        impostors = max(counts.pairs[1] for counts in tallies.values())
        lowest = min(1 / impostors, 0.1)
        bottom = 1.0
        for name, colour, dash in styles(theme, tallies):
            counts = tallies[name]
            marks = [far for far in fars if far * counts.pairs[1] >= 1]
            grid = np.geomspace(1 / counts.pairs[1], 1, POINTS)
            grid = np.union1d(grid, marks)
            tar = counts.tar_at_fars(grid)
            bottom = min(bottom, tar[0])
            axes.step(
                grid, tar, where="post", color=colour, linestyle=dash, linewidth=1.8,
                label=_plain(name),
            )  # fmt: skip
            axes.plot(marks, counts.tar_at_fars(marks), "o", color=colour, markersize=5)
        noisy = min(NOISY / impostors, 1)
        axes.axvspan(lowest, noisy, color=theme.band, zorder=0, linewidth=0)
        axes.annotate(
            f"under {NOISY} false accepts", (lowest, 1), (0, 4), color=theme.soft, fontsize=8,
            xycoords=("data", "axes fraction"), textcoords="offset points",
        )  # fmt: skip
        axes.set_xscale("log")
        axes.set_xlim(lowest, 1)
        axes.set_ylim(np.floor(bottom * 10) / 10 if bottom < 1 else 0.9, 1.005)
        axes.yaxis.set_major_formatter(_percent_tick)
        axes.set_xlabel("false-accept rate (FAR)")
        axes.set_ylabel("true-accept rate (TAR)")
        axes.legend(loc="lower right")

    return Drawing((7.4, 4.4), draw)


def score_plot(tallies, thresholds):
    """Histograms of genuine and impostor scores, one panel a run.

    Args: tallies: {run: verification.Tally}. thresholds: {run: score} to mark.
    """

    def draw(figure, theme):
        panels = figure.subplots(len(tallies), 1, sharex=True, squeeze=False)[:, 0]
        edges = np.linspace(-1, 1, BINS + 1)
        used = np.zeros(BINS, bool)
        for axes, (name, counts) in zip(panels, tallies.items()):
            genuine, impostor = (part / part.sum() for part in counts.histogram(BINS))
            used |= (genuine > 0) | (impostor > 0)
            for share, label, colour, dash in (
                (impostor, "two people (impostor)", theme.colours[1], "--"),
                (genuine, "one person (genuine)", theme.colours[0], "-"),
            ):
                axes.stairs(share, edges, fill=True, color=colour, alpha=0.28, linewidth=0)
                axes.stairs(
                    share, edges, color=colour, linewidth=1.4, label=label, linestyle=dash,
                )  # fmt: skip
            axes.axvline(thresholds[name], color=theme.ink, linewidth=1, linestyle=":")
            axes.annotate(
                f"threshold {thresholds[name]:.3f}", (thresholds[name], 1), (0, 3),
                xycoords=("data", "axes fraction"), textcoords="offset points", ha="center",
                fontsize=8, color=theme.soft,
            )  # fmt: skip
            axes.set_title(_plain(name))
            axes.set_ylabel("share of pairs")
            axes.set_ylim(0, None)
            axes.yaxis.set_major_formatter(_percent_tick)
        where = np.flatnonzero(used)
        panels[0].set_xlim(edges[where[0]], edges[where[-1] + 1])
        panels[-1].set_xlabel("score (cosine similarity)")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)

    return Drawing((7.4, 0.7 + 2.3 * len(tallies)), draw)


def training_plot(curves):
    """Loss and learning rate over the iterations, and the STATISTICS of those that have them.

    Args: curves: {run: metrics of read_metrics}.
    """
    told = {name for name, metrics in curves.items() if STATISTICS.keys() <= metrics.keys()}

    def draw(figure, theme):
        panels = figure.subplots(
            3 if told else 2, 1, sharex=True, height_ratios=(3, 2, 1) if told else (3, 1)
        )
        loss, rate = panels[0], panels[-1]
        for name, colour, dash in styles(theme, curves):
            metrics = curves[name]
            loss.plot(metrics["iteration"], metrics["loss"], color=colour, alpha=0.3, linewidth=0.8)
            loss.plot(
                metrics["iteration"], _smooth(metrics["loss"]), color=colour, linestyle=dash,
                linewidth=1.8, label=_plain(name),
            )  # fmt: skip
            rate.plot(
                metrics["iteration"], metrics["learning_rate"], color=colour, linestyle=dash,
                linewidth=1.4, drawstyle="steps-post",
            )  # fmt: skip
        if told:
            _draw_statistics(panels[1], theme, curves, told)
        loss.set_ylabel("loss")
        loss.set_ylim(0, None)
        loss.legend(loc="upper right")
        rate.set_ylabel("learning rate")
        if all((metrics["learning_rate"] > 0).all() for metrics in curves.values()):
            rate.set_yscale("log")
        rate.set_xlabel("iteration")

    return Drawing((7.4, 6.4 if told else 4.4), draw)


def _draw_statistics(axes, theme, curves, told):
    """A line for each of STATISTICS: its dash tells which, its colour the run, as elsewhere."""
    for name, colour, _ in styles(theme, curves):
        if name in told:
            for column, dash in zip(STATISTICS, DASHES):
                axes.plot(
                    curves[name]["iteration"], _smooth(curves[name][column]), color=colour,
                    linestyle=dash, linewidth=1.4,
                )  # fmt: skip
    for label, dash in zip(STATISTICS.values(), DASHES):
        axes.plot([], [], color=theme.soft, linestyle=dash, linewidth=1.4, label=label)
    axes.set_ylabel("of the batches")
    axes.legend(loc="lower right", ncols=len(STATISTICS), fontsize=8)


def _smooth(values):
    """(N,) mean over a window of about N / 40 values, shorter towards the ends."""
    half = len(values) // 80
    total = np.concatenate([[0], np.cumsum(values)])
    at = np.arange(len(values))
    reach = np.minimum(half, np.minimum(at, at[::-1]))
    return (total[at + reach + 1] - total[at - reach]) / (2 * reach + 1)


def read_metrics(path):
    """Read what a training step writes.

    Args: path: CSV with a header that names iteration, loss, learning_rate and images_per_second.
    Returns: {column: (N,) float64}, N at least 1: those, and the STATISTICS where there are such;
        other columns are left out.
    Raises: InputError: names the file, and the line or column.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise InputError(f"cannot read the metrics {path}: {error.strerror}") from None
    if not rows:
        raise InputError(f"the metrics {path} hold no line of figures")
    lacking = [column for column in METRICS if column not in rows[0]]
    if lacking:
        raise InputError(
            f"{path}:1: the metrics lack {', '.join(lacking)}", found=", ".join(map(str, rows[0]))
        )
    columns = METRICS + tuple(column for column in STATISTICS if column in rows[0])
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
