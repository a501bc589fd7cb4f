"""A patched tree's Makefile, asked by make itself. AMCAFFE_TEST_TREE names a tree, which is only
copied."""

import os
import re
import shutil
import subprocess

import pytest

from amcaffe.install import main

STUB = "-static-global-template-stub"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    source = os.environ.get("AMCAFFE_TEST_TREE")
    if not source:
        pytest.skip("AMCAFFE_TEST_TREE does not name a Caffe tree")
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    root = tmp_path_factory.mktemp("makefile") / "caffe"
    unneeded = shutil.ignore_patterns(".git", "build", "docs", "data", "models", "__pycache__")
    shutil.copytree(source, root, symlinks=True, ignore=unneeded)
    main([str(root)])
    shutil.copy(root / "Makefile.config.example", root / "Makefile.config")
    return root


def program(path, script):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def make(tree, *arguments):
    done = subprocess.run(
        ["make", *arguments], cwd=tree, capture_output=True, text=True, timeout=300
    )
    return done.stdout


def libraries(tree, *arguments):
    """What programs are linked with, by make's own account of its variables."""
    told = make(tree, "-pn", "lintclean", *arguments)  # the goal with the least to do
    (line,) = re.findall(r"^LIBRARIES :?= (.*)$", told, re.MULTILINE)
    return line.split()


@pytest.mark.parametrize("finds, version, linked", [
    ("opencv_imgcodecs", None, True),  # OpenCV 3 and later
    ("nothing", None, False),  # OpenCV 2
    ("nothing", 3, True), ("nothing", 4, True),  # where only Makefile.config knows the place
    ("opencv_imgcodecs", 2, False),
])  # fmt: skip
def test_imgcodecs_is_linked_where_there_is_one(tree, tmp_path, finds, version, linked):
    linker = program(tmp_path / "g++", f'case "$*" in *" -l{finds}"*) exit 0; esac; exit 1')
    asked = [f"OPENCV_VERSION={version}"] if version else []
    assert ("opencv_imgcodecs" in libraries(tree, f"CXX={linker}", *asked)) == linked


def test_the_linker_looks_where_makefile_config_says(tree, tmp_path):
    linker = program(tmp_path / "g++", f'echo "$*" >> {tmp_path / "asked"}; exit 1')
    libraries(tree, f"CXX={linker}", "LIBRARY_DIRS=/opt/one /opt/two")
    assert "-L/opt/one -L/opt/two -lopencv_imgcodecs" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize("knows", [True, False])
def test_kernels_are_shared_with_the_test_where_nvcc_can_hide_them(tree, tmp_path, knows):
    program(tmp_path / "cuda/bin/nvcc", f"echo '  -{STUB if knows else '-std'} {{true|false}}'")
    for name, shared in [("util/im2col", True), ("test/test_im2col_kernel", True),
                         ("util/math_functions", False)]:  # fmt: skip
        commands = make(tree, "-n", f"CUDA_DIR={tmp_path / 'cuda'}", "Q=",
                        f".build_release/cuda/src/caffe/{name}.o")  # fmt: skip
        assert "nvcc -ccbin=" in commands
        assert (f"{STUB}=false" in commands) == (shared and knows)
        assert ("hidden-visibility=false" in commands) == (shared and knows)


def test_make_without_a_goal_still_makes_everything(tree):
    assert ".DEFAULT_GOAL := all" in make(tree, "-pn")
