import os
import subprocess
import sys

import pytest

from amcaffe import cli, errors
from amcaffe.__main__ import STEPS


def test_an_error_is_told_with_its_advice_and_ends_in_its_own_status(capsys):
    def main(argv):
        raise errors.TreeError("t is no tree", found="nothing", expected="src/", hint="look again")

    assert cli.run("install", main, []) == errors.TreeError.exit_status
    assert capsys.readouterr().err.splitlines() == [
        "amcaffe install: t is no tree",
        "  found:    nothing",
        "  expected: src/",
        "  hint:     look again",
    ]


def test_each_kind_of_error_has_a_status_of_its_own():
    kinds = errors.AmcaffeError.__subclasses__()
    public = [kind for kind in kinds if kind.__module__ == errors.__name__]
    assert len({kind.exit_status for kind in public}) == len(public) > 4


def test_what_the_disk_refuses_is_told_with_its_place_and_no_traceback(capsys, tmp_path):
    def main(argv):
        (tmp_path / "missing/file").write_text("")

    assert cli.run("faces", main, []) == errors.AmcaffeError.exit_status
    told = capsys.readouterr().err
    assert str(tmp_path / "missing/file") in told and "Traceback" not in told


def test_a_name_that_is_not_utf_8_is_told_and_can_be_printed(capsys):
    def main(argv):
        print("out/\udcc0")
        "in/\udcc0".encode()

    assert cli.run("faces", main, []) == errors.AmcaffeError.exit_status
    told = capsys.readouterr()
    assert told.out == "out/\\udcc0\n"
    assert "not UTF-8: 'in/\\udcc0'" in told.err and "convmv" in told.err


@pytest.mark.parametrize("arguments", [(), ("--help",), ("--version",), ("faces", "--help")])
def test_output_that_nobody_takes_is_no_fault_of_the_package(arguments):
    command = [sys.executable, "-m", "amcaffe", *arguments]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and done.stderr.endswith("No space left on device\n")
    assert "Traceback" not in done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as unread:
        done = subprocess.run(command, stdout=unread, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (cli.NO_READER, "")


def test_ctrl_c_ends_in_130_without_a_traceback(capsys):
    def main(argv):
        raise KeyboardInterrupt

    assert cli.run("train", main, []) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_step_that_does_not_exist_is_an_error_that_lists_those_that_do():
    command = [sys.executable, "-m", "amcaffe", "trian"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "'trian'" in done.stderr and all(step in done.stderr for step in STEPS)


@pytest.mark.parametrize("step", sorted(STEPS))
def test_each_step_helps_with_an_example_under_both_names(step):
    for command in (["amcaffe", step], [f"amcaffe.{step}"]):
        done = subprocess.run(
            [sys.executable, "-m", *command, "--help"], capture_output=True, text=True
        )
        assert done.returncode == 0 and "example:" in done.stdout, done.stderr


def test_a_reader_that_has_seen_enough_is_no_error():
    script = (
        "import sys\nfrom amcaffe import cli\n"
        "lines = lambda argv: [print('line') for _ in range(100000)] and 0\n"
        "sys.exit(cli.run('convert', lines, []))"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with writer:
        assert writer.stdout.readline() == b"line\n"
        writer.stdout.close()
        assert writer.stderr.read() == b"" and writer.wait() == cli.NO_READER
