"""What tells, from a few numbers of each iteration, that a run learns nothing."""

import math
from collections import deque
from dataclasses import dataclass
from typing import Optional

from amcaffe.protocols.alike import ALIKE

# SoftmaxWithLoss clips probabilities at the smallest float: -log(FLT_MIN) is 87.3365. A batch
# whose mean is near that has all but a few images at the clip, where the gradient is lost.
SATURATED_LOSS = 83.0

_AWAY = -0.1  # a target cosine that is driven away from its class; untrained it is about 0
_NEAR = 0.02  # of ln C
_CLIPPED = 3  # iterations

_SOFTMAX_FIRST = "plain softmax first, its weights given to --weights"
_BELONG = "see that the labels belong to the images"
SIGNALS = ("clip", "plateau", "targets", "alike")


def helps(signal, margin, clamp):
    """What usually helps against a signal, of SIGNALS.

    Args: margin: whether the head has one. clamp: whether it has bound: CLAMP.
    """
    of_margins = [f"a margin that grows from none, slowly, or {_SOFTMAX_FIRST}"] * margin
    of_margins += ["bound: MONOTONE in place of CLAMP"] * clamp
    smaller = "a lower scale, margin or base_lr" if margin else "base_lr ten times lower, or higher"
    images = "see that images differ, and that mean and scale leave them within about -1 to 1"
    softmax = [_SOFTMAX_FIRST] * margin
    return "; ".join(
        {
            "clip": ["a lower base_lr or scale", *softmax],
            "plateau": [*of_margins, smaller, _BELONG],
            "targets": [*of_margins, smaller, _BELONG],
            "alike": [smaller, *softmax, images],
        }[signal]
    )


@dataclass(frozen=True)
class Seen:
    """Of one iteration; None: not looked at, or not known.

    loss: softmax loss. target, other: mean cosine, or logit, of the label's class and of the best
    other. accuracy: share of rows whose target is the larger. alike: mean cosine between
    features with different labels.
    """

    iteration: int
    loss: float
    target: Optional[float] = None
    other: Optional[float] = None
    accuracy: Optional[float] = None
    alike: Optional[float] = None


class Stagnation:
    """Judges a run by its last iterations.

    Args:
        classes: those that the loss is over. total: iterations of the run.
        cosines: whether targets are cosines. clips: whether the loss is clipped.
    Attributes: window: iterations that a state has to last.
    """

    def __init__(self, classes, total, cosines, clips):
        self._classes, self._cosines, self._clips = classes, cosines, clips
        # A healthy run begins in each of these states, too: a large one stays there longer.
        self.window = min(max(total // 10, 100), 1000)
        self._seen = deque(maxlen=self.window)

    def add(self, seen):
        """Take a Seen. Returns {signal: what it says}, of SIGNALS: those that hold."""
        self._seen.append(seen)
        found = {}
        last = list(self._seen)[-_CLIPPED:]
        if self._clips and len(last) == _CLIPPED and min(s.loss for s in last) >= SATURATED_LOSS:
            found["clip"] = (
                f"the softmax loss is at {seen.loss:.4g}: probabilities of the labels are at the "
                "smallest float (-log of it is 87.34), where the gradient is lost"
            )
        if self.full:
            checks = {"plateau": self._plateau, "targets": self._targets, "alike": self._alike}
            for signal, check in checks.items():
                what = check()
                if what:
                    found[signal] = f"for {self.window} iterations {what}"
        return found

    @property
    def full(self):
        """Whether a window is there to judge by."""
        return len(self._seen) == self.window

    def _halves(self, name):
        """Means of a number over the first and the second half of the window; None: too few."""
        values = [value for seen in self._seen if (value := getattr(seen, name)) is not None]
        half = len(values) // 2
        if half < 2:
            return None
        return sum(values[:half]) / half, sum(values[-half:]) / half

    def _plateau(self):
        guess = math.log(self._classes)
        before, now = self._halves("loss")
        if abs(now - guess) > _NEAR * guess or abs(before - now) > 0.25 * _NEAR * guess:
            return None
        accuracy = self._halves("accuracy")
        if accuracy and accuracy[1] > 0.5:
            return None  # a margin that grows takes the loss there, too
        return (
            f"the loss has stayed at {now:.4g}, and ln {self._classes} = {guess:.4g} is what "
            "guessing costs: nothing is learnt"
        )

    def _targets(self):
        halves = [self._halves(name) for name in ("target", "other", "accuracy")]
        if None in halves:
            return None
        (target_before, target), (other_before, other), (_, accuracy) = halves
        gap, gap_before = target - other, target_before - other_before
        rising = gap - gap_before > 0.02 * max(1.0, abs(gap_before))
        away = self._cosines and target < _AWAY
        if rising or not (away or accuracy < 2 / self._classes):
            return None
        kind = "cosine" if self._cosines else "logit"
        meaning = "are driven away from their classes" if away else "do not rise above the others"
        return (
            f"the {kind} of the label's class has been {target:.4g} in the mean, that of the best "
            f"other {other:.4g}, {100 * accuracy:.3g} % of the labels right: targets {meaning}"
        )

    def _alike(self):
        values = [seen.alike for seen in self._seen if seen.alike is not None]
        halves = self._halves("alike")
        if halves is None or min(values) <= ALIKE:
            return None
        before, now = halves
        if 1 - now > 1.5 * (1 - before):
            return None  # they part
        return (
            f"features of different people have been all alike: mean cosine {values[-1]:.4f} "
            "between them"
        )
