"""The script that runs before the bundle's Python can."""

import platform
import subprocess

import pytest

from amcaffe.bundle.launcher import launcher

LOADER = "/bin/sh"  # any program that is there


@pytest.fixture
def selftest(tmp_path):
    """Run the script in a bundle whose Python says hello, among programs that we choose."""

    def run(machine=None, loader=LOADER, glibc="2.30", **programs):
        bundle = tmp_path / "a bundle"
        for folder in ("bin", "tools"):
            (bundle / folder).mkdir(parents=True, exist_ok=True)
        for name, text in {"tools/" + n: t for n, t in programs.items()}.items():
            (bundle / name).write_text(f"#!/bin/sh\n{text}\n")
            (bundle / name).chmod(0o755)
        (bundle / "bin/python").write_text('#!/bin/sh\necho "hello $*"\n')
        (bundle / "bin/python").chmod(0o755)
        script = bundle / "selftest"
        script.write_text(launcher(machine or platform.machine(), loader, glibc))
        path = f"{bundle / 'tools'}:/usr/bin:/bin"
        return subprocess.run(
            ["/bin/sh", script, "--gtests"], env={"PATH": path}, capture_output=True, text=True
        )

    return run


def test_where_all_is_well_python_goes_on_with_the_arguments(selftest, tmp_path):
    done = selftest(getconf="echo glibc 2.30")
    assert done.stdout == f"hello -I {tmp_path / 'a bundle/tests/selftest.py'} --gtests\n"


@pytest.mark.parametrize(
    "have, works", [("2.9", False), ("2.29", False), ("2.30", True), ("2.100", True), ("3.0", True)]
)
def test_an_older_c_library_is_refused_in_words(selftest, have, works):
    done = selftest(getconf=f"echo glibc {have}")
    assert (done.returncode == 0) == works
    assert works or f"glibc {have}, the bundle needs 2.30" in done.stderr


def test_ldd_tells_where_getconf_is_not_there(selftest):
    done = selftest(getconf="exit 127", ldd="echo 'ldd (Distribution 2.12-1) 2.12'")
    assert done.returncode == 1 and "glibc 2.12" in done.stderr


def test_a_version_that_cannot_be_told_is_no_reason_to_stop(selftest):
    done = selftest(getconf="exit 127", ldd="exit 127")
    assert done.stdout.startswith("hello") and "cannot tell" in done.stderr


def test_another_machine_or_no_glibc_at_all_is_refused(selftest):
    assert "the bundle is for s390x" in selftest(machine="s390x").stderr
    assert "no GNU C library" in selftest(loader="/no/ld-linux.so.2").stderr
