"""How long does an iteration of the experiment's training take, how much memory, and how much of
both does the fused loss save? And in PyTorch?

    eval "$(make -s env)"
    python benchmarks/iteration.py [--shapes BATCHx512xCLASSES]

chain  prototxt/face_train_test.prototxt: 20 layers, 112x96 images, AM-Softmax as separate layers
fused  prototxt/face_train_test_fused.prototxt: the same under MarginSoftmaxLoss
torch  the same net, head and solver in PyTorch, eager
torch_channels_last  the same with images and filters stored channels last, on a GPU

The images are noise in memory: reading is not timed. Forward is the net's; backward is the net's,
and the solver's update of the weights. Processes, rounds and ratios are as in head.py. At batch
256 a pass of Caffe takes 85 s on two cores, and this makes six.

Writes iteration.json, as head.json, and iteration.md, which it prints.
"""

import sys

from bench import command
from bench.problem import Shape

IMPLEMENTATIONS = {
    "chain": "training.Training",
    "fused": "training.Training",
    "torch": "torch_training.TorchTraining",
    "torch_channels_last": "torch_training.TorchTraining",
}

if __name__ == "__main__":
    question = command.Question(
        "iteration", __doc__, IMPLEMENTATIONS, reference="fused", shapes=(Shape(256, 512, 10516),),
        rounds=1,
    )  # fmt: skip
    sys.exit(command.run(question))
