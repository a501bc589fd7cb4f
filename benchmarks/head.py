"""How long does the head take, and how much memory: feature to loss and back, by implementation?

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

import argparse
import json
import os
import sys
from pathlib import Path

from amcaffe import cli
from amcaffe.files import atomic_write
from amcaffe.progress import Progress
from bench import gpu, machine
from bench.plot import against_classes
from bench.problem import Shape
from bench.rounds import Bench
from bench.table import markdown, records
from bench.worker import IMPLEMENTATIONS

SHAPES = (Shape(256, 512, 10516), Shape(256, 512, 100000), Shape(64, 128, 1000000))
ROUNDS = 7


def main(argv):
    options = _arguments().parse_args(argv)
    devices = options.devices or (["cpu", "gpu"] if gpu.name() else ["cpu"])
    jobs = [(device, shape) for device in devices for shape in options.shapes]
    names = set(options.implementations)
    with Progress("head", len(jobs) * len(names), "implementations") as progress:

        def told(row):
            progress.say(str(row))
            progress.update(1)
            _write_records(options.out, bench.rows)

        bench = Bench(options.rounds, machine.environment(options.threads, options.out), told)
        try:
            for device, shape in jobs:
                bench.measure(device, shape, names)
            status = 0
        except KeyboardInterrupt:
            progress.say("interrupted: what was measured is kept")
            status = cli.INTERRUPTED
    facts = {**machine.facts(devices, options.threads), **bench.facts, "rounds": options.rounds}
    text = f"{'; '.join(f'{name}: {fact}' for name, fact in facts.items())}.\n\n"
    text += markdown(bench.rows)
    _write_records(options.out, bench.rows)
    atomic_write(options.out / "head.md", text)
    measured = records(bench.rows)
    if measured:
        atomic_write(options.out / "head.png", against_classes(measured).png())
    print(text, end="")
    return status


def _write_records(folder, rows):
    atomic_write(folder / "head.json", json.dumps(records(rows), indent=1) + "\n")


def _arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="[build/bench]")
    parser.add_argument(
        "--shapes", nargs="+", type=Shape.parse, default=SHAPES, metavar="BATCHxDIMxCLASSES",
        help=f"[{' '.join(map(str, SHAPES))}]",
    )
    parser.add_argument(
        "--implementations", nargs="+", choices=IMPLEMENTATIONS, default=list(IMPLEMENTATIONS),
        metavar="NAME", help="[all]",
    )
    parser.add_argument("--rounds", type=_positive, default=ROUNDS, help=f"of a pair [{ROUNDS}]")
    parser.add_argument(
        "--threads", type=_positive, default=len(os.sched_getaffinity(0)),
        help="of each implementation on the CPU [those this process may use]",
    )
    parser.add_argument(
        "--devices", nargs="+", choices=("cpu", "gpu"), help="[the CPU, and a GPU that is there]"
    )
    return parser


def _positive(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


if __name__ == "__main__":
    sys.exit(cli.run("benchmarks/head.py", main))
