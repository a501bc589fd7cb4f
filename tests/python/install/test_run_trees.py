"""tests/run_trees.py: what its table says of a tree, on stand-ins that fail early."""

import importlib.util
import sys
from pathlib import Path

import pytest

from amcaffe.build.compile import our_tests, selected_tests
from amcaffe.host.toolchain import Cuda
from standins import edit

TESTS = Path(__file__).parents[2]


@pytest.fixture
def run_trees(monkeypatch):
    monkeypatch.syspath_prepend(str(TESTS))
    spec = importlib.util.spec_from_file_location("run_trees", TESTS / "run_trees.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "run_trees", module)  # where dataclasses look
    spec.loader.exec_module(module)
    return module


def test_a_refusal_is_no_failure_and_is_told_in_the_installers_words(
    run_trees, full_tree, tmp_path
):
    (full_tree / "build").mkdir()
    layer = full_tree / "include/caffe/layer.hpp"
    layer.write_text("template <typename Ftype, typename Btype>\nclass Layer : public Base {\n};\n")
    outcome = run_trees.try_tree("mine", full_tree, tmp_path / "work")
    assert outcome.install.startswith("refused: the tree has another layer interface")
    assert "Ftype" in outcome.install
    assert outcome.cells()[2:] == ["-", "-", "-", "-"]
    assert not outcome.failed
    assert not (tmp_path / "work/mine/build").exists()


def test_a_tree_that_does_not_compile_is_a_failure_and_is_still_uninstalled(
    run_trees, full_tree, tmp_path
):
    (full_tree / "CMakeLists.txt").write_text('message(FATAL_ERROR "no | today")\n')
    outcome = run_trees.try_tree("mine", full_tree, tmp_path / "work")
    assert outcome.install == "yes"
    assert outcome.compile.startswith("failed: ")
    assert outcome.uninstall == "clean"
    assert outcome.failed
    log = (tmp_path / "work/mine.log").read_text()
    assert "no | today" in log


def test_a_file_that_uninstalling_leaves_changed_is_named(
    run_trees, full_tree, tmp_path, monkeypatch
):
    real = run_trees.Runner.step

    def meddling(self, name, *arguments):
        done = real(self, name, *arguments)
        if "--uninstall" in arguments:
            edit(tmp_path / "work/mine/src/caffe/proto/caffe.proto", "proto2", "proto3")
        return done

    (full_tree / "CMakeLists.txt").write_text("message(FATAL_ERROR stop)\n")
    monkeypatch.setattr(run_trees.Runner, "step", meddling)
    outcome = run_trees.try_tree("mine", full_tree, tmp_path / "work")
    assert outcome.uninstall == "1 files differ: src/caffe/proto/caffe.proto"


def test_only_the_tests_that_we_installed_are_built(full_tree, install_ours):
    (full_tree / "src/caffe/test").mkdir(exist_ok=True)
    (full_tree / "src/caffe/test/test_net.cpp").write_text("// Caffe's\n")
    install_ours("--as", "Normalize=L2Normalize")
    names = our_tests(full_tree)
    assert "combined_margin_layer" in names
    assert "net" not in names
    assert selected_tests(full_tree, Cuda(None, "")) == ",".join(names)
    assert selected_tests(full_tree, Cuda(full_tree, "")) == ",".join([*names, "im2col_kernel"])


def test_what_a_configured_tree_is_compiled_with(run_trees, tmp_path):
    config = tmp_path / "opencv4"
    config.mkdir()
    (config / "OpenCVConfig-version.cmake").write_text("set(OpenCV_VERSION 4.6.0)\n")
    compiler = tmp_path / "c++"
    compiler.write_text("#!/bin/sh\necho 'Debian clang version 19.1.7 (3+b1)'\n")
    compiler.chmod(0o755)
    build = tmp_path / "build"
    build.mkdir()
    (build / "CMakeCache.txt").write_text(
        f"CMAKE_CXX_COMPILER:FILEPATH={compiler}\n"
        "CMAKE_CACHE_MAJOR_VERSION:INTERNAL=4\n"
        "CMAKE_CACHE_MINOR_VERSION:INTERNAL=0\n"
        "CMAKE_CACHE_PATCH_VERSION:INTERNAL=2\n"
        f"OpenCV_DIR:PATH={config}\n"
        f"PYTHON_EXECUTABLE:UNINITIALIZED={sys.executable}\n"
        "FIND_PACKAGE_MESSAGE_DETAILS_Boost:INTERNAL=[/x-1.7.0/B.cmake][c][v1.74.0(1.46)]\n"
    )
    parts = run_trees.toolchain(tmp_path)
    assert parts["compiler"] == "clang 19.1.7"
    assert parts["CMake"] == "4.0.2"
    assert parts["OpenCV"] == "4.6.0"
    assert parts["Boost"] == "1.74.0"
    assert parts["glog"] == parts["protobuf"] == "?"
    assert parts["Python"].startswith("3.")
