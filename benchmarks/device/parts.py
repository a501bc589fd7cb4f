"""One part of the work of such a machine: a command under a limit of time, and what it came to."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

GRACE_SECONDS = 8  # for a benchmark that is interrupted to write down what it has measured
LEAST_SECONDS = 5  # below which it is not worth a start


@dataclass(frozen=True)
class Part:
    """name, and log: of the file that gets all it says (parts may share one).

    command: of the process. seconds: its limit.
    figure: function of its output to a few words.
    folder: to run in.
    cut: to be stopped is no failure: as much as the time allows is what was asked for.
    reason: why it is skipped here; fault: why it has failed before its start; "" where it runs.
    """

    name: str
    log: str
    command: Sequence
    seconds: float
    figure: Callable[[str], str]
    folder: Optional[Path] = None
    cut: bool = False
    reason: str = ""
    fault: str = ""


@dataclass(frozen=True)
class Result:
    """state: "ok", "failed", "timed out" or "skipped"; figure: a few words."""

    name: str
    state: str
    seconds: float
    figure: str


def run(part, out, deadline):
    """The Result of a part, which is stopped at its own limit or at the deadline.

    Args: out: folder of the logs. deadline: of time.monotonic().
    """
    if part.fault:
        return Result(part.name, "failed", 0, part.fault)
    left = min(part.seconds, deadline - time.monotonic() - GRACE_SECONDS)
    if part.reason or left < LEAST_SECONDS:
        return Result(part.name, "skipped", 0, part.reason or "no time was left for it")
    begin = time.monotonic()
    with open(out / part.log, "a+", errors="replace") as log:
        print("$", *part.command, file=log, flush=True)
        start = log.tell()
        with contextlib.closing(_Process(part, log)) as process:
            stopped = process.wait(left)
        log.seek(start)
        text = log.read()
    seconds = time.monotonic() - begin
    words = part.figure(text)
    if stopped:
        state = "ok" if part.cut and not re.search(r"^\[  FAILED  \]", text, re.M) else "timed out"
        words = f"{words}; stopped after {left:.0f} s" if words else f"no end in {left:.0f} s"
    elif process.status:
        state = "failed"
        words = words or last_words(text, process.status)
    else:
        state = "ok"
    return Result(part.name, state, seconds, words)


class _Process:
    """A part's process, in a group of its own, so that whatever it starts ends with it."""

    def __init__(self, part, log):
        self._process = subprocess.Popen(
            [str(word) for word in part.command], cwd=part.folder, stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def wait(self, seconds):
        """True where it had to be stopped."""
        try:
            self._process.wait(seconds)
            return False
        except subprocess.TimeoutExpired:
            self._send(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_SECONDS)
            return True

    @property
    def status(self):
        return self._process.returncode

    def close(self):
        self._send(signal.SIGKILL)
        self._process.wait()

    def _send(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def last_words(text, status):
    """What there is to say of a process that ended badly and printed no result."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    how = signal.Signals(-status).name if status < 0 else f"status {status}"
    return f"{how}: {lines[-1][:100]}" if lines else f"{how}, without a word"


def benchmark(text):
    """What a benchmark could not measure; its figures have lines of their own in the table."""
    names = dict.fromkeys(re.findall(r"^- (\w+): ", text, re.M))
    return f"without {', '.join(names)}: the log says why" if names else ""


def gtests(text):
    """What a run of gtest came to, also one that did not reach its end."""
    passed = len(re.findall(r"^\[       OK \]", text, re.M))
    failed = list(dict.fromkeys(re.findall(r"^\[  FAILED  \] ([\w/]+\.\w+)", text, re.M)))
    told = [f"{passed} passed"] if passed else []
    if failed:
        told.append(f"{len(failed)} failed: {' '.join(failed[:3])}{' ...' * (len(failed) > 3)}")
    begun = re.findall(r"^\[ RUN      \] (\S+)", text, re.M)
    if begun and not re.search(r"^\[=+\] \d+ tests? .*ran", text, re.M):
        told.append(f"in {begun[-1]}")
    return ", ".join(told)


def sanitizer(text):
    """What compute-sanitizer came to, and the tests that ran under it."""
    summary = re.findall(r"^=+ (?:ERROR|RACECHECK) SUMMARY: (.*)$", text, re.M)
    return ", ".join(filter(None, [*summary[-1:], gtests(text)]))
