"""The figure of the margins: target logits, decision boundaries, slopes."""

import numpy as np

from amcaffe.plot.curves import farthest
from amcaffe.report.drawing import Drawing, styles

LOWEST = -2.6  # of the target logits' axis: with a factor m1 psi falls to 1 - 2 m1
STEEPEST = 4.6  # of the slopes' axis: with a factor m1 the slope reaches m1 squared
BOUNDARY = np.linspace(0.5, 180, 360)


def margin_figure(groups, degrees, other):
    """Target logits over decision boundaries and slopes.

    Args:
        groups: tuples of one or two Curves: a margin, and its other bound.
        degrees: (K,) angles at which the curves are drawn.
        other: the other class's angle, in degrees, at which the margins are marked.
    Returns: report.drawing.Drawing.
    """

    def draw(figure, theme):
        panels = figure.subplot_mosaic("LL;BS", height_ratios=(1.2, 1))
        for axes in panels.values():
            axes.set_xlim(0, 180)
            axes.set_xticks(range(0, 181, 30))
            axes.xaxis.set_major_formatter("{x:g}°")
        drawn = list(zip(groups, styles(theme, [group[0].name for group in groups])))
        _logits(panels["L"], theme, drawn, degrees, other)
        _boundaries(panels["B"], theme, drawn, other)
        _slopes(panels["S"], drawn, degrees)
        figure.legend(
            *panels["L"].get_legend_handles_labels(), loc="outside upper left", ncols=2,
            title=f"margin ($m_1, m_2, m_3$): largest θ that wins against a class at {other:g}°",
            alignment="left", title_fontsize=9,
        )  # fmt: skip

    return Drawing((8.6, 8.6), draw)


def _logits(axes, theme, drawn, degrees, other):
    level = np.cos(np.deg2rad(other))
    axes.axhline(level, color=theme.soft, linewidth=0.9)
    axes.annotate(
        f"logit of another class at {other:g}°", (180, level), (-2, 4), ha="right",
        textcoords="offset points", color=theme.soft, fontsize=8.5,
    )  # fmt: skip
    bottom, top = -1.1, 1.1
    for group, (name, colour, dash) in drawn:
        needed = float(farthest(group[0], other))
        wins = "none" if np.isnan(needed) else f"{needed:.1f}°, {_nearer(other - needed)}"
        _both(axes, group, 0, degrees, colour, dash, label=f"{name}: {wins}")
        axes.plot(needed, level, "o", color=colour, markersize=6, zorder=3)
        values = group[0].at(degrees)[0]
        bottom, top = min(bottom, values.min() - 0.1), max(top, values.max() + 0.1)
        if values.min() < LOWEST:
            leaves = degrees[np.argmax(values < LOWEST)]
            axes.annotate(
                f"falls to \N{MINUS SIGN}{-values.min():.3g}", (leaves, LOWEST), (5, 9),
                textcoords="offset points", fontsize=8.5, color=colour,
            )  # fmt: skip
    axes.set_ylim(max(bottom, LOWEST), top)
    axes.set_title("Target logit; thin dots: bound CLAMP, where it differs")
    axes.set_xlabel("angle θ between the feature and its class")
    axes.set_ylabel("ψ(θ)")


def _nearer(degrees):
    return "no margin" if abs(degrees) < 0.05 else f"margin {degrees:.1f}°"


def _boundaries(axes, theme, drawn, other):
    ends = [other]
    for group, (_, colour, dash) in drawn:
        needed = float(farthest(group[0], other))
        axes.plot(
            BOUNDARY, farthest(group[0], BOUNDARY), color=colour, linestyle=dash, linewidth=1.8
        )
        axes.plot(other, needed, "o", color=colour, markersize=6, zorder=3)
        ends.append(needed)
    axes.vlines(other, np.nanmin(ends), np.nanmax(ends), color=theme.soft, linewidth=0.9)
    axes.set_ylim(0, 180)
    axes.set_yticks(range(0, 181, 30))
    axes.yaxis.set_major_formatter("{x:g}°")
    axes.set_title("Decision boundary, ψ(θ) = cos θ′")
    axes.set_xlabel("angle θ′ to the other class")
    axes.set_ylabel("largest θ that wins")


def _slopes(axes, drawn, degrees):
    steepest = 0
    for group, (_, colour, dash) in drawn:
        _both(axes, group, 1, degrees, colour, dash)
        steepest = max(steepest, *(curve.at(degrees)[1].max() for curve in group))
    axes.set_ylim(-0.1, min(steepest + 0.1, STEEPEST))
    axes.set_title("Slope: what the gradient is multiplied by")
    axes.set_xlabel("angle θ between the feature and its class")
    axes.set_ylabel("dψ / d cos θ")


def _both(axes, group, part, degrees, colour, dash, **label):
    """A margin's curve, and in thin dots its other bound where that differs."""
    first, *others = (curve.at(degrees)[part] for curve in group)
    axes.plot(degrees, first, color=colour, linestyle=dash, linewidth=1.8, **label)
    for other in others:
        differs = np.abs(other - first) > 1e-3
        axes.plot(
            degrees, np.where(differs, other, np.nan), color=colour, linestyle=":", linewidth=1.3
        )
