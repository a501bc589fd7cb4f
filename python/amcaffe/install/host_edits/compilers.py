"""GCC and clang of today."""

from amcaffe.install.host_edits.host_edit import HostEdit

CMAKE_FILES = ("CMakeLists.txt", "cmake/*.cmake")

EDITS = (
    HostEdit(
        "c++17 where c++11 was asked for",
        "headers of protobuf 22, OpenCV 5 and CUDA 13 need it; it is the default since GCC 11",
        CMAKE_FILES,
        (
            (
                r"-std=(c|gnu)\+\+(?:0x|1y|11|14)(?![\w+])",
                r"-std=\1++17",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "warnings as warnings",
        "a compiler of today warns of more than the one that a tree was free of warnings with",
        CMAKE_FILES,
        (
            (
                r" -Werror(?![\w=-])",
                r"",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "clang-16 and older Boost",
        "Boost.MPL before 1.83 leaves an enum's range, which clang takes for an error since 16",
        ("cmake/Dependencies.cmake",),
        (
            (
                "find_package(Threads REQUIRED)\n",
                "find_package(Threads REQUIRED)\n"
                'if(CMAKE_CXX_COMPILER_ID MATCHES "Clang"\n'
                "   AND NOT CMAKE_CXX_COMPILER_VERSION VERSION_LESS 16\n"
                "   AND Boost_VERSION_STRING VERSION_LESS 1.83)\n"
                "  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-enum-constexpr-conversion>)\n"
                "endif()\n",
            ),
        ),
    ),
)
