import functools
import os
import resource
import subprocess
import sys

from conftest import step_environment

PROGRAM = """
import os, sys
from amcaffe.host.caffe_log import caffe_log
with caffe_log("caffe.log", "train", "do this"):
    os.write(2, b"I0101 00:00:00.000000  1 net.cpp:1] quiet\\n")
    print("for the user", file=sys.stderr)
    %s
print("after", file=sys.stderr)
os.write(2, b"native after\\n")
"""


def run(tmp_path, body="pass", largest=None):
    """largest: bytes that a file may have, which a full disk is like."""
    limit = largest and functools.partial(
        resource.setrlimit, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY)
    )
    return subprocess.run(
        [sys.executable, "-c", PROGRAM % body],
        cwd=tmp_path,
        env=step_environment(),
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_native_lines_go_to_the_log_and_pythons_to_the_terminal(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 0
    assert done.stderr == "for the user\nafter\nnative after\n"
    assert (tmp_path / "caffe.log").read_text().endswith("net.cpp:1] quiet\n")


def test_the_last_words_before_an_abort_are_told(tmp_path):
    words = (
        "F20240101 00:00:00.000000  1 net.cpp:9] Check failed: a == b (1 vs. 2) first\\n"
        "second line\\n*** Check failure stack trace: ***\\n    @ 0x1 f()\\n"
    )
    done = run(tmp_path, f'os.write(2, b"{words}"); os.abort()')
    assert done.returncode < 0
    assert "amcaffe train: Caffe stopped" in done.stderr
    told = "net.cpp:9] Check failed: a == b (1 vs. 2) first\n            second line\n"
    assert told in done.stderr
    assert "do this" in done.stderr and "caffe.log" in done.stderr
    assert "0x1 f()" not in done.stderr
    assert "0x1 f()" in (tmp_path / "caffe.log").read_text()


def test_a_snapshot_that_caffe_could_not_write_is_told_with_its_folder(tmp_path):
    words = (
        "F20240101 00:00:00.000000  1 io.cpp:69] Check failed: proto.SerializeToOstream(&output) "
        "\\n*** Check failure stack trace: ***\\n"
    )
    done = run(tmp_path, f'os.write(2, b"{words}"); os.abort()')
    assert "amcaffe train: Caffe stopped: it could not write a snapshot in .;" in done.stderr
    assert "is the disk full?" in done.stderr and "do this" in done.stderr


def test_last_words_are_told_where_the_log_itself_cannot_grow(tmp_path):
    words = "F20240101 00:00:00.000000  1 net.cpp:9] Check failed: a == b\\n"
    (tmp_path / "caffe.log").write_text("at the limit\n")
    done = run(tmp_path, f'os.write(2, b"{words}"); os.abort()', largest=13)
    assert (tmp_path / "caffe.log").read_text() == "at the limit\n"
    assert "Check failed: a == b" in done.stderr and "Traceback" not in done.stderr


CHECK_FAILED = """class CaffeError(RuntimeError): __module__ = "caffe._caffe"
    raise CaffeError("net.cpp:9: Check failed: a == b (1 vs. 2) ")"""


def test_a_failed_check_that_pycaffe_throws_is_told_and_logged(tmp_path):
    done = run(tmp_path, CHECK_FAILED)
    assert "amcaffe.errors.CaffeError: Caffe stopped\n" in done.stderr
    assert "found:    net.cpp:9: Check failed: a == b (1 vs. 2)\n" in done.stderr
    assert "do this\n            Caffe's log: caffe.log" in done.stderr
    assert "Check failed: a == b" in (tmp_path / "caffe.log").read_text()


def test_an_exception_passes_and_descriptor_2_is_put_back(tmp_path):
    done = run(tmp_path, "raise KeyError('seen')")
    assert done.returncode == 1 and "KeyError: 'seen'" in done.stderr


def test_the_log_is_appended_to(tmp_path):
    run(tmp_path)
    run(tmp_path)
    assert (tmp_path / "caffe.log").read_text().count("quiet") == 2


def test_an_unwritable_log_is_an_input_error(tmp_path):
    os.mkdir(tmp_path / "caffe.log")
    done = run(tmp_path)
    assert "InputError: cannot write caffe.log: Is a directory" in done.stderr
