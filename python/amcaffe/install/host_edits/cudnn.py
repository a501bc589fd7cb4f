"""cuDNN 8 and 9."""

from amcaffe.install.host_edits.edit import HostEdit

EDITS = (
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
)
