"""CMake itself."""

from amcaffe.install.host_edits.host_edit import HostEdit

EDITS = (
    HostEdit(
        "cmake-4 minimum version",
        "CMake 4 refuses to work by the rules of CMake before 3.5, and warns before 3.10",
        ("CMakeLists.txt",),
        (
            (
                r"(?m)^cmake_minimum_required\(VERSION (2(?:\.\d+)*|3\.[0-9](?:\.\d+)*)\)",
                r"cmake_minimum_required(VERSION \1...3.10)",
            ),
        ),
        regex=True,
    ),
)
