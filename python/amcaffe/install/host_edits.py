"""The edits of the host's own files that today's toolchains need, one unit each.

A unit is applied wherever its old text stands, and is "not needed" in a tree
without it. New text works with every version that CMake, Python, OpenCV, CUDA
and the rest have had in the last years.
"""

import re
from dataclasses import dataclass
from typing import Tuple

from amcaffe.install.edits import Span, pattern_of

CPP = tuple(
    f"{top}/**/*.{suffix}"
    for top in ("include", "src", "tools", "examples", "python")
    for suffix in ("cpp", "hpp", "cu", "cuh", "h")
)
NOT_IN_A_DIRECTIVE = r"(?<!define )(?<!ifdef )(?<!ifndef )(?<!defined\()(?<!defined )"


@dataclass(frozen=True)
class HostEdit:
    """One edit of the files (paths or globs) in which its old text stands.

    `changes` are pairs (old, new). As literal text they belong together: all of
    a file's pairs are applied, or none. As regular expressions each stands alone.
    """

    name: str
    why: str
    files: Tuple[str, ...]
    changes: Tuple[Tuple[str, str], ...]
    regex: bool = False

    def spans(self, text):
        """[Span] for each place of a file's text that is to change."""
        found = []
        for old, new in self.changes:
            matches = list(re.finditer(old if self.regex else pattern_of(old), text))
            if not matches and not self.regex:
                return []
            for match in matches:
                replacement = match.expand(new).replace("\r\n", "\n") if self.regex else new
                found.append(Span(self.name, match.start(), match.end(), replacement))
        return found


