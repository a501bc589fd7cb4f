"""How the demo trains, and with which losses."""

import dataclasses
import math

FARS = (0.01, 0.001)
TIMES = ("seconds_per_iteration", "head_seconds")


@dataclasses.dataclass(frozen=True)
class Loss:
    """margin: the renderer's name of the head. title: as text has it."""

    margin: str
    title: str


# By the report's names. The same seed gives all of them the same start.
LOSSES = {
    "softmax": Loss("softmax", "plain softmax"),
    "am_softmax": Loss("am-softmax", "AM-Softmax"),
    "am_softmax_fused": Loss("am-softmax-fused", "fused AM-Softmax"),
}
USUAL_LOSSES = ("softmax", "am_softmax")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How the demo trains: as amcaffe.prototxt names its options, beside the amount of people.

    people, images: of made-up faces; test_people: kept from training.
    softmax_lr, am_softmax_lr: the best of those tried between 0.01 and 0.1 for each loss, so
        that neither is held back by the other's. The fused loss has AM-Softmax's.
    """

    test_people: int
    people: int = 0
    images: int = 0
    depth: int = 4
    channels: int = 16
    features: int = 128
    size: str = "56x48"
    batch: int = 64
    softmax_lr: float = 0.05
    am_softmax_lr: float = 0.02
    steps: tuple[int, ...] = (1200, 1700)
    max_iter: int = 2000
    weight_decay: float = 0.0005
    s: float = 30.0
    m: float = 0.35


MADE_UP = Recipe(people=320, images=24, test_people=80)


def photographs(people):
    """The recipe for a folder of photographs: a quarter of the people is kept for the test."""
    few = Recipe(test_people=math.ceil(people / 4), max_iter=600, steps=(400, 550))
    return dataclasses.replace(few, softmax_lr=0.02)  # at 0.05 some of these runs diverge
