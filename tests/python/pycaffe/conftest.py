"""Nets of a few numbers for the tests of pycaffe's pybind11 binding."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

INPUT = "name: 'small' force_backward: true input: 'data' input_shape { dim: 2 dim: 3 }\n"
INNER_PRODUCT = """layer { name: 'ip' type: 'InnerProduct' bottom: 'data' top: 'ip'
  inner_product_param { num_output: 4 weight_filler { type: 'constant' value: 2 } } }
"""
PYTHON = """layer {{ name: 'py' type: 'Python' bottom: 'data' top: 'py'
  python_param {{ module: 'python_layers' layer: '{}' param_str: '{}' }} }}
"""


@pytest.fixture(scope="session")
def pycaffe(stock_caffe):
    if getattr(stock_caffe._caffe, "__binding__", None) != "pybind11":
        pytest.skip("this pycaffe is the one on Boost.Python")
    return stock_caffe


@pytest.fixture
def run_python(pycaffe):
    """Runs a text in a process of its own, which imports the same pycaffe; returns its output."""

    def run(text, **options):
        done = subprocess.run(
            [sys.executable, "-c", text], capture_output=True, text=True, timeout=120, **options
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def caffe_program(pycaffe):
    """The `caffe` beside this pycaffe."""
    beside = Path(pycaffe.__file__).parents[2] / "build/tools/caffe"
    program = str(beside) if beside.exists() else shutil.which("caffe")
    if not program:
        pytest.skip("no caffe program")
    return program


@pytest.fixture
def write(tmp_path):
    """Writes a text to a file of this test; returns its path as str."""

    def to_file(text, name="net.prototxt"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return to_file


@pytest.fixture
def net_file(write):
    """data (2, 3), ip (2, 4) with every weight 2 and bias 0."""
    return write(INPUT + INNER_PRODUCT)


@pytest.fixture
def net(pycaffe, net_file):
    return pycaffe.Net(net_file, pycaffe.TEST)


@pytest.fixture
def python_layers(pycaffe, monkeypatch):
    """The module of that name, which libcaffe finds, too."""
    if "Python" not in pycaffe.layer_type_list():
        pytest.skip("Caffe is built without Python layers")
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("python_layers")


@pytest.fixture
def python_net(pycaffe, python_layers, write):
    """Makes a net of one layer of python_layers.py."""

    def make(layer, param_str=""):
        return pycaffe.Net(write(INPUT + PYTHON.format(layer, param_str)), pycaffe.TRAIN)

    return make


@pytest.fixture
def solver(pycaffe, write):
    """Makes a solver that fits constant inputs to zeros; a test net on request."""

    def make(kind="SGD", test=False, extra=""):
        net = write(
            """layer { name: 'in' type: 'DummyData' top: 'data' top: 'target' dummy_data_param {
                 shape { dim: 2 dim: 3 } shape { dim: 2 dim: 4 }
                 data_filler { type: 'constant' value: 1 }
                 data_filler { type: 'constant' value: 0 } } }\n"""
            + INNER_PRODUCT
            + "layer { name: 'loss' type: 'EuclideanLoss' bottom: 'ip' bottom: 'target' "
            + "top: 'loss' }"
        )
        testing = "test_iter: 2 test_interval: 1000 test_initialization: false" if test else ""
        path = write(
            f"net: '{net}' base_lr: 0.01 lr_policy: 'fixed' max_iter: 10 display: 0 {testing} "
            f"snapshot_after_train: false type: '{kind}' {extra}",
            "solver.prototxt",
        )
        return pycaffe.get_solver(path)

    return make
