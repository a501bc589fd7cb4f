"""ROC curves and score histograms."""

import numpy as np

from amcaffe.report.drawing import Drawing, percent_tick, plain, styles

BINS = 100  # of the score histograms, over [-1, 1]
POINTS = 400  # of a curve


def roc_plot(tallies, fars=()):
    """TAR against FAR on a logarithmic axis, from the least FAR that the pairs resolve.

    Args: tallies: {run: protocols.roc.Tally}. fars: fractions to mark on each curve.
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
                label=plain(name),
            )  # fmt: skip
            axes.plot(marks, counts.tar_at_fars(marks), "o", color=colour, markersize=5)
        few = next(iter(tallies.values())).NOISY
        noisy = min(few / impostors, 1)
        axes.axvspan(lowest, noisy, color=theme.band, zorder=0, linewidth=0)
        axes.annotate(
            f"under {few} false accepts", (lowest, 1), (0, 4), color=theme.soft, fontsize=8,
            xycoords=("data", "axes fraction"), textcoords="offset points",
        )  # fmt: skip
        axes.set_xscale("log")
        axes.set_xlim(lowest, 1)
        axes.set_ylim(np.floor(bottom * 10) / 10 if bottom < 1 else 0.9, 1.005)
        axes.yaxis.set_major_formatter(percent_tick)
        axes.set_xlabel("false-accept rate (FAR)")
        axes.set_ylabel("true-accept rate (TAR)")
        axes.legend(loc="lower right")

    return Drawing((7.4, 4.4), draw)


def score_plot(tallies, thresholds):
    """Histograms of genuine and impostor scores, one panel a run.

    Args: tallies: {run: protocols.roc.Tally}. thresholds: {run: score} to mark.
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
            axes.set_title(plain(name))
            axes.set_ylabel("share of pairs")
            axes.set_ylim(0, None)
            axes.yaxis.set_major_formatter(percent_tick)
        where = np.flatnonzero(used)
        panels[0].set_xlim(edges[where[0]], edges[where[-1] + 1])
        panels[-1].set_xlabel("score (cosine similarity)")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)

    return Drawing((7.4, 0.7 + 2.3 * len(tallies)), draw)
