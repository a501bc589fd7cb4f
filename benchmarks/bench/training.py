"""A training of the experiment through pycaffe's solver, on images that are noise in memory."""

import tempfile
from pathlib import Path

import numpy as np

from amcaffe.nets import heads, solver, sphereface, text
from amcaffe.nets.experiment import Experiment
from bench import gpu
from bench.caffe_heads import import_caffe, require_fused
from bench.problem import MARGIN, SCALE


class Training:
    """name: "chain" or "fused"."""

    def __init__(self, name, shape, device):
        caffe = import_caffe(device)
        if name == "fused":
            require_fused(caffe)
        experiment = Experiment(
            classes=shape.classes, features=shape.dim, batch=shape.batch, m=MARGIN, s=SCALE
        )
        margin = "am-softmax" if name == "chain" else heads.PAPER
        with tempfile.TemporaryDirectory() as folder:
            net, run = Path(folder, "net.prototxt"), Path(folder, "solver.prototxt")
            net.write_text(_net(experiment, margin))
            run.write_text(
                text.render(solver.solver(experiment, margin, str(net), str(Path(folder, "face"))))
            )
            self._solver = caffe.SGDSolver(str(run))
        self._net = self._solver.net
        self._synchronise = gpu.synchronise if device == "gpu" else lambda: None
        random = np.random.default_rng(0)
        images = self._net.blobs["data"].data
        random.standard_normal(out=images, dtype=np.float32)
        images *= 0.5  # about what (pixel - 128) / 128 spreads
        self._net.blobs["label"].data[...] = random.integers(shape.classes, size=shape.batch)

    def clear(self):
        self._net.clear_param_diffs()
        self._synchronise()

    def forward(self):
        self._net.forward()
        self._synchronise()

    def backward(self):
        self._net.backward()
        self._solver.apply_update()
        self._synchronise()

    def outcome(self):
        """{}: the nets start from random weights of their own."""
        return {}

    def facts(self):
        return {}


def _net(experiment, margin):
    """The training net with its data in blobs."""
    height, width = experiment.size
    shapes = [(experiment.batch, 3, height, width), (experiment.batch,)]
    source = (
        "layer",
        [
            ("name", "data"),
            ("type", "Input"),
            ("top", "data"),
            ("top", "label"),
            ("input_param", [("shape", [("dim", size) for size in shape]) for shape in shapes]),
        ],
    )
    fields = sphereface.train_test_net(experiment, margin)
    layers = [field for field in fields if field[0] == "layer" and ("name", "data") not in field[1]]
    return text.render([source, *layers])
