"""How long does an iteration of the experiment's training take, how much memory, and how much of
both does the fused loss save?

    eval "$(make -s env)"
    python benchmarks/iteration.py [--shapes BATCHx512xCLASSES]

chain  prototxt/face_train_test.prototxt: 20 layers, 112x96 images, AM-Softmax as separate layers
fused  prototxt/face_train_test_fused.prototxt: the same under MarginSoftmaxLoss

The images are noise in memory: reading is not timed. Forward is the net's; backward is the net's,
and the solver's update of the weights. Processes, rounds and ratios are as in head.py. At batch
256 a pass takes 85 s on two cores, and this makes six.

Writes iteration.json, as head.json, and iteration.md, which it prints.
"""

import sys

from bench import command
from bench.problem import Shape

IMPLEMENTATIONS = {"chain": "training.Training", "fused": "training.Training"}

if __name__ == "__main__":
    question = command.Question(
        "iteration", __doc__, IMPLEMENTATIONS, reference="fused", shapes=(Shape(256, 512, 10516),),
        rounds=1,
    )  # fmt: skip
    sys.exit(command.run(question))
