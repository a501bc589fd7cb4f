"""The command line of a benchmark: what it is asked, and the files that it answers with."""

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from amcaffe import cli
from amcaffe.data.files import atomic_write
from amcaffe.progress import Progress
from bench import gpu, machine
from bench.problem import Shape
from bench.rounds import Bench
from bench.table import markdown, records


@dataclass(frozen=True)
class Question:
    """A benchmark.

    name: of its file and of those it writes. text: its docstring. implementations, reference:
    as bench.rounds.Bench has them. shapes, rounds: what is measured by default. plot: function
    from records to a Drawing, or None. against_weights: of bench.table.markdown.
    """

    name: str
    text: str
    implementations: dict
    reference: str
    shapes: tuple
    rounds: int
    plot: Optional[Callable] = None
    against_weights: bool = False


def run(question, argv=None):
    """Exit status of the benchmark with the process's arguments."""
    return cli.run(f"benchmarks/{question.name}.py", lambda argv: _main(question, argv), argv)


def _main(question, argv):
    options = _parser(question).parse_args(argv)
    stem = options.out / question.name
    kinds = {
        name: kind
        for name, kind in question.implementations.items()
        if name in options.implementations
    }
    devices = options.devices or (["cpu", "gpu"] if gpu.name() else ["cpu"])
    jobs = [(device, shape) for device in devices for shape in options.shapes]
    environment = machine.environment(options.threads, options.out, options.tf32)
    with Progress(question.name, len(jobs) * len(kinds), "implementations") as progress:

        def told(row):
            progress.say(str(row))
            progress.update(1)
            _write_records(stem, bench.rows)

        bench = Bench(kinds, question.reference, options.rounds, environment, told)
        status = 0
        try:
            for device, shape in jobs:
                bench.measure(device, shape)
        except KeyboardInterrupt:
            progress.say("interrupted: what was measured is kept")
            status = cli.INTERRUPTED
    facts = {
        **machine.facts(devices, options.threads, options.tf32),
        **bench.facts,
        "rounds": options.rounds,
    }
    text = f"{'; '.join(f'{name}: {fact}' for name, fact in facts.items())}.\n\n"
    text += markdown(bench.rows, question.against_weights)
    _write_records(stem, bench.rows)
    atomic_write(f"{stem}.md", text)
    print(text, end="", flush=True)
    measured = records(bench.rows)
    if measured and question.plot:
        atomic_write(f"{stem}.png", question.plot(measured).png())
    return status


def _write_records(stem, rows):
    atomic_write(f"{stem}.json", json.dumps(records(rows), indent=1) + "\n")


def _parser(question):
    parser = argparse.ArgumentParser(
        description=question.text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="[build/bench]")
    parser.add_argument(
        "--shapes",
        nargs="+",
        type=_shape,
        default=question.shapes,
        metavar="BATCHxDIMxCLASSES",
        help=f"[{' '.join(map(str, question.shapes))}]",
    )
    parser.add_argument(
        "--implementations",
        nargs="+",
        choices=question.implementations,
        metavar="NAME",
        default=list(question.implementations),
        help="[all]",
    )
    parser.add_argument(
        "--rounds",
        type=_positive,
        default=question.rounds,
        metavar="N",
        help=f"turns of a pair [{question.rounds}]",
    )
    parser.add_argument(
        "--threads",
        type=_positive,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="of each implementation on the CPU [as many as this process has processors]",
    )
    parser.add_argument(
        "--devices", nargs="+", choices=("cpu", "gpu"), help="[the CPU, and a GPU that is there]"
    )
    parser.add_argument(
        "--tf32", action="store_true", help="allow TF32 on the GPU, to all alike [exact floats]"
    )
    return parser


def _shape(text):
    try:
        return Shape.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not BATCHxDIMxCLASSES with two classes or more, such as 256x512x10516"
        ) from None


def _positive(text):
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 up")
    return number
