"""Caffe's own tests and ours on the patched tree in $CAFFE_ROOT: gtest, then pycaffe's unittest.

Prints the runners' own summaries; the whole output is in build/gtests.log and
build/pycaffe-tests.log. Without a GPU only the CPU's tests run.
"""

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

# Tests typed over devices come as /0 and /1 for the CPU, /2 and /3 for the GPU.
CPU_ONLY = "--gtest_filter=-*GPU*:*/2.*:*/3.*"


def gpus():
    """How many GPUs the driver sees; 0 without a driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def logged(command, folder, log, progress, summary):
    """Run a command with its output in a log.

    Args:
        progress: function of a line of its output: the text to show, or None.
        summary: pattern of the first line of the runner's summary, printed to its end.
    Returns: exit status.
    """
    log.parent.mkdir(exist_ok=True)
    print(f"$ cd {folder} && {' '.join(map(str, command))}", flush=True)
    lines = []
    with open(log, "w") as file, subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout:
            file.write(line)
            lines.append(line)
            shown = progress(line)
            if shown:
                print(shown, flush=True)
    starts = [number for number, line in enumerate(lines) if re.match(summary, line)]
    # A runner that died has no summary: then its last words are what there is to see.
    print("".join(lines[starts[-1] :] if starts else lines[-40:]), end="", flush=True)
    print(f"log: {log}", flush=True)
    return process.returncode


def main():
    root = os.environ.get("CAFFE_ROOT")
    if not root:
        sys.exit('CAFFE_ROOT is not set; run `make test`, or first: eval "$(make -s env)"')
    root, logs = Path(root), Path("build").absolute()
    binary = root / "build/test/test.testbin"
    command = [binary] if gpus() else [binary, CPU_ONLY]

    def failures_and_every_fiftieth_case(line):
        if "FAILED" in line or "error:" in line or "Failure" in line:
            return line.rstrip()
        if line.startswith("[----------]") and " from " in line and "total" not in line:
            failures_and_every_fiftieth_case.seen += 1
            if failures_and_every_fiftieth_case.seen % 50 == 0:
                return line.rstrip()
        return None

    failures_and_every_fiftieth_case.seen = 0
    gtest = logged(
        command, root, logs / "gtests.log", failures_and_every_fiftieth_case, r"\[=+\] \d+ tests? .*ran"
    )
    unittest = logged(
        [sys.executable, "-m", "unittest", "discover", "-s", "caffe/test"],
        root / "python",
        logs / "pycaffe-tests.log",
        lambda line: line.rstrip() if line.startswith(("FAIL", "ERROR")) else None,
        r"Ran \d+ tests?",
    )
    return 1 if gtest or unittest else 0


if __name__ == "__main__":
    sys.exit(main())
