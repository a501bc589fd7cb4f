"""The head in Caffe, through pycaffe: the chain of layers, the fused loss, the sampled one.

A pass through pycaffe costs a few microseconds of Python, which `facts` measures.
"""

import ctypes
import os
import statistics
import tempfile
import time

import numpy as np

from amcaffe.errors import BuildError, InputError
from amcaffe.host import pycaffe
from amcaffe.nets import heads, text
from amcaffe.nets.experiment import Experiment
from bench import gpu
from bench.problem import MARGIN, SAMPLE_RATE, SCALE, LeftOut, fill

WEIGHT_LAYER = "fc6_l2"  # of every head that is rendered
FUSED = "MarginSoftmaxLoss"


def import_caffe(device):
    """pycaffe, set to compute on "cpu" or "gpu". Raises LeftOut."""
    try:
        caffe = pycaffe.import_caffe()
    except BuildError as error:
        raise LeftOut(f"{error.what}: {error.found}") from None
    if device == "gpu" and gpu.name() is None:  # a build for GPUs asks Caffe, which fails a check
        raise LeftOut("there is no GPU here, or no driver for it")
    try:
        pycaffe.use_device(caffe, 0 if device == "gpu" else None)
    except InputError as error:
        raise LeftOut(error.what) from None
    return caffe


def require_fused(caffe):
    """Raise LeftOut where this Caffe was built before the fused loss."""
    if FUSED not in caffe.layer_type_list():
        raise LeftOut(f"this Caffe has no layer of type {FUSED}: install and build it again")


def linked_library(caffe):
    """What libcaffe is linked with: a ctypes.CDLL whose symbols are those that Caffe calls."""
    # dlsym on a library searches what it is linked with too, in the loader's own order.
    return ctypes.CDLL(caffe._caffe.__file__)


class CaffeHead:
    """name: "chain", "fused" or "sampled". The last two have their statistics as a second top, as
    they are trained with."""

    def __init__(self, name, shape, device):
        caffe = import_caffe(device)
        if name != "chain":
            require_fused(caffe)
        self._net = _load(caffe, _inputs(shape) + _head(name, shape))
        self._synchronise = gpu.synchronise if device == "gpu" else lambda: None
        self._sampled = name == "sampled"
        self._weight = self._net.params[WEIGHT_LAYER][0]
        feature, label = fill(self._weight.data, shape)
        self._net.blobs["fc5"].data[...] = feature
        self._net.blobs["label"].data[...] = label

    def clear(self):
        self._net.clear_param_diffs()
        self._synchronise()

    def forward(self):
        self._net.forward()
        self._synchronise()

    def backward(self):
        self._net.backward()
        self._synchronise()

    def outcome(self):
        """Loss and length of the features' gradient; {}: a random share has others."""
        if self._sampled:
            return {}
        loss = float(self._net.blobs["softmax_loss"].data)
        gradient = self._net.blobs["fc5"].diff
        return {"loss": loss, "gradient": float(np.linalg.norm(gradient))}

    def facts(self):
        calls = []
        for _ in range(200):
            begin = time.perf_counter()
            self._net.forward(start="input", end="input")  # a layer that does nothing
            calls.append(time.perf_counter() - begin)
        return {"a call of pycaffe": f"{1e6 * statistics.median(calls):.0f} µs"}


def _inputs(shape):
    return f"""
force_backward: true
layer {{ name: "input" type: "Input" top: "fc5" top: "label"
  input_param {{
    shape {{ dim: {shape.batch} dim: {shape.dim} }}
    shape {{ dim: {shape.batch} }} }} }}
"""


def _head(name, shape):
    """Text of the layers from fc5 on, as `python -m amcaffe.prototxt` renders them."""
    experiment = Experiment(
        classes=shape.classes, features=shape.dim, m=MARGIN, s=SCALE, sample_rate=_sample_rate(name)
    )
    margin = "am-softmax" if name == "chain" else heads.PAPER
    # The weights are written later: a constant is there at once.
    return text.render(heads.head(experiment, margin)).replace('"xavier"', '"constant"')


def _sample_rate(name):
    return SAMPLE_RATE if name == "sampled" else 1


def _load(caffe, prototxt):
    descriptor, path = tempfile.mkstemp(suffix=".prototxt")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(prototxt)
        return caffe.Net(path, caffe.TRAIN)
    finally:
        os.unlink(path)
