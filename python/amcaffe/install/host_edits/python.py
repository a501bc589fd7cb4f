"""Python, NumPy, SciPy and scikit-image, and how the build finds them."""

from amcaffe.install.host_edits.host_edit import HostEdit

EDITS = (
    HostEdit(
        "python through its interpreter",
        "FindPythonLibs takes any libpython of the system; FindPython3 asks the interpreter",
        ("cmake/Dependencies.cmake",),
        (
            (
                "    find_package(PythonInterp 3.0)\n    find_package(PythonLibs 3.0)\n",
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
        "python-3 iteration",
        "dict.iteritems and xrange are Python 2's",
        ("python/**/*.py", "tools/extra/*.py"),
        (
            (
                r"(?<!\bsix)\.iteritems\(\)",
                r".items()",
            ),
            (
                r"(?<![\w.])xrange\(",
                r"range(",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "numpy-2 tobytes",
        "ndarray.tostring is gone since NumPy 2.3",
        ("python/caffe/*.py",),
        (
            (
                "arr.tostring()",
                "arr.tobytes()",
            ),
        ),
    ),
    HostEdit(
        "numpy-2 frombuffer",
        "binary fromstring is gone since NumPy 2.3; the copy keeps the array writable",
        ("python/caffe/*.py",),
        (
            (
                r"np\.fromstring\(datum\.data, dtype ?= ?np\.uint8\)\.reshape\(",
                r"np.frombuffer(datum.data, dtype=np.uint8).copy().reshape(",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "numpy-1.12 slices by integers",
        "floats are no slice bounds; the box is already rounded",
        ("python/caffe/detector.py",),
        (
            (
                "box = np.clip(box, 0., [im_h, im_w, im_h, im_w])",
                "box = np.clip(box, 0., [im_h, im_w, im_h, im_w]).astype(int)",
            ),
        ),
    ),
    HostEdit(
        "scikit-image as_gray",
        "imread's as_grey is gone since scikit-image 0.16",
        ("python/caffe/io.py",),
        (
            (
                "as_grey=not color",
                "as_gray=not color",
            ),
        ),
    ),
    HostEdit(
        "scikit-image resize mode",
        "resize fills borders by reflection since scikit-image 0.15; Caffe's images had zeros",
        ("python/caffe/io.py",),
        (
            (
                "resize(im_std, new_dims, order=interp_order)",
                "resize(im_std, new_dims, order=interp_order, mode='constant')",
            ),
        ),
    ),
    HostEdit(
        "pybind11 submodule that is not there",
        "OpenPose's second Python module needs a git submodule, which only a full clone has",
        ("op/CMakeLists.txt",),
        (
            (
                "if (BUILD_python)\n\tadd_subdirectory(pybind11)\n",
                "if (BUILD_python AND\n"
                '    EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/pybind11/CMakeLists.txt")\n'
                "\tadd_subdirectory(pybind11)\n",
            ),
            ("endif (BUILD_python)", "endif ()"),
        ),
    ),
)
