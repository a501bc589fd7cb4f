"""Nets in double precision and float, on the CPU and the GPU, for tests against PyTorch."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pytest

SOURCE = Path(__file__).with_name("precise_net.cpp")


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def cmake_list(text, name):
    found = re.search(rf'^set\({name} "(.*)"\)$', text, re.MULTILINE)
    return [item for item in dict.fromkeys(found[1].split(";")) if item] if found else []


@pytest.fixture(scope="session")
def precise_net(request):
    """The module of precise_net.cpp, compiled against $CAFFE_ROOT and kept in pytest's cache."""
    root = os.environ.get("CAFFE_ROOT")
    if not root:
        pytest.skip("$CAFFE_ROOT is not set")
    flags, library = Path(root, "build/pycaffe_flags.cmake"), Path(root, "build/lib/libcaffe.so")
    if not (flags.exists() and library.exists()):
        pytest.skip(f"{root} is not built with pycaffe by python -m amcaffe.build")
    pybind11 = pytest.importorskip("pybind11", reason="pybind11 is not installed")
    if not shutil.which("g++"):
        pytest.skip("g++ is not installed")
    text, stat = flags.read_text(), library.stat()
    python = [sysconfig.get_paths()["include"], pybind11.get_include()]
    # The compiler's own folder as -isystem would hide the C++ library's headers.
    system = [path for path in cmake_list(text, "PYCAFFE_INCLUDE_DIRS") if path != "/usr/include"]
    command = [
        "g++", "-std=c++17", "-O0", "-fPIC", "-shared", SOURCE,
        *(f"-D{name}" for name in cmake_list(text, "PYCAFFE_DEFINITIONS")),
        *(f"-I{path}" for path in python),
        *(option for path in system for option in ("-isystem", path)),
        library, f"-Wl,-rpath,{library.parent}", "-o",
    ]  # fmt: skip
    # One for each tree, until the tree or the source changes.
    kept = request.config.cache.mkdir("precise_net") / digest(str(library))
    key = f"{SOURCE.read_text()}{command}{stat.st_mtime_ns} {stat.st_size}"
    module = kept / digest(key) / "precise_net.so"
    if not module.exists():
        shutil.rmtree(kept, ignore_errors=True)
        module.parent.mkdir(parents=True)
        part = module.with_suffix(".part")
        command = list(map(str, [*command, part]))
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        part.replace(module)
    spec = importlib.util.spec_from_file_location("precise_net", module)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(params=[np.float32, np.float64], ids=["float", "double"])
def precision(request):
    return request.param


@pytest.fixture(params=["cpu", "gpu"])
def make_net(request, precise_net, precision):
    """A function (text of layers, {input: array}) that gives a net."""
    if request.param == "gpu" and not precise_net.gpus():
        pytest.skip("no GPU, or $CAFFE_ROOT is built without CUDA")
    precise_net.use_gpu(request.param == "gpu")
    yield lambda layers, inputs, **options: Net(precise_net, precision, layers, inputs, **options)
    precise_net.use_gpu(False)


class Net:
    """A net whose inputs are arrays.

    layers: text of NetParameter. inputs: {name: array}, tops of Input layers. train: the phase.
    seed: Caffe's.
    """

    def __init__(self, module, precision, layers, inputs, train=True, seed=0):
        types = re.findall(r'layer \{ name: "\w+" type: "(\w+)"', layers)
        missing = set(types).difference(module.layer_types())
        if missing:
            pytest.skip(f"$CAFFE_ROOT has no layer {', '.join(sorted(missing))}")
        heads = []
        for name, values in inputs.items():
            shape = " ".join(f"dim: {size}" for size in np.shape(values))
            heads.append(
                f'layer {{ name: "{name}" type: "Input" top: "{name}" '
                f"input_param {{ shape {{ {shape} }} }} }}"
            )
        module.set_seed(seed)
        kind = module.FloatNet if precision is np.float32 else module.DoubleNet
        self.net = kind("\n".join(["force_backward: true", *heads, layers]), train)
        for name, values in inputs.items():
            self.net.set(name, -1, False, values)

    def set_weight(self, layer, values, number=0):
        self.net.set(layer, number, False, values)

    def forward(self, *tops):
        """Data of these tops after a forward pass."""
        self.net.forward()
        return [self.net.get(top, -1, False) for top in tops]

    def backward(self, *blobs, **top_diffs):
        """Gradients by these blobs, and by (layer, number) the weights.

        top_diffs: gradients by the net's outputs, where these are no losses.
        """
        for top, values in top_diffs.items():
            self.net.set(top, -1, True, values)
        self.net.backward()
        return [
            self.net.get(*blob, True) if isinstance(blob, tuple) else self.net.get(blob, -1, True)
            for blob in blobs
        ]
