"""Target-logit curves: psi of the angle between a feature and its class, and what it demands.

Every value comes from amcaffe._core, the formulas that the layers train with.
"""

from dataclasses import dataclass
from typing import Callable

import numpy as np

from amcaffe.errors import BuildError
from amcaffe.host.advice import build_core

HALVINGS = 50  # of 180 degrees: more than double precision tells apart

try:
    from amcaffe import _core
except ImportError:
    _core = None


@dataclass(frozen=True)
class Curve:
    """One margin under one bound.

    name: who it is. bound: "monotone", "clamp", or "" where there is no choice.
    psi: of an array of cosines; (value, slope), the slope by the cosine.
    """

    name: str
    bound: str
    psi: Callable

    def at(self, degrees):
        """(value, slope) at angles in degrees, an array of any shape, float64."""
        return self.psi(np.cos(np.deg2rad(np.asarray(degrees, np.float64))))


def margin_curve(name, m1, m2, m3, bound):
    """CombinedMargin's curve: cos(m1 theta + m2) - m3, m2 in radians.

    Raises: ValueError: m1 is not above 0, one of the three is not finite, or another bound.
        BuildError: the extension is not built.
    """
    core = _extension()
    core.psi(0.0, m1, m2, m3, bound)
    return Curve(name, bound, lambda cosine: core.psi(cosine, m1, m2, m3, bound))


def a_softmax_curve(name, m, strength):
    """MarginInnerProduct's curve: (strength cos(theta) + psi) / (1 + strength), a whole m."""
    core = _extension()
    return Curve(name, "", lambda cosine: core.a_softmax(cosine, m, strength))


def farthest(curve, other):
    """The decision boundary of two classes: psi(theta) = cos(other).

    Args:
        curve: a Curve, which falls with the angle.
        other: angles of the feature to the other class, in degrees, an array of any shape.
    Returns: the largest angle to its own class, in degrees, at which the feature still has the
        larger logit there; NaN where no angle is small enough.
    """
    level = np.cos(np.deg2rad(np.asarray(other, np.float64)))
    low, high = np.zeros_like(level), np.full_like(level, 180.0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        wins = curve.at(middle)[0] >= level
        low, high = np.where(wins, middle, low), np.where(wins, high, middle)
    return np.where(curve.at(np.zeros_like(level))[0] >= level, low, np.nan)


def _extension():
    if _core is None:
        raise BuildError(
            "amcaffe._core, the layers' formulas for Python, is not built for this Python",
            hint=build_core(),
        )
    return _core
