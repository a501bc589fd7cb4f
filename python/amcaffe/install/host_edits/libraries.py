"""protobuf, Boost, glog and the other C++ libraries."""

from amcaffe.install.host_edits.edit import HostEdit

EDITS = (
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
)