HOST_EDITS = (
    HostEdit(
        "opencv-4 imread flags",
        "the CV_LOAD_IMAGE_* macros are gone; cv::IMREAD_* has been there since OpenCV 2.4",
        CPP,
        ((
            NOT_IN_A_DIRECTIVE + r"\bCV_LOAD_IMAGE_([A-Z]+)\b",
            r"cv::IMREAD_\1",
        ),),
        regex=True,
    ),
    HostEdit(
        "opencv-4 colour codes",
        "the CV_BGR2GRAY family of macros is gone; cv::COLOR_* has been there since OpenCV 2.4",
        CPP,
        ((
            NOT_IN_A_DIRECTIVE + r"\bCV_([A-Z][A-Za-z]+2[A-Z][A-Za-z]+)\b",
            r"cv::COLOR_\1",
        ),),
        regex=True,
    ),
    HostEdit(
        "opencv-4 codec properties",
        "the CV_CAP_PROP_* and CV_IMWRITE_* macros are gone; cv::* has been there since OpenCV 3",
        CPP,
        ((
            NOT_IN_A_DIRECTIVE + r"\bCV_((?:CAP_PROP|IMWRITE)_[A-Z_]+)\b",
            r"cv::\1",
        ),),
        regex=True,
    ),
    HostEdit(
        "opencv-5 without the C interface",
        "highgui_c.h is gone in OpenCV 5, and nothing of it is used",
        CPP,
        (
            (
                r"(#include <opencv2/highgui/highgui\.hpp>\r?\n)"
                r"#include <opencv2/highgui/highgui_c\.h>\r?\n",
                r"\1",
            ),
            (
                r"(?<!highgui\.hpp>\n)(?<!highgui\.hpp>\r\n)"
                r"#include <opencv2/highgui/highgui_c\.h>",
                r"#include <opencv2/highgui/highgui.hpp>",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "protobuf-3.21 byte limit",
        "SetTotalBytesLimit lost its second argument, a threshold for warnings",
        ("src/caffe/util/io.cpp",),
        ((
            "SetTotalBytesLimit(kProtoReadBytesLimit, 536870912)",
            "SetTotalBytesLimit(kProtoReadBytesLimit)",
        ),),
    ),
    HostEdit(
        "cmake-4 minimum version",
        "CMake 4 refuses to work by the rules of CMake before 3.5, and warns before 3.10",
        ("CMakeLists.txt",),
        ((
            r"(?m)^cmake_minimum_required\(VERSION (2(?:\.\d+)*|3\.[0-9](?:\.\d+)*)\)",
            r"cmake_minimum_required(VERSION \1...3.10)",
        ),),
        regex=True,
    ),
    HostEdit(
        "boost-1.89 without boost_system",
        "boost_system has been header-only since 1.69, and its library is gone since 1.89",
        ("cmake/Dependencies.cmake",),
        ((
            "find_package(Boost 1.54 REQUIRED COMPONENTS system thread filesystem)",
            "find_package(Boost 1.54 REQUIRED COMPONENTS thread filesystem\n"
            "             OPTIONAL_COMPONENTS system)",
        ),),
    ),
    HostEdit(
        "glog-0.7 export macros",
        "glog/logging.h of 0.7 and later stops the compiler unless this macro is defined",
        ("cmake/Dependencies.cmake",),
        (
            (
                'include("cmake/External/glog.cmake")\n',
                'include("cmake/External/glog.cmake")\n'
                'if(EXISTS "${GLOG_INCLUDE_DIR}/glog/export.h")\n'
                "  list(APPEND Caffe_DEFINITIONS PUBLIC -DGLOG_USE_GLOG_EXPORT)\n"
                "endif()\n",
            ),
        ),
    ),
    HostEdit(
        "python through its interpreter",
        "FindPythonLibs takes any libpython of the system; FindPython3 asks the interpreter",
        ("cmake/Dependencies.cmake",),
        (
            (
                "    find_package(PythonInterp 3.0)\n"
                "    find_package(PythonLibs 3.0)\n",
                "    if(PYTHON_EXECUTABLE)\n"
                '      set(Python3_EXECUTABLE "${PYTHON_EXECUTABLE}")\n'
                "    endif()\n"
                "    find_package(Python3 COMPONENTS Interpreter Development)\n"
                "    set(PYTHONINTERP_FOUND ${Python3_Interpreter_FOUND})\n"
                '    set(PYTHON_EXECUTABLE "${Python3_EXECUTABLE}")\n'
                "    set(PYTHON_VERSION_STRING ${Python3_VERSION})\n"
                "    set(PYTHONLIBS_FOUND ${Python3_Development_FOUND})\n"
                "    set(PYTHONLIBS_VERSION_STRING ${Python3_VERSION})\n"
                "    set(PYTHON_INCLUDE_DIRS ${Python3_INCLUDE_DIRS})\n"
                "    set(PYTHON_LIBRARIES ${Python3_LIBRARIES})\n",
            ),
        ),
    ),
    HostEdit(
        "boost-1.67 name of boost_python",
        "Boost calls it python311 (3.11) since 1.67; another Python's must not be taken instead",
        ("cmake/Dependencies.cmake",),
        (
            (
                '    STRING( REGEX REPLACE "[^0-9]" "" boost_py_version ${version} )\n'
                '    find_package(Boost 1.46 COMPONENTS "python-py${boost_py_version}")\n'
                "    set(Boost_PYTHON_FOUND ${Boost_PYTHON-PY${boost_py_version}_FOUND})\n"
                "\n",
                '    STRING( REGEX REPLACE "^([0-9]+)[.]([0-9]+).*" "\\\\1\\\\2"\n'
                "            boost_py_version ${version} )\n"
                "    set(Boost_PYTHON_VERSION ${version})\n"
                '    find_package(Boost 1.46 COMPONENTS "python${boost_py_version}")\n'
                "    set(Boost_PYTHON_FOUND ${Boost_PYTHON${boost_py_version}_FOUND})\n"
                "\n",
            ),
        ),
    ),
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
    HostEdit(
        "cudnn-8 convolution",
        "the cuDNN layers call functions that left with cuDNN 8, which keeps its version elsewhere",
        ("cmake/Cuda.cmake",),
        (
            (
                "    if(NOT CUDNN_VERSION_MAJOR)\n"
                '      set(CUDNN_VERSION "???")\n',
                "    if(NOT CUDNN_VERSION_MAJOR)\n"
                "      set(HAVE_CUDNN FALSE PARENT_SCOPE)\n"
                '      message(STATUS "cuDNN 8+ lacks what these sources call: left out")\n'
                "      return()\n",
            ),
        ),
    ),
    HostEdit(
        "python-3.12 unittest aliases",
        "assertEquals and assertRaisesRegexp are gone since Python 3.12",
        ("python/caffe/test/*.py",),
        (
            (
                r"\.assert(Equal|NotEqual|AlmostEqual)s\(",
                r".assert\1(",
            ),
            (
                r"\.assertRaisesRegexp\(",
                r".assertRaisesRegex(",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "numpy-2 tobytes",
        "ndarray.tostring is gone since NumPy 2.3",
        ("python/caffe/*.py",),
        ((
            "arr.tostring()",
            "arr.tobytes()",
        ),),
    ),
    HostEdit(
        "numpy-2 frombuffer",
        "binary fromstring is gone since NumPy 2.3; the copy keeps the array writable",
        ("python/caffe/*.py",),
        ((
            "np.fromstring(datum.data, dtype=np.uint8).reshape(",
            "np.frombuffer(datum.data, dtype=np.uint8).copy().reshape(",
        ),),
    ),
    HostEdit(
        "numpy-1.12 slices by integers",
        "floats are no slice bounds; the box is already rounded",
        ("python/caffe/detector.py",),
        ((
            "box = np.clip(box, 0., [im_h, im_w, im_h, im_w])",
            "box = np.clip(box, 0., [im_h, im_w, im_h, im_w]).astype(int)",
        ),),
    ),
    HostEdit(
        "scikit-image as_gray",
        "imread's as_grey is gone since scikit-image 0.16",
        ("python/caffe/io.py",),
        ((
            "as_grey=not color",
            "as_gray=not color",
        ),),
    ),
)
