"""The edits of the host's own files that today's toolchains need, one unit each.

A unit is applied wherever its old text stands, and is "not needed" in a tree
without it. New text works with every version that CMake, Python, OpenCV, CUDA
and the rest have had in the last years.
"""

from amcaffe.install.host_edits import (
    binding,
    cmake,
    compilers,
    cuda,
    cudnn,
    makefile,
    opencv,
    python,
    scripts,
    state,
    third_party,
)

HOST_EDITS = (
    opencv.EDITS
    + third_party.EDITS
    + cmake.EDITS
    + compilers.EDITS
    + python.EDITS
    + binding.EDITS
    + cuda.EDITS
    + cudnn.EDITS
    + makefile.EDITS
    + scripts.EDITS
    + state.EDITS
)
