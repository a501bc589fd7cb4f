"""A plot that is drawn by Matplotlib's Agg and SVG back ends, for light and dark paper."""

import io
import warnings
from dataclasses import dataclass
from typing import Callable

# What each kind of file would say of when and with what it was made.
UNDATED = {"png": "Software", "svg": "Date", "pdf": "CreationDate"}


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
        with matplotlib.rc_context(style), warnings.catch_warnings():
            figure = Figure(figsize=self.size, layout="constrained")
            FigureCanvasAgg(figure)
            self.draw(figure, theme)
            buffer = io.BytesIO()
            # Of scores that are all alike nothing can be spread out; the page says what they are.
            warnings.filterwarnings("ignore", "constrained_layout not applied")
            figure.savefig(buffer, format=kind, metadata={UNDATED[kind]: None}, **options)
        return buffer.getvalue()


def styles(theme, names):
    """(name, colour, dash) of each."""
    for k, name in enumerate(names):
        yield name, theme.colours[k % len(theme.colours)], DASHES[k % len(DASHES)]


def plain(name):
    """A name that Matplotlib shows as it is: no mathematics, no hidden legend entry."""
    text = str(name).replace("$", r"\$")
    return "\N{ZERO WIDTH SPACE}" + text if text.startswith("_") else text


def percent_tick(value, _):
    return f"{100 * value:g} %"
