"""The one description that every solver and net of ours is rendered from."""

import math
import numbers
import os
from dataclasses import dataclass, replace
from typing import Optional

from amcaffe.errors import InputError
from amcaffe.nets.net_input import OURS
from amcaffe.nets.text import as_float32

# Residual units after the first convolution of each of the four stages
# (SphereFace, Liu et al., CVPR 2017, table 2). Depth counts convolutions.
UNITS = {
    4: (0, 0, 0, 0),
    10: (0, 1, 2, 0),
    20: (1, 2, 4, 1),
    36: (2, 4, 8, 2),
    64: (3, 8, 16, 3),
}
BACKENDS = ("list", "lmdb")
MAX_ITER, A_SOFTMAX_MAX_ITER = 30000, 28000  # as AM-Softmax's and SphereFace's solvers have

# The most that Caffe's fields hold, and Caffe counts with int32 what is in its uint32 fields.
INT32, UINT32 = 2**31 - 1, 2**32 - 1
FLOATS = (
    (
        ("s", "arcface_s", "anneal_s", "m1", "lr", "wo_fn_growth"),
        "positive",
        lambda x: 0 < x < math.inf,
    ),
    (
        ("m2", "m3", "lambda_gamma", "lambda_min", "weight_decay"),
        "0 or more",
        lambda x: 0 <= x < math.inf,
    ),
    (("m", "wo_fn_m"), "a cosine difference in [0, 2)", lambda x: 0 <= x < 2),
    (("arcface_m",), "an angle in radians, in [0, pi)", lambda x: 0 <= x < math.pi),
    (("sample_rate",), "a share of the classes, in (0, 1]", lambda x: 0 < x <= 1),
    (("anneal",), "a share of the iterations, in [0, 1]", lambda x: 0 <= x <= 1),
    (("mean",), "in 0..255", lambda x: 0 <= x <= 255),
)


@dataclass(frozen=True)
class Experiment:
    """A training run: net, head, data and solver. The defaults are CASIA-10516.

    channels: of the first stage; each later stage has twice as many.
    size: height, width in pixels of the net's input.
    s: what the cosines are multiplied by, but ArcFace's. m: AM-Softmax's margin, a cosine.
    arcface_s, arcface_m: target = cos(theta + arcface_m), in radians, times arcface_s.
    m1, m2, m3: combined: target = cos(m1 * theta + m2) - m3, theta and m2 in radians.
    anneal, anneal_s: ArcFace and combined: over this share of the iterations the margin grows
        from none, and the scale from anneal_s where that is less. 0: both are whole at once.
    wo_fn_m, wo_fn_growth: AM-Softmax's margin where features are not normalised, and how much
        of it each iteration adds.
    a_softmax_m: target = cos(a_softmax_m * theta). lambda_gamma, lambda_min: its share grows as
        lambda = max(1000 / (1 + lambda_gamma * iteration), lambda_min) falls.
    sample_rate: fused: share of the classes in each iteration's softmax. memory_mb: fused: MiB
        up to which the cosines are kept for the backward pass.
    source, val: image lists, or LMDB folders. root: folder that the lists' paths start from.
    resize: scale images to `size` as they are read (image lists only).
    mean: subtracted from each BGR value in 0..255, the difference divided by 128: `net_input`.
    test_iter: test batches of 32 every test_interval iterations; 0 tests never, and
        needs no val.
    max_iter: None: MAX_ITER, or A-Softmax's own.
    """

    depth: int = 20
    channels: int = 64
    features: int = 512
    classes: int = 10516
    size: tuple[int, int] = (112, 96)
    s: float = 30.0
    m: float = 0.35
    arcface_s: float = 64.0
    arcface_m: float = 0.5
    m1: float = 1.0
    m2: float = 0.3
    m3: float = 0.2
    anneal: float = 0.25
    anneal_s: float = 8.0
    wo_fn_m: float = 0.4
    wo_fn_growth: float = 5e-5
    a_softmax_m: int = 4
    lambda_gamma: float = 0.12
    lambda_min: float = 5.0
    sample_rate: float = 1.0
    memory_mb: int = 128
    backend: str = "list"
    source: str = "data/casia/train.txt"
    val: str = "data/casia/val.txt"
    root: str = "data/casia/"
    resize: bool = False
    mean: float = OURS.means[0]
    mirror: bool = True
    batch: int = 256
    iter_size: int = 1
    lr: float = 0.1
    steps: tuple[int, ...] = (16000, 24000, 28000)
    max_iter: Optional[int] = None
    weight_decay: float = 0.0005
    snapshot: int = 1000
    snapshot_prefix: str = "face"
    test_iter: int = 0
    test_interval: int = 1000

    def __post_init__(self):
        def need(condition, name, rule):
            if not condition:
                raise InputError(
                    f"prototxt: {name} must be {rule}", found=repr(getattr(self, name))
                )

        def need_whole(name, least, most):
            value = getattr(self, name)
            need(_whole(value, least, most), name, f"a whole number from {least} to {most}")

        need(_whole(self.depth) and self.depth in UNITS, "depth", f"one of {_listed(UNITS)}")
        need_whole("channels", 1, INT32 >> (len(UNITS[self.depth]) - 1))  # doubled by each stage
        for name in ("features", "batch", "iter_size", "snapshot", "test_interval"):
            need_whole(name, 1, INT32)
        need_whole("classes", 2, INT32)
        need_whole("test_iter", 0, INT32)
        need_whole("memory_mb", 0, UINT32)
        need_whole("a_softmax_m", 1, 4)
        if self.max_iter is not None:
            need_whole("max_iter", 1, INT32)
        need(
            len(self.size) == 2 and all(_whole(side) for side in self.size),
            "size",
            f"a height and a width, from 1 to {INT32}",
        )
        need(
            all(_whole(step) for step in self.steps)
            and list(self.steps) == sorted(set(self.steps)),
            "steps",
            f"whole numbers from 1 to {INT32}, in increasing order",
        )
        for names, rule, holds in FLOATS:
            for name in names:
                need(holds(as_float32(getattr(self, name))), name, f"{rule}, as a 32-bit float")
        need(self.backend in BACKENDS, "backend", f"one of {_listed(BACKENDS)}")
        for name in ("source", "val", "root", "snapshot_prefix"):
            need("\n" not in getattr(self, name), name, "one line")
        need(
            os.path.basename(self.snapshot_prefix) not in ("", ".", ".."),
            "snapshot_prefix",
            "what file names begin with, and not a folder's name alone",
        )

    @property
    def net_input(self):
        """NetInput of training and deploy net alike."""
        return replace(OURS, means=(self.mean,), resize=self.size if self.resize else None)


def _whole(value, least=1, most=INT32):
    integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return integer and least <= value <= most


def _listed(values):
    return ", ".join(map(str, values))
