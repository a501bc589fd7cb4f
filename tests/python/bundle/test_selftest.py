"""The self-test's own parts: the driver, and a bundle of the real tree."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from amcaffe.bundle import elf, main, selftest

DRIVER = """
int cuDriverGetVersion(int* version) { *version = @version@; return 0; }
int cuInit(unsigned flags) { return @init@; }
int cuDeviceGetCount(int* count) { *count = @count@; return 0; }
"""


@pytest.fixture
def driver_line(compile_c, tmp_path):
    """What the self-test of a CUDA 13 bundle says of a driver that we make up."""
    manifest = {
        "files": {},
        "links": {},
        "elf files": [],
        "loader": "/no",
        "gpu": True,
        "cuda": 13,
        "driver": elf.DRIVER.pattern,
        "c library": elf.C_LIBRARY.pattern,
        "tests": None,
        "packages folder": "lib",
    }
    (tmp_path / "bundle/tests").mkdir(parents=True)
    (tmp_path / "bundle/MANIFEST.json").write_text(json.dumps(manifest))
    shutil.copy(selftest.__file__, tmp_path / "bundle/tests/selftest.py")

    def run(version=None, init=0, count=1):
        folder = tmp_path / "driver"
        if version:
            values = {"version": version, "init": init, "count": count}
            code = DRIVER
            for name, value in values.items():
                code = code.replace(f"@{name}@", str(value))
            compile_c("driver/libcuda.so.1", code)
        done = subprocess.run(
            [sys.executable, "-I", tmp_path / "bundle/tests/selftest.py"],
            env={"LD_LIBRARY_PATH": str(folder)},
            capture_output=True,
            text=True,
        )
        return next(line for line in done.stdout.splitlines() if line[9:].startswith("driver:"))

    return run


def test_a_driver_that_is_too_old_is_told_and_one_of_the_same_cuda_is_fine(driver_line):
    if selftest.Machine().driver:
        pytest.skip("this machine has a driver of its own")
    assert driver_line() == "skipped  driver: no NVIDIA driver here (libcuda.so.1)"
    line = driver_line(12040)
    assert line.startswith("FAILED") and "CUDA 12.4, the bundle needs 13: update" in line
    assert driver_line(13000) == "ok       driver: CUDA 13.0, 1 GPU"
    assert driver_line(13010, count=0) == "skipped  driver: the driver sees no GPU"
    assert driver_line(13010, init=999) == "skipped  driver: the driver sees no GPU"


@pytest.mark.skipif("CAFFE_ROOT" not in os.environ, reason="CAFFE_ROOT names no built tree")
def test_a_bundle_of_the_real_tree_trains_and_imports_without_this_environment(
    compile_c, patchelf, tmp_path
):
    if not Path(os.environ["CAFFE_ROOT"], "build/tools/caffe").exists():
        pytest.skip(f"{os.environ['CAFFE_ROOT']} is not built")
    main([str(tmp_path / "bundle")])
    moved = (tmp_path / "bundle").rename(tmp_path / "moved bundle")
    done = subprocess.run(
        [moved / "selftest"],
        env={"PATH": "/usr/bin:/bin"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    words = ("files", "libraries", "train on the CPU", "pycaffe:", "pycaffe's tests")
    for name in words:
        assert f"ok       {name}" in done.stdout, done.stdout
    shutil.rmtree(moved)
