"""An implementation in a process of its own, which does a turn whenever it is asked to.

So its memory is its own, its end is not the benchmark's, and two of them can take turns while
both stay warm. As a script this is that process: it answers each line on its input by one of JSON.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.meter import Meter
from bench.problem import LeftOut, Shape

TURN_SECONDS = 0.3  # of timed passes in a turn, or one pass where that takes longer
TINY = Shape(4, 8, 16)


class Failed(Exception):
    """The process died or could not go on; the text is the reason."""


class Worker:
    """An implementation that is ready to run.

    Args: kind: its class in this package, as "module.Class", which gets the next three.
        name: its own. shape: Shape. device: "cpu" or "gpu".
        environment: of the process; its thread counts are set there.
    Raises: LeftOut: it cannot run here. Failed.
    """

    def __init__(self, kind, name, shape, device, environment):
        self.name, self.turns = name, []
        self._words = tempfile.TemporaryFile()  # what it says on stderr
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", kind, name, str(shape), device],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._words, text=True,
            env=_with_our_path(environment),
            start_new_session=True,  # a Ctrl-C is for the benchmark, which then ends this
        )  # fmt: skip
        try:
            ready = self._answer()
            if "left_out" in ready:
                raise LeftOut(ready["left_out"])
            self.outcome, self.facts = ready["outcome"], ready["facts"]
        except BaseException:
            self.close()
            raise

    def turn(self):
        """Run for a while; one more dict of forward_ms, backward_ms, total_ms and peak_bytes in
        `turns`. Raises Failed."""
        with contextlib.suppress(BrokenPipeError):  # it is dead: its answer tells
            self._process.stdin.write("turn\n")
            self._process.stdin.flush()
        self.turns.append(self._answer())

    def close(self):
        """End the process, and those that it started: torch.compile's compilers."""
        if self._process.returncode is None:  # so its number is still its own
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._words.close()

    def _answer(self):
        line = self._process.stdout.readline()
        answer = json.loads(line) if line.endswith("\n") else {"failed": self._obituary()}
        if "failed" in answer:
            raise Failed(answer["failed"])
        return answer

    def _obituary(self):
        status = self._process.wait()
        self._words.seek(0)
        words = self._words.read().decode(errors="replace").strip().splitlines()
        if status == -signal.SIGKILL:
            return "killed, as the kernel does where memory runs out"
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return f"died ({how}): {words[-1] if words else 'without a word'}"


def _with_our_path(environment):
    paths = [str(Path(__file__).parents[1]), *sys.path]
    return {**environment, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def turn(head):
    """Pass after pass for TURN_SECONDS, after one that is not timed: caches and threads wake.

    Returns: dict: median milliseconds of forward, backward and both.
    """
    _timed_pass(head)
    times, end = [], time.perf_counter() + TURN_SECONDS
    while not times or time.perf_counter() < end:
        times.append(_timed_pass(head))
    names = ("forward_ms", "backward_ms", "total_ms")
    return dict(zip(names, map(statistics.median, zip(*times))))


def _timed_pass(head):
    head.clear()  # the gradients, outside of the timing
    begin = time.perf_counter()
    head.forward()
    middle = time.perf_counter()
    head.backward()
    end = time.perf_counter()
    return 1e3 * (middle - begin), 1e3 * (end - middle), 1e3 * (end - begin)


def main(kind, name, shape, device):
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # so that nothing that a library prints is taken for an answer
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # should memory run out, no other program is to die of it
        _serve(kind, name, Shape.parse(shape), device, answers)
    except LeftOut as reason:
        print(json.dumps({"left_out": str(reason)}), file=answers)
    except Exception as error:
        text = " ".join(str(error).split())
        print(json.dumps({"failed": f"{type(error).__name__}: {text[:300]}"}), file=answers)


def _serve(kind, name, shape, device, answers):
    module, kind = kind.split(".")
    make = getattr(importlib.import_module(f"bench.{module}"), kind)
    # What libraries load or reserve at first use is not the head's: a tiny one goes first.
    tiny = make(name, TINY, device)
    _timed_pass(tiny)
    del tiny
    gc.collect()
    meter = Meter(device)
    head = make(name, shape, device)
    _timed_pass(head)
    # The GPU's meter counts all processes: once those that take turns with this one are there,
    # their memory too. The first pass allocates what the next ones use.
    first = meter.peak()
    print(json.dumps({"outcome": head.outcome(), "facts": head.facts()}), file=answers)
    for _ in sys.stdin:
        measured = turn(head)
        measured["peak_bytes"] = first if device == "gpu" else meter.peak()
        print(json.dumps(measured), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
