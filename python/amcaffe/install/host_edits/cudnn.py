"""cuDNN 8 and 9."""

from amcaffe.install.host_edits.host_edit import HostEdit

HEADER = "include/caffe/util/cudnn.hpp"

EDITS = (
    HostEdit(
        "cudnn-8 algorithm finders",
        "what layers choose algorithms by left with cuDNN 8; our header has it, for sources that "
        "know cuDNN 5's calls",
        (HEADER,),
        (
            (
                r"#include <cudnn\.h>\r?\n(?=[\s\S]*CUDNN_VERSION_MIN\(5, 0, 0\))",
                '#include <cudnn.h>\n\n#include "caffe/util/cudnn_algorithms.hpp"\n',
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "cudnn-9 status names",
        "cuDNN 9 has forty more status codes, and names them itself",
        (HEADER,),
        (
            (
                r"inline const char\* (?:CUDNNWINAPI )?cudnnGetErrorString\(",
                r"#if CUDNN_VERSION < 8000\n\g<0>",
            ),
            (
                r'  return "Unknown cudnn status";\r?\n\}\r?\n',
                '  return "Unknown cudnn status";\n}\n#endif\n',
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "cudnn layers without a GPU",
        "a layer of cuDNN stops at its creation where there is no GPU, on the CPU too",
        ("src/caffe/layer_factory.cpp",),
        (
            (
                r'(#include "caffe/layers/cudnn_conv_layer\.hpp"\r?\n)',
                r'\1#include "caffe/util/cuda_driver.hpp"\n',
            ),
            (
                r"\bengine = (\w+)_Engine_CUDNN;",
                r"engine = GpuPresent() ? \1_Engine_CUDNN\n"
                r"          : \1_Engine_CAFFE;",
            ),
        ),
        regex=True,
    ),
)
