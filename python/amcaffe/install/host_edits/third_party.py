"""protobuf, Boost, glog and the other C++ libraries."""

from amcaffe.install.host_edits.host_edit import CPP, HostEdit

EDITS = (
    HostEdit(
        "protobuf-3.21 byte limit",
        "SetTotalBytesLimit lost its second argument, a threshold for warnings",
        CPP,
        (
            (
                r"\bSetTotalBytesLimit\((\w+), *\w+\)",
                r"SetTotalBytesLimit(\1)",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "protobuf-22 links abseil",
        "generated code calls abseil, and what of it only protobuf's own CMake file knows",
        ("cmake/ProtoBuf.cmake",),
        (
            (
                "find_package( Protobuf REQUIRED )\n",
                "find_package(protobuf CONFIG QUIET)\n"
                "find_package( Protobuf REQUIRED )\n"
                "if(protobuf_FOUND)\n"
                "  set(PROTOBUF_LIBRARIES protobuf::libprotobuf)\n"
                "endif()\n",
            ),
        ),
    ),
    HostEdit(
        "boost-1.89 without boost_system",
        "boost_system has been header-only since 1.69, and its library is gone since 1.89",
        ("cmake/Dependencies.cmake",),
        (
            (
                r"find_package\(Boost ([\d.]+) REQUIRED COMPONENTS system ([a-z ]+)\)",
                r"find_package(Boost \1 REQUIRED COMPONENTS \2 OPTIONAL_COMPONENTS system)",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "glog-0.7 export macros",
        "glog/logging.h of 0.7 and later stops the compiler unless this macro is defined",
        ("cmake/Dependencies.cmake",),
        (
            (
                r'(include\("cmake/External/glog\.cmake"\)|find_package\(Glog REQUIRED\))(\r?\n)',
                r"\1\2"
                r'if(EXISTS "${GLOG_INCLUDE_DIR}/glog/export.h")\2'
                r"  add_definitions(-DGLOG_USE_GLOG_EXPORT)\2"
                r"  list(APPEND Caffe_DEFINITIONS PUBLIC -DGLOG_USE_GLOG_EXPORT)\2"
                r"endif()\2",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "packages behind find_package(Caffe)",
        "Boost and protobuf are CMake targets today, which users of Caffe have to find too",
        ("cmake/Templates/CaffeConfig.cmake.in",),
        (
            (
                '  include("${Caffe_CMAKE_DIR}/CaffeTargets.cmake")\n',
                "  find_package(Boost QUIET COMPONENTS thread filesystem\n"
                "               OPTIONAL_COMPONENTS system python@boost_py_version@)\n"
                "  find_package(protobuf CONFIG QUIET)\n"
                '  include("${Caffe_CMAKE_DIR}/CaffeTargets.cmake")\n',
            ),
        ),
    ),
)
