"""The benchmarks as a user runs them, and what they are made of."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))


@pytest.fixture
def environment():
    """Variables with this checkout's package ahead of all others."""
    python = str(BENCHMARKS.parent / "python")
    paths = [python, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@pytest.fixture
def benchmark_run(environment, tmp_path):
    """Run a benchmark on one thread of the CPU; modules: {name: text} to meet first."""

    def run(question, *arguments, modules=(), wait=True):
        for name, text in dict(modules).items():
            (tmp_path / f"{name}.py").write_text(text)
        path = os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]])
        process = subprocess.Popen(
            [sys.executable, str(BENCHMARKS / f"{question}.py"), "--out", str(tmp_path / "out"),
             "--devices", "cpu", "--threads", "1", *arguments],
            env={**environment, "PYTHONPATH": path},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if not wait:
            return process
        output, errors = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    return run


@pytest.fixture
def head(benchmark_run):
    """Run benchmarks/head.py."""
    return functools.partial(benchmark_run, "head")
