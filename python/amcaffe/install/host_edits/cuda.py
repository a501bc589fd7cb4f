"""CUDA 11 to 13: architectures and what left the runtime."""

from amcaffe.install.host_edits.edit import HostEdit

EDITS = (
    HostEdit(
        "cuda-13 device query",
        "three fields left cudaDeviceProp; the attributes that replace them are in every CUDA",
        ("src/caffe/common.cpp",),
        (
            (
                "  CUDA_CHECK(cudaGetDeviceProperties(&prop, device));\n"
                '  LOG(INFO) << "Device id:',
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
        "cuda architectures of today",
        "CUDA 13 compiles for sm_75 and later only, and CUDA 12 for sm_50 and later",
        ("cmake/Cuda.cmake",),
        (
            (
                'message(STATUS "CUDA detected: " ${CUDA_VERSION})\n',
                'message(STATUS "CUDA detected: " ${CUDA_VERSION})\n'
                "if(NOT CUDA_VERSION VERSION_LESS 13.0)\n"
                '  set(Caffe_known_gpu_archs "75 80 86 89 90 100 120")\n'
                "elseif(NOT CUDA_VERSION VERSION_LESS 11.8)\n"
                '  set(Caffe_known_gpu_archs "60 70 75 80 86 89 90")\n'
                "elseif(NOT CUDA_VERSION VERSION_LESS 9.0)\n"
                '  set(Caffe_known_gpu_archs "50 60 61 70")\n'
                "endif()\n",
            ),
        ),
    ),
    HostEdit(
        "cuda architecture names of today",
        "Volta and its successors can be asked for by name",
        ("cmake/Cuda.cmake",),
        (
            (
                'set(__archs_names "Fermi" "Kepler" "Maxwell" "Pascal" "All" "Manual")',
                'set(__archs_names "Fermi" "Kepler" "Maxwell" "Pascal" "Volta" "Turing"\n'
                '      "Ampere" "Ada" "Hopper" "Blackwell" "All" "Manual")',
            ),
            (
                '    set(__cuda_arch_bin "60 61")\n',
                '    set(__cuda_arch_bin "60 61")\n'
                '  elseif(${CUDA_ARCH_NAME} STREQUAL "Volta")\n'
                '    set(__cuda_arch_bin "70")\n'
                '  elseif(${CUDA_ARCH_NAME} STREQUAL "Turing")\n'
                '    set(__cuda_arch_bin "75")\n'
                '  elseif(${CUDA_ARCH_NAME} STREQUAL "Ampere")\n'
                '    set(__cuda_arch_bin "80 86")\n'
                '  elseif(${CUDA_ARCH_NAME} STREQUAL "Ada")\n'
                '    set(__cuda_arch_bin "89")\n'
                '  elseif(${CUDA_ARCH_NAME} STREQUAL "Hopper")\n'
                '    set(__cuda_arch_bin "90")\n'
                '  elseif(${CUDA_ARCH_NAME} STREQUAL "Blackwell")\n'
                '    set(__cuda_arch_bin "100 120")\n',
            ),
        ),
    ),
    HostEdit(
        "cuda PTX of today",
        "the default of compute_50 beside -DCUDA_ARCH_NAME=Manual is refused by CUDA 13",
        ("cmake/Cuda.cmake",),
        ((
            'set(CUDA_ARCH_PTX "50"                     CACHE STRING',
            'set(CUDA_ARCH_PTX ""                       CACHE STRING',
        ),),
    ),
    HostEdit(
        "cuda versions as versions",
        'as strings "13.0" is less than "9.0", and removing 20 from 120 leaves 1',
        ("cmake/Cuda.cmake",),
        (
            (
                '  string(COMPARE LESS "${CUDA_VERSION}" "9.0" iscudaolderthan90)\n'
                "  if(NOT iscudaolderthan90)\n"
                '    string(REPLACE "21(20)" "" __cuda_arch_bin "${__cuda_arch_bin}")\n'
                '    string(REPLACE "20" "" __cuda_arch_bin "${__cuda_arch_bin}")\n'
                "  endif()\n",
                "  if(NOT CUDA_VERSION VERSION_LESS 9.0)\n"
                '    list(REMOVE_ITEM __cuda_arch_bin "21(20)" "20")\n'
                "  endif()\n",
            ),
        ),
    ),
)
