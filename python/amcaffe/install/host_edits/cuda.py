"""CUDA 11 to 13: how CMake finds and compiles it, and what left the runtime."""

from amcaffe.install.host_edits.host_edit import HostEdit

EDITS = (
    HostEdit(
        "cuda-13 device query",
        "three fields left cudaDeviceProp; the attributes that replace them are in every CUDA",
        ("src/caffe/common.cpp",),
        (
            (
                '  CUDA_CHECK(cudaGetDeviceProperties(&prop, device));\n  LOG(INFO) << "Device id:',
                "  CUDA_CHECK(cudaGetDeviceProperties(&prop, device));\n"
                "  int clock_rate, overlap, timeout;\n"
                "  CUDA_CHECK(cudaDeviceGetAttribute(&clock_rate, cudaDevAttrClockRate,\n"
                "      device));\n"
                "  CUDA_CHECK(cudaDeviceGetAttribute(&overlap, cudaDevAttrGpuOverlap,\n"
                "      device));\n"
                "  CUDA_CHECK(cudaDeviceGetAttribute(&timeout,\n"
                "      cudaDevAttrKernelExecTimeout, device));\n"
                '  LOG(INFO) << "Device id:',
            ),
            ("<< prop.clockRate;", "<< clock_rate;"),
            ('(prop.deviceOverlap ? "Yes" : "No")', '(overlap ? "Yes" : "No")'),
            ('(prop.kernelExecTimeoutEnabled ? "Yes" : "No")', '(timeout ? "Yes" : "No")'),
        ),
    ),
    HostEdit(
        "cuda-13 device query test",
        "the same three fields, in a test that prints them",
        ("src/caffe/test/test_platform.cpp",),
        (
            (
                "class PlatformTest : public ::testing::Test {};\n",
                "class PlatformTest : public ::testing::Test {};\n\n"
                "static int Attribute(cudaDeviceAttr attribute) {\n"
                "  int device = 0, value = 0;\n"
                "  cudaGetDevice(&device);\n"
                "  cudaDeviceGetAttribute(&value, attribute, device);\n"
                "  return value;\n"
                "}\n",
            ),
            (
                'printf("Clock rate:                    %d\\n", CAFFE_TEST_CUDA_PROP.clockRate);',
                'printf("Clock rate:                    %d\\n",\n'
                "         Attribute(cudaDevAttrClockRate));",
            ),
            ("(CAFFE_TEST_CUDA_PROP.deviceOverlap ?", "(Attribute(cudaDevAttrGpuOverlap) ?"),
            (
                "(CAFFE_TEST_CUDA_PROP.kernelExecTimeoutEnabled ?",
                "(Attribute(cudaDevAttrKernelExecTimeout) ?",
            ),
        ),
    ),
    HostEdit(
        "cuda as a language of CMake",
        "FindCUDA is gone from CMake, and knows no architecture since sm_61; ours replaces it",
        ("cmake/Cuda.cmake",),
        (
            (
                r"find_package\(CUDA [0-9.]+ QUIET\)",
                "include(cmake/amcaffe_cuda.cmake)",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "cuda errors with advice",
        "no driver is reported as an old one, and a missing architecture without its remedy",
        ("include/caffe/util/device_alternate.hpp",),
        (
            (
                "#include <driver_types.h>  // cuda driver types\n",
                "#include <driver_types.h>  // cuda driver types\n"
                '#include "caffe/util/cuda_driver.hpp"\n',
            ),
            (
                'CHECK_EQ(error, cudaSuccess) << " " << cudaGetErrorString(error); \\\n',
                'CHECK_EQ(error, cudaSuccess) << " " << cudaGetErrorString(error) \\\n'
                "        << caffe::ErrorHint(error); \\\n",
            ),
        ),
    ),
    HostEdit(
        "cuda threads without a GPU",
        "data layers run on the CPU of a machine that has no driver, too",
        ("src/caffe/internal_thread.cpp",),
        (
            (
                '#include "caffe/internal_thread.hpp"\n',
                '#include "caffe/internal_thread.hpp"\n#include "caffe/util/cuda_driver.hpp"\n',
            ),
            (
                "  CUDA_CHECK(cudaGetDevice(&device));\n",
                "  if (GpuPresent()) { CUDA_CHECK(cudaGetDevice(&device)); }\n",
            ),
            (
                "  CUDA_CHECK(cudaSetDevice(device));\n",
                "  if (GpuPresent()) { CUDA_CHECK(cudaSetDevice(device)); }\n",
            ),
        ),
    ),
    HostEdit(
        "cublas-11 TF32 by choice",
        "cuBLAS takes TF32 only when told to; CAFFE_ALLOW_TF32=1 tells it",
        ("src/caffe/common.cpp",),
        (
            (
                '#include "caffe/util/rng.hpp"\n',
                '#include "caffe/util/cublas_handle.hpp"\n#include "caffe/util/rng.hpp"\n',
            ),
            (
                "  if (cublasCreate(&cublas_handle_) != CUBLAS_STATUS_SUCCESS) {",
                "  if (CreateCublasHandle(&cublas_handle_) != CUBLAS_STATUS_SUCCESS) {",
            ),
            (
                "  CUBLAS_CHECK(cublasCreate(&Get().cublas_handle_));",
                "  CUBLAS_CHECK(CreateCublasHandle(&Get().cublas_handle_));",
            ),
        ),
    ),
)
