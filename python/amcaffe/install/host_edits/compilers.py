"""GCC and clang of today."""

from amcaffe.install.host_edits.edit import HostEdit

CMAKE_FILES = ("CMakeLists.txt", "cmake/*.cmake")

EDITS = (
    HostEdit(
        "c++17 where c++11 was asked for",
        "headers of protobuf 22, OpenCV 5 and CUDA 13 need it; it is the default since GCC 11",
        CMAKE_FILES,
        ((
            r"-std=(c|gnu)\+\+(?:0x|1y|11|14)(?![\w+])",
            r"-std=\1++17",
        ),),
        regex=True,
    ),
    HostEdit(
        "warnings as warnings",
        "a compiler of today warns of more than the one that a tree was free of warnings with",
        CMAKE_FILES,
        ((
            r" -Werror(?![\w=-])",
            r"",
        ),),
        regex=True,
    ),
)
