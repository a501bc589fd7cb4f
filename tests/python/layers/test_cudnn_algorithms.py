"""Which of cuDNN's algorithms may be taken, with cuDNN's own types; no GPU is needed.

Compiles against cuDNN of PyPI's wheels; skipped where they are not in this environment.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = ("cudnn_algorithms.hpp", "cudnn_choice.hpp", "gpu_settings.hpp", "gpu_settings.cpp")
PROGRAM = """
#include "caffe/util/cudnn_algorithms.hpp"
#include <cstdio>
int main() {
  // As a finder lists them: the fastest first, and the more workspace the faster.
  const cudnnMathType_t maths[] = {CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION,
      CUDNN_TENSOR_OP_MATH, CUDNN_DEFAULT_MATH, CUDNN_FMA_MATH, CUDNN_FMA_MATH};
  cudnnConvolutionFwdAlgoPerf_t results[5];
  for (int i = 0; i < 5; ++i) {
    results[i].mathType = maths[i];
    results[i].memory = 100 * (5 - i);
    results[i].status = i < 4 ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
  }
  const size_t limits[] = {1000, 299, 0};
  for (int i = 0; i < 3; ++i) {
    printf("%d ", caffe::cudnn::ChooseAlgorithm(results, 5, limits[i], caffe::cudnn::Usable()));
  }
  const cudnnMathType_t math = caffe::cudnn::ConvolutionMath();
  puts(math == CUDNN_FMA_MATH ? "exact" : math == CUDNN_DEFAULT_MATH ? "TF32" : "other");
  cudnnConvolutionDescriptor_t convolution;
  return cudnnCreateConvolutionDescriptor(&convolution);
}
"""


@pytest.fixture(scope="module")
def program(wheel_toolkit, tmp_path_factory):
    if not shutil.which("g++"):
        pytest.skip("g++ is not installed")
    toolkit, folder = wheel_toolkit, tmp_path_factory.mktemp("cudnn")
    util = folder / "caffe/util"
    util.mkdir(parents=True)
    for name in SOURCES:
        shutil.copyfile(Path(__file__).parents[3] / "layers/repairs" / name, util / name)
    # The tree's own has all of Caffe behind it; the sources above need its CHECK.
    (folder / "caffe/common.hpp").write_text("#include <glog/logging.h>\n")
    (folder / "main.cpp").write_text(PROGRAM)
    command = ["g++", "-std=c++11", "-Wall", "-Werror", folder / "main.cpp",
               util / "gpu_settings.cpp", "-I", folder,
               "-isystem", toolkit / "include", "-L", toolkit / "lib", "-lcudnn", "-lglog",
               f"-Wl,-rpath,{toolkit / 'lib'}", "-o", folder / "main"]  # fmt: skip
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder / "main"


@pytest.mark.parametrize("tf32, answer", [("0", "2 3 3 exact"), ("1", "1 3 3 TF32")])
def test_tensor_cores_and_workspace_are_used_as_far_as_allowed(program, tf32, answer):
    environment = {**os.environ, "CAFFE_ALLOW_TF32": tf32}
    environment.pop("LD_LIBRARY_PATH", None)
    done = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == answer
