"""How long does the head take, and how much memory: feature to loss and back, by implementation?

    eval "$(make -s env)"
    python benchmarks/head.py [--shapes BATCHxDIMxCLASSES ...] [--implementations NAME ...]

chain         Caffe: Normalize, InnerProduct, LabelSpecificAdd, Scale, SoftmaxWithLoss
fused         Caffe: MarginSoftmaxLoss
sampled       the same with sample_rate 0.1
torch         PyTorch, eager, in float
torch_compile the same, compiled for the shape
cut_cross_entropy  that package on a GPU, features in bfloat16
products      the three matrix products alone, by the BLAS that Caffe is linked with

Each is a process of its own. Two at a time take turns, first one, then the other first, so that
whatever slows the machine meets both; a ratio is the median over these rounds. Gradients are
cleared between passes, outside of the timing, as each library's users do it: Caffe's are set to
zero and added to, PyTorch's set to None and allocated by backward. A pass has the same inputs in
all, and a loss or gradient that is not the others' is reported. On a GPU each direction is timed
to the end of its work there.

Writes head.json (a list of device, implementation, batch, dim, classes, forward_ms, backward_ms,
total_ms, peak_bytes), head.md, which it prints, and head.png. An interrupted run keeps what it
has measured.
"""

import sys

from bench import command
from bench.plot import against_classes
from bench.problem import Shape

IMPLEMENTATIONS = {
    "chain": "caffe_heads.CaffeHead",
    "fused": "caffe_heads.CaffeHead",
    "sampled": "caffe_heads.CaffeHead",
    "torch": "torch_heads.TorchHead",
    "torch_compile": "torch_heads.TorchHead",
    "cut_cross_entropy": "torch_heads.TorchHead",
    "products": "products.Products",
}
SHAPES = (Shape(256, 512, 10516), Shape(256, 512, 100000), Shape(64, 128, 1000000))

if __name__ == "__main__":
    question = command.Question(
        "head", __doc__, IMPLEMENTATIONS, reference="fused", shapes=SHAPES, rounds=7,
        plot=against_classes, against_weights=True,
    )  # fmt: skip
    sys.exit(command.run(question))
