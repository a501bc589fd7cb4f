"""The edits of the host's own files that today's toolchains need, one unit each.

A unit is applied wherever its old text stands, and is "not needed" in a tree
without it. New text works with every version that CMake, Python, OpenCV, CUDA
and the rest have had in the last years.
"""

from amcaffe.install.host_edits import (
    cmake,
    compilers,
    cuda,
    cudnn,
    libraries,
    makefile,
    opencv,
    pycaffe,
    python,
    tools,
)

HOST_EDITS = (
    opencv.EDITS
    + libraries.EDITS
    + cmake.EDITS
    + compilers.EDITS
    + python.EDITS
    + pycaffe.EDITS
    + cuda.EDITS
    + cudnn.EDITS
    + makefile.EDITS
    + tools.EDITS
)
