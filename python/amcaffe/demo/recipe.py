"""How the demo trains, and with which losses."""

import dataclasses
import math
import statistics

FARS = (0.01, 0.001)
FOLDS = 10
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

    people, images: of made-up faces. test_share: of the people who are kept, those not trained on.
    min_images: people with fewer are left out. size: HEIGHTxWIDTH that pictures are scaled to.
    softmax_lr, am_softmax_lr: the best of those tried between 0.01 and 0.1 for each loss, so
        that neither is held back by the other's. The fused loss has AM-Softmax's.
    """

    people: int = 0
    images: int = 0
    test_share: float = 0.25
    min_images: int = 2
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


MADE_UP = Recipe(people=320, images=24)
PHOTOGRAPHS = Recipe(softmax_lr=0.02)  # at 0.05 some of these runs diverge

LONGER_SIDE = 56  # pixels of a net's input: an iteration at 112 takes four times as long
GRAIN = 8  # what the shorter side is a multiple of
PASSES = 20  # over the images, about as many as made-up faces get
FEWEST = 600  # iterations, however few the images


def fitted(recipe, images, shapes):
    """A recipe for photographs, with the net's input and the iterations that suit them.

    Args:
        images: number of images of all people who are kept, trained on or not, so that every
            draw of the people trains alike.
        shapes: (height, width) of some of them, in pixels, at least one.
    Returns: Recipe. The longer side of the input is LONGER_SIDE, the shorter one in proportion.
    """
    trained = images * (1 - recipe.test_share)
    max_iter = max(FEWEST, 100 * math.ceil(trained * PASSES / recipe.batch / 100))
    return dataclasses.replace(
        recipe,
        size="{}x{}".format(*input_size(shapes)),
        max_iter=max_iter,
        steps=(2 * max_iter // 3, 11 * max_iter // 12),
    )


def input_size(shapes):
    """(height, width) of a net's input for pictures of some (height, width), in pixels."""
    tall = statistics.median(height / width for height, width in shapes)
    shorter = GRAIN * max(1, round(LONGER_SIDE * min(tall, 1 / tall) / GRAIN))
    return (LONGER_SIDE, shorter) if tall >= 1 else (shorter, LONGER_SIDE)
