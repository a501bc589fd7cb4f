"""A kernel of libcaffe can be launched from a test program, as test_im2col_kernel.cu does.

Links a library and a program of two files by cmake/amcaffe_cuda.cmake, with nvcc of PyPI's
wheels; skipped where they are not in this environment. No GPU is needed.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FILES = {
    "CMakeLists.txt": """
cmake_minimum_required(VERSION 3.25)
project(kernels CXX)
include(cmake/amcaffe_cuda.cmake)
add_subdirectory(src/caffe)
""",
    # The tree's own CMake calls this in these two folders, with absolute paths.
    "src/caffe/CMakeLists.txt": """
caffe_cuda_compile(objects ${CMAKE_CURRENT_SOURCE_DIR}/util/im2col.cu)
add_library(caffe SHARED ${objects})
add_subdirectory(test)
""",
    "src/caffe/test/CMakeLists.txt": """
caffe_cuda_compile(objects ${CMAKE_CURRENT_SOURCE_DIR}/test_im2col_kernel.cu)
add_executable(test.testbin ${objects})
target_link_libraries(test.testbin caffe)
""",
    "src/caffe/util/im2col.cu": """
template <typename Dtype>
__global__ void im2col_gpu_kernel(const int n, Dtype* data_col) {
  data_col[n] = Dtype(n);
}
template <typename Dtype>
void im2col_gpu(const int n, Dtype* data_col) {
  im2col_gpu_kernel<Dtype><<<1, 1>>>(n, data_col);
}
template void im2col_gpu<float>(const int n, float* data_col);
""",
    "src/caffe/test/test_im2col_kernel.cu": """
template <typename Dtype>
__global__ void im2col_gpu_kernel(const int n, Dtype* data_col);
int main() {
  im2col_gpu_kernel<float><<<1, 1>>>(0, nullptr);
}
""",
}


def run(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)


def test_a_program_launches_a_kernel_that_is_defined_in_the_library(wheel_toolkit, tmp_path):
    if not shutil.which("cmake"):
        pytest.skip("cmake is not installed")
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "cmake").mkdir()
    shutil.copy(ROOT / "cmake/amcaffe_cuda.cmake", tmp_path / "cmake")
    build = tmp_path / "build"
    options = [f"-DCUDA_TOOLKIT_ROOT_DIR={wheel_toolkit}", "-DCMAKE_CUDA_ARCHITECTURES=90"]
    done = run("cmake", "-S", tmp_path, "-B", build, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run("cmake", "--build", build)
    assert done.returncode == 0, done.stdout + done.stderr
