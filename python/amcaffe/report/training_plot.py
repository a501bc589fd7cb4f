"""Curves of training runs: loss, learning rate, and what the loss layer tells of its cosines."""

import numpy as np

from amcaffe.data.metrics import TRAIN_STATISTICS
from amcaffe.report.drawing import DASHES, Drawing, plain, styles

# Means over the training batches, where the loss is a MarginSoftmaxLoss: column, as text has it.
LABELS = ("cosine to the own class", "to the best other class", "accuracy")
STATISTICS = dict(zip(TRAIN_STATISTICS, LABELS))


def training_plot(curves):
    """Loss and learning rate over the iterations, and the STATISTICS of those that have them.

    Args: curves: {run: data.metrics.read_metrics of it}.
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
                linewidth=1.8, label=plain(name),
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
