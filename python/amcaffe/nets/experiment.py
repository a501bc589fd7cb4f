"""The one description that every solver and net of ours is rendered from."""

import math
from dataclasses import dataclass
from typing import Optional

from amcaffe.errors import InputError

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


@dataclass(frozen=True)
class Experiment:
    """A training run: net, head, data and solver. The defaults are CASIA-10516.

    channels: of the first stage; each later stage has twice as many.
    size: height, width in pixels of the net's input.
    s: what the cosines are multiplied by, but ArcFace's. m: AM-Softmax's margin, a cosine.
    arcface_s, arcface_m: target = cos(theta + arcface_m), in radians, times arcface_s.
    m1, m2, m3: combined: target = cos(m1 * theta + m2) - m3, theta and m2 in radians.
    wo_fn_m, wo_fn_growth: AM-Softmax's margin where features are not normalised, and how much
        of it each iteration adds.
    a_softmax_m: target = cos(a_softmax_m * theta). lambda_gamma, lambda_min: its share grows as
        lambda = max(1000 / (1 + lambda_gamma * iteration), lambda_min) falls.
    sample_rate: fused: share of the classes in each iteration's softmax. memory_mb: fused: MiB
        up to which the cosines are kept for the backward pass.
    source, val: image lists, or LMDB folders. root: folder that the lists' paths start from.
    resize: scale images to `size` as they are read (image lists only).
    mean: subtracted from each BGR value in 0..255, the difference divided by 128.
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
    mean: float = 128.0
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

        need(self.depth in UNITS, "depth", f"one of {', '.join(map(str, UNITS))}")
        need(self.backend in BACKENDS, "backend", f"one of {', '.join(BACKENDS)}")
        for name in ("channels", "features", "batch", "iter_size", "snapshot", "test_interval"):
            need(getattr(self, name) >= 1, name, "1 or more")
        need(self.max_iter is None or self.max_iter >= 1, "max_iter", "1 or more")
        need(self.classes >= 2, "classes", "2 or more")
        need(len(self.size) == 2 and min(self.size) >= 1, "size", "a height and a width")
        for name in ("s", "arcface_s", "lr"):
            need(0 < getattr(self, name) < math.inf, name, "positive")
        need(0 <= self.weight_decay < math.inf, "weight_decay", "0 or more")
        need(0 <= self.mean <= 255, "mean", "in 0..255")
        need(self.test_iter >= 0, "test_iter", "0 or more")
        for name in ("m", "wo_fn_m"):
            need(0 <= getattr(self, name) < 2, name, "a cosine difference in [0, 2)")
        need(0 <= self.arcface_m < math.pi, "arcface_m", "an angle in radians, in [0, pi)")
        need(0 < self.wo_fn_growth < math.inf, "wo_fn_growth", "positive")
        need(self.a_softmax_m in (1, 2, 3, 4), "a_softmax_m", "1, 2, 3 or 4")
        for name in ("lambda_gamma", "lambda_min"):
            need(0 <= getattr(self, name) < math.inf, name, "0 or more")
        need(0 < self.sample_rate <= 1, "sample_rate", "a share of the classes, in (0, 1]")
        need(0 <= self.memory_mb < 1 << 32, "memory_mb", "0 or more MiB, below 2^32")
        need(0 < self.m1 < math.inf, "m1", "positive")
        for name in ("m2", "m3"):
            need(0 <= getattr(self, name) < math.inf, name, "0 or more")
        need(list(self.steps) == sorted(set(self.steps)), "steps", "in increasing order")
