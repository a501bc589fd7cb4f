"""A GPU build in $CAFFE_ROOT: what it links is found, and it runs as far as this machine lets it.

Made by `python -m amcaffe.build TREE --cuda pip`; the C++ tests of such a build are run by
tests/run_gtests.py. Skipped where $CAFFE_ROOT is built for the CPU only.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from amcaffe.host.cmake_cache import read_cache

# Every kind of layer for which Caffe has one of cuDNN's, in a net that takes milliseconds.
NET = """
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 1 dim: 4 dim: 12 dim: 12 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 4 kernel_size: 3 group: 2 weight_filler { type: "msra" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "lrn" type: "LRN" bottom: "conv" top: "lrn" lrn_param { local_size: 3 } }
layer { name: "pool" type: "Pooling" bottom: "lrn" top: "pool"
        pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "deconv" type: "Deconvolution" bottom: "pool" top: "deconv"
        convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "msra" } } }
layer { name: "tanh" type: "TanH" bottom: "deconv" top: "tanh" }
layer { name: "sigmoid" type: "Sigmoid" bottom: "tanh" top: "sigmoid" }
layer { name: "softmax" type: "Softmax" bottom: "sigmoid" top: "softmax" }
"""


@pytest.fixture(scope="module")
def root():
    name = os.environ.get("CAFFE_ROOT")
    if not name or read_cache(name).get("CPU_ONLY") != "OFF":
        pytest.skip("CAFFE_ROOT names no GPU build (python -m amcaffe.build TREE --cuda pip)")
    return Path(name)


@pytest.fixture(scope="module")
def has_gpu():
    return any(Path("/dev").glob("nvidia[0-9]*"))


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(NET)
    return path


def run(*command, **variables):
    environment = {**os.environ, **variables}
    environment.pop("LD_LIBRARY_PATH", None)  # run paths alone must do
    return subprocess.run(
        list(map(str, command)), env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize(
    "file", ["lib/libcaffe.so", "tools/caffe", "lib/_caffe.so", "test/test.testbin"]
)
def test_every_library_is_found_by_run_path_and_none_is_the_drivers(file, root):
    if not (root / "build" / file).exists():
        pytest.skip(f"{file} is not built")
    libraries = run("ldd", root / "build" / file).stdout
    assert "not found" not in libraries
    assert "libcuda.so" not in libraries  # it comes with a driver, which need not be here
    for name in ("cudart", "cublas", "curand", "cudnn", "nccl"):
        assert re.search(rf"lib{name}\.so\.\d+ => /", libraries), f"{file} lacks {name}"


def test_the_test_that_launches_libcaffes_kernels_is_linked(root):
    program = root / "build/test/test.testbin"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    tests = run(program, "--gtest_list_tests").stdout.split()
    assert "Im2colKernelTest/0." in tests and "Test2D" in tests


@pytest.mark.parametrize("library, call", [("cudnn", "cudnnGetVersion"), ("cublas", None)])
def test_libraries_that_load_further_ones_find_them(library, call, root):
    code = (
        "import ctypes, re, sys\n"
        "caffe = ctypes.CDLL(sys.argv[1])\n"
        f"name = re.search(r'/\\S+/lib{library}\\.so\\.\\d+', open('/proc/self/maps').read())[0]\n"
        f"library = ctypes.CDLL(name)\n"
    )
    if call:
        code += f"assert library.{call}() > 8000\n"
    done = run(sys.executable, "-c", code, root / "build/lib/libcaffe.so")
    assert done.returncode == 0, done.stderr


def test_a_query_for_gpus_answers_or_says_that_there_is_no_driver(root, has_gpu):
    done = run(root / "build/tools/caffe", "device_query", "-gpu", "all")
    if has_gpu:
        assert done.returncode == 0 and "Device id" in done.stderr
    else:
        assert done.returncode != 0 and "there is no NVIDIA driver with a GPU" in done.stderr


def test_a_net_of_layers_that_cudnn_has_runs_on_the_cpu(root, net):
    done = run(root / "build/tools/caffe", "time", "-model", net, "-iterations", "2")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Use CPU" in done.stderr and "Total Time" in done.stderr


def test_pycaffe_computes_on_the_cpu(root, net):
    code = (
        "import sys, numpy, caffe\n"
        "caffe.set_mode_cpu()\n"
        "net = caffe.Net(sys.argv[1], caffe.TEST)\n"
        "numpy.testing.assert_allclose(net.forward()['softmax'].sum(axis=1), 1, rtol=1e-5)\n"
    )
    done = run(sys.executable, "-c", code, net, PYTHONPATH=f"{root / 'python'}")
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_precision_that_is_none_stops_with_a_sentence(root, net):
    done = run(root / "build/tools/caffe", "time", "-model", net, CAFFE_ALLOW_TF32="maybe")
    if "Cannot create Cublas handle" in done.stderr:
        pytest.skip("without a GPU nothing asks for a precision")
    assert done.returncode != 0 and "must be 0 or 1" in done.stderr
