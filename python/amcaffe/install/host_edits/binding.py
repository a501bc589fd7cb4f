"""pycaffe on pybind11 beside the host's on Boost.Python, and Caffe's errors as exceptions."""

from amcaffe.install.host_edits.host_edit import HostEdit

EDITS = (
    HostEdit(
        "pycaffe binding",
        "Boost.Python is tied to one Python; -Dpycaffe_binding=pybind11 does without it",
        ("cmake/Dependencies.cmake",),
        (
            (
                "# ---[ Python\nif(BUILD_python)\n",
                "# ---[ Python\n"
                'set(pycaffe_binding "boost" CACHE STRING "What pycaffe is made with")\n'
                'set_property(CACHE pycaffe_binding PROPERTY STRINGS "boost;pybind11")\n'
                'if(BUILD_python AND pycaffe_binding STREQUAL "pybind11")\n'
                "  include(cmake/amcaffe_pycaffe.cmake)\n"
                "  set(HAVE_PYTHON TRUE)\n"
                "  if(BUILD_python_layer)\n"
                "    add_definitions(-DPYTHON_LAYER_IN_PYCAFFE)\n"
                "  endif()\n"
                "elseif(BUILD_python)\n",
            ),
        ),
    ),
    HostEdit(
        "pycaffe sources",
        "the pybind11 binding is a folder of its own, src/pycaffe",
        ("python/CMakeLists.txt",),
        (
            (
                "file(GLOB_RECURSE python_srcs ${PROJECT_SOURCE_DIR}/python/*.cpp)\n",
                "file(GLOB_RECURSE python_srcs ${PROJECT_SOURCE_DIR}/python/*.cpp)\n"
                'if(pycaffe_binding STREQUAL "pybind11")\n'
                "  file(GLOB python_srcs ${PROJECT_SOURCE_DIR}/src/pycaffe/*.cpp)\n"
                "endif()\n",
            ),
        ),
    ),
    HostEdit(
        "fatal errors as exceptions",
        "a failed CHECK ends Python; where pycaffe calls, it is thrown instead",
        ("include/caffe/common.hpp",),
        (
            (
                '#include "caffe/util/device_alternate.hpp"\n',
                # First: device_alternate.hpp has functions with a CHECK in them.
                '#include "caffe/util/fatal_error.hpp"\n'
                '#include "caffe/util/device_alternate.hpp"\n',
            ),
        ),
    ),
)
