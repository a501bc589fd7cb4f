"""InnerProduct { normalize: true }: marked lines in the host's own inner product layer."""

import re

from amcaffe.errors import TreeError
from amcaffe.install.edits import BEGIN, END, Span
from amcaffe.tree import without_comments

NAME = "inner product with unit rows"
CPU = "src/caffe/layers/inner_product_layer.cpp"
GPU = "src/caffe/layers/inner_product_layer.cu"
INCLUDE = '#include "caffe/util/normalize_rows.hpp"  // amcaffe\n'
MEMBERS = ("N_", "K_", "blobs_[0]")


def spans(path, text):
    """The spans that make one of the two files honour inner_product_param.normalize.

    Returns: [Span], or None where the host's layer reads that field itself.
    Raises: TreeError: the layer is not written as BVLC's is.
    """
    device = "gpu" if path == GPU else "cpu"
    code = without_comments(text)
    if re.search(r"\.normalize\(\)", code):
        return None
    include = re.search(r"#include \"caffe/util/math_functions\.hpp\"[^\n]*\n", code)
    forward = re.search(
        r"void\s+InnerProductLayer<Dtype>::Forward_" + device + r"\([^)]*\)\s*\{[^\n]*\n", code
    )
    lacking = [name for name in MEMBERS if name not in code]
    if not include:
        lacking.append('#include "caffe/util/math_functions.hpp"')
    if not forward:
        lacking.append(f"InnerProductLayer<Dtype>::Forward_{device}(...) {{")
    if lacking:
        raise TreeError(
            f"{path} is not written as BVLC's is, so {NAME!r} cannot be put into it",
            found="no " + ", no ".join(lacking),
            hint="nothing was changed",
        )
    transposed = "transpose_" if "transpose_" in code else "false"
    block = (
        f"  {BEGIN}: {NAME}\n"
        "  if (this->layer_param_.inner_product_param().normalize()) {\n"
        f"    caffe_{device}_normalize_rows<Dtype>(N_, K_, {transposed},\n"
        f"        this->blobs_[0]->mutable_{device}_data());\n"
        "  }\n"
        f"  {END}\n"
    )
    return [
        Span(NAME, include.end(), include.end(), INCLUDE),
        Span(NAME, forward.end(), forward.end(), block),
    ]
