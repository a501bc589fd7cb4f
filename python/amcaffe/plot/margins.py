"""Target-logit curves of the margin family, with the decision margin marked."""

import csv
import io
from pathlib import Path

import numpy as np

from amcaffe.data.files import atomic_set
from amcaffe.errors import InputError
from amcaffe.plot.curves import a_softmax_curve, farthest, margin_curve
from amcaffe.plot.margin_figure import margin_figure

SUMMARY = "target-logit curves of the margins, with the decision margin marked"
EXAMPLE = "python -m amcaffe.plot margins --margin 1,0,0.35 --margin 1,0.5,0,clamp --out m.png"
BOUNDS = ("monotone", "clamp")
SUFFIXES = (".svg", ".png", ".pdf")
MOST = 12  # margins that colours and dashes tell apart
DEGREES = np.linspace(0, 180, 721)

FAMILY = (
    ("softmax", (1, 0, 0)),
    ("SphereFace", (4, 0, 0)),
    ("CosFace, AM-Softmax", (1, 0, 0.35)),
    ("ArcFace", (1, 0.5, 0)),
    ("combined", (1, 0.3, 0.2)),
)


def add_arguments(parser):
    parser.add_argument(
        "--margin",
        action="append",
        metavar="M1,M2,M3[,BOUND]",
        help="cos(M1 theta + M2) - M3, M2 in radians, BOUND monotone or clamp (default: both where "
        "they differ); may be repeated; drawn beside softmax in place of the papers' margins",
    )
    parser.add_argument(
        "--other",
        type=float,
        default=90.0,
        metavar="DEGREES",
        help="angle to the other class at which the decision margin is marked (default: 90)",
    )
    parser.add_argument(
        "--out",
        default="build/plots/margins.svg",
        metavar="FILE",
        help=f"one of {', '.join(SUFFIXES)} (default: %(default)s)",
    )
    parser.add_argument("--points", metavar="FILE.csv", help="the drawn points as a table, too")


def run(arguments):
    out = Path(arguments.out)
    if out.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"--out {out}: a figure is written by its suffix",
            found=repr(out.suffix),
            expected=", ".join(SUFFIXES),
        )
    if arguments.points and Path(arguments.points).suffix.lower() != ".csv":
        raise InputError(f"--points {arguments.points}: the table is written as .csv")
    if not 0 < arguments.other <= 180:
        raise InputError(
            "--other is an angle in degrees",
            found=f"{arguments.other:g}",
            expected="above 0, at most 180",
        )
    groups = curve_groups(arguments.margin)
    drawing = margin_figure(groups, DEGREES, arguments.other)
    content = {".svg": drawing.svg, ".png": drawing.png, ".pdf": drawing.pdf}[out.suffix.lower()]()
    print(_demands(groups, arguments.other))
    written = {out: content}
    if arguments.points:
        written[Path(arguments.points)] = points_table(groups)
    atomic_set(written)
    for path in written:
        print(f"wrote {path}")


def curve_groups(margins=None):
    """The curves to draw: one tuple of Curves a margin, its other bound second where it differs.

    Args: margins: texts "m1,m2,m3" or "m1,m2,m3,bound"; None for the family of the papers.
    Raises: InputError: a text is no margin, or there are more than can be told apart.
    """
    if margins is None:
        softmax, sphereface, *others = (
            _both_bounds(f"{name} {_numbers(margin)}", margin) for name, margin in FAMILY
        )
        annealed = (a_softmax_curve("SphereFace, m = 4, λ = 5", 4, 5),)
        return [softmax, sphereface, annealed, *others]
    margins = list(dict.fromkeys(margins))
    if len(margins) >= MOST:
        raise InputError(
            f"--margin: {len(margins)} curves and softmax cannot be told apart in one figure",
            expected=f"at most {MOST - 1}",
        )
    return [_both_bounds("softmax (1, 0, 0)", (1, 0, 0)), *map(_parse, margins)]


def _parse(text):
    *numbers, last = text.split(",")
    bound = last.strip() if last.strip() in BOUNDS else None
    try:
        m1, m2, m3 = map(float, numbers if bound else [*numbers, last])
        if bound is None:
            return _both_bounds(_numbers((m1, m2, m3)), (m1, m2, m3))
        return (margin_curve(f"{_numbers((m1, m2, m3))} {bound}", m1, m2, m3, bound),)
    except ValueError as error:
        raise InputError(
            f"--margin {text}: no margin",
            found=str(error),
            expected="M1,M2,M3 or M1,M2,M3,BOUND: three finite numbers, M1 above 0, and "
            + " or ".join(BOUNDS),
        ) from None


def _both_bounds(name, margin):
    monotone, clamp = (margin_curve(name, *margin, bound) for bound in BOUNDS)
    apart = np.abs(monotone.at(DEGREES)[0] - clamp.at(DEGREES)[0])
    return (monotone, clamp) if apart.max() > 1e-3 else (monotone,)


def _numbers(margin):
    return f"({', '.join(f'{number:g}' for number in margin)})"


def points_table(groups):
    """CSV text of every drawn curve: its name and bound, the angle, psi and psi's slope."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["curve", "bound", "theta_degrees", "psi", "slope"])
    for curve in (curve for group in groups for curve in group):
        for theta, value, slope in zip(DEGREES, *curve.at(DEGREES)):
            table.writerow([curve.name, curve.bound, theta, value, slope])
    return text.getvalue()


def _demands(groups, other):
    """Text: how near each margin wants the target when another class is at `other` degrees."""
    names = [group[0].name for group in groups]
    width = max(map(len, names))
    lines = [f"target's angle needed against another class at {other:g} degrees"]
    for group in groups:
        angle = float(farthest(group[0], other))
        told = "no angle is enough" if np.isnan(angle) else (
            f"{angle:6.2f} degrees, {other - angle:6.2f} nearer"
        )  # fmt: skip
        lines.append(f"{group[0].name:<{width}}  {told}")
    return "\n".join(lines)
