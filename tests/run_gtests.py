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

from amcaffe.bundle.selftest import CPU_TESTS

CPU_ONLY = f"--gtest_filter={CPU_TESTS}"


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


def logged(command, folder, log, passed, failed, summary):
    """Run a test runner with its output in a log: failures are shown as they come.

    Args:
        passed, failed, summary: patterns of the lines that tell one passed test, a
            failure, and the begin of the runner's summary, which is printed to its end.
    Returns: exit status.
    """
    log.parent.mkdir(exist_ok=True)
    print(f"$ cd {folder} && {' '.join(map(str, command))}", flush=True)
    lines, count = [], 0
    with (
        open(log, "w") as file,
        subprocess.Popen(
            command,
            cwd=folder,
            env=dict(os.environ, GLOG_logtostderr="1"),  # not to files in the temporary folder
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        for line in process.stdout:
            file.write(line)
            lines.append(line)
            if re.match(failed, line):
                print(line, end="", flush=True)
            elif re.match(passed, line):
                count += 1
                if count % 200 == 0:
                    print(f"{count} tests passed", flush=True)
    begins = [number for number, line in enumerate(lines) if re.match(summary, line)]
    # A runner that died has no summary: then its last words are what there is to see.
    print("".join(lines[begins[-1] :] if begins else lines[-40:]), end="", flush=True)
    print(f"log: {log}", flush=True)
    return process.returncode


def main():
    root = os.environ.get("CAFFE_ROOT")
    if not root:
        sys.exit('CAFFE_ROOT is not set; run `make test`, or first: eval "$(make -s env)"')
    root, logs = Path(root), Path("build").absolute()
    gtest = logged(
        [root / "build/test/test.testbin"] + ([] if gpus() else [CPU_ONLY]),
        root,
        logs / "gtests.log",
        passed=r"\[ +OK \]",
        failed=r"\[ +FAILED +\]|.*: Failure$",
        summary=r"\[=+\] \d+ tests? .*ran",
    )
    unittest = logged(
        [sys.executable, "-m", "unittest", "discover", "-v", "-s", "caffe/test"],
        root / "python",
        logs / "pycaffe-tests.log",
        passed=r".* \.\.\. ok$",
        failed=r"(FAIL|ERROR): ",
        summary=r"Ran \d+ tests?",
    )
    return 1 if gtest or unittest else 0


if __name__ == "__main__":
    sys.exit(main())
