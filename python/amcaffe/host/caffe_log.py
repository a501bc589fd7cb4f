"""Caffe's own log, kept off the terminal and not lost when Caffe aborts.

Caffe writes to file descriptor 2. A failed CHECK is an exception where pycaffe is made with
pybind11; with Boost.Python, and in Caffe's own threads, it kills Python with none to catch. While
`caffe_log` is open, that descriptor is a pipe to a small process (this file, run as a script)
which copies it to a log file, outlives an abort, and then says on the terminal what Caffe's last
words were.
"""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

_FATAL = re.compile(rb"^F\d{4,8} [\d:.]+ +\d+ (.*)$")
_TRACE = b"*** Check failure stack trace"
_UNWRITTEN = "Check failed: proto.SerializeToOstream"


@contextlib.contextmanager
def caffe_log(path, step, advice):
    """Send what native code writes to stderr into a file; Python's own stderr stays.

    Args:
        path: log file, appended to, in the folder that Caffe writes to, which is there; no link.
        step: for the first word of the message should Caffe abort.
        advice: what to do then, one line.
    Raises:
        InputError: the file cannot be written.
        CaffeError: a check of Caffe's failed meanwhile.
    """
    from amcaffe.errors import CaffeError, InputError  # not importable where this is a script

    path = Path(path)
    try:
        log = open(path, "ab", opener=_no_link)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
    sys.stderr.flush()
    terminal = os.dup(2)
    with (
        log,
        subprocess.Popen(
            [sys.executable, "-I", __file__, str(path), step, advice],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=terminal,
            start_new_session=True,  # a Ctrl-C is for the caller: this must outlive it
        ) as copier,
    ):
        os.dup2(copier.stdin.fileno(), 2)
        copier.stdin.close()
        python_stderr = sys.stderr
        if _is_descriptor_2(python_stderr):
            sys.stderr = os.fdopen(os.dup(terminal), "w", buffering=1, errors="backslashreplace")
        try:
            yield
        except RuntimeError as error:
            if not is_failed_check(error):
                raise
            text = str(error).strip()
            with contextlib.suppress(OSError):  # a full disk, which may be what is to be told
                os.write(2, f"{text}\n".encode())
            raise CaffeError(
                f"Caffe stopped{_reason(text, path)}",
                found=text,
                hint=f"{advice}\n            Caffe's log: {path}",
            ) from None
        finally:
            if sys.stderr is not python_stderr:
                sys.stderr.close()
                sys.stderr = python_stderr
            os.dup2(terminal, 2)
            os.close(terminal)


def _no_link(path, flags):
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def is_failed_check(error):
    """True for the exception that pycaffe throws where a check of Caffe's failed."""
    kind = type(error)
    return f"{kind.__module__}.{kind.__name__}" == "caffe._caffe.CaffeError"


def _is_descriptor_2(stream):
    try:
        return stream.fileno() == 2
    except (OSError, ValueError, AttributeError):
        return False


def _reason(text, path):
    """What Caffe's last words mean to a user, where that is known."""
    if _UNWRITTEN in text:
        return f": it could not write a snapshot in {Path(path).parent}; is the disk full?"
    return ""


def _copy(source, log, path, step, advice):
    """Copy lines until the writer is gone; then report a FATAL message, if there was one."""
    fatal = []
    recording = False
    for line in source:
        with contextlib.suppress(OSError):  # a full disk, which may be what is to be told
            log.write(line)
        start = _FATAL.match(line)
        if start:
            fatal, recording = [start.group(1)], True
        elif line.startswith(_TRACE):
            recording = False
        elif recording:
            fatal.append(line.rstrip())
    if fatal:
        text = b"\n            ".join(line for line in fatal if line).decode(errors="replace")
        print(
            f"\namcaffe {step}: Caffe stopped{_reason(text, path)}\n  found:    {text}\n"
            f"  hint:     {advice}\n            Caffe's log: {path}",
            file=sys.stderr,
        )


if __name__ == "__main__":
    _copy(sys.stdin.buffer, sys.stdout.buffer.raw, *sys.argv[1:])
