"""A toolkit of wheels, made of stand-ins; `make test-gpu-build` builds with the real ones."""

import os
import subprocess
import sys
from importlib import metadata

import pytest

from amcaffe.errors import BuildError
from amcaffe.host import cuda_wheels


@pytest.fixture
def wheels(tmp_path):
    """Two wheels' folders, as PyPI's have them."""
    toolkit, cudnn = tmp_path / "nvidia/cu13", tmp_path / "nvidia/cudnn"
    for path in (
        toolkit / "bin/nvcc", toolkit / "bin/crt/link.stub", toolkit / "nvvm/bin/cicc",
        toolkit / "include/cuda_runtime.h", toolkit / "lib/libcudart.so.13",
        toolkit / "lib/libnvrtc-builtins.so.13.5", toolkit / "lib/libcudart_static.a",
        cudnn / "include/cudnn.h", cudnn / "lib/libcudnn.so.9",
    ):  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    return [toolkit, cudnn]


def test_every_file_of_every_wheel_is_found_in_one_toolkit(wheels, tmp_path):
    root = tmp_path / "cuda"
    cuda_wheels.make_links(root, cuda_wheels.toolkit_links(wheels))
    for path in ("bin/nvcc", "bin/crt/link.stub", "nvvm/bin/cicc", "include/cuda_runtime.h",
                 "include/cudnn.h", "lib64/libcudnn.so.9", "lib/libcudart_static.a"):  # fmt: skip
        assert (root / path).read_text() == os.path.basename(path)


def test_a_linker_finds_the_libraries_that_wheels_bring_under_run_time_names(wheels, tmp_path):
    root = tmp_path / "cuda"
    cuda_wheels.make_links(root, cuda_wheels.toolkit_links(wheels))
    for name, target in (("libcudart.so", "libcudart.so.13"), ("libcudnn.so", "libcudnn.so.9"),
                         ("libnvrtc-builtins.so", "libnvrtc-builtins.so.13.5")):  # fmt: skip
        assert (root / "lib" / name).read_text() == target
    assert not (root / "lib/libcudart_static.so").exists()


def test_a_toolkit_that_is_as_it_should_be_is_left_alone_and_another_made_anew(wheels, tmp_path):
    root = tmp_path / "cuda"
    links = cuda_wheels.toolkit_links(wheels)
    cuda_wheels.make_links(root, links)
    inode = root.stat().st_ino
    cuda_wheels.make_links(root, links)
    assert root.stat().st_ino == inode
    (root / "bin/nvcc").unlink()
    (root / "include/stale.h").write_text("of another version")
    cuda_wheels.make_links(root, links)
    assert (root / "bin/nvcc").exists() and not (root / "include/stale.h").exists()


def test_the_toolkit_is_named_after_its_version_and_has_nccl(wheels, tmp_path, monkeypatch):
    class Wheel:
        version = "13.5.37"
        files = [
            metadata.PackagePath(f"nvidia/{name}") for name in ("cu13/bin/nvcc", "cudnn/lib/x")
        ]

        def locate_file(self, path):
            return tmp_path / path

    monkeypatch.setattr(cuda_wheels, "_distribution", lambda name: Wheel())
    cuda = cuda_wheels.wheel_toolkit()
    assert cuda.root == tmp_path / "amcaffe_cuda/13.5.37" and cuda.has_nccl
    assert (cuda.root / "lib/libcudnn.so").exists()


def missing_wheels(monkeypatch, status):
    """No wheel is there; returns the pip commands that are run, each ending in status."""
    commands = []

    def run(command, **options):
        commands.append(command)
        return subprocess.CompletedProcess(command, status)

    monkeypatch.setattr(cuda_wheels, "_distribution", lambda name: None)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(cuda_wheels.platform, "machine", lambda: "x86_64")
    return commands


def test_missing_wheels_are_brought_into_this_environment(monkeypatch):
    commands = missing_wheels(monkeypatch, status=0)
    cuda_wheels.install_wheels(say=lambda line: None)
    wanted = [sys.executable, "-m", "pip", "install", *cuda_wheels.required_wheels()]
    assert commands == [wanted]


def test_wheels_that_pip_cannot_bring_give_a_reason_and_a_way(monkeypatch):
    missing_wheels(monkeypatch, status=1)
    with pytest.raises(BuildError, match="pip could not") as caught:
        cuda_wheels.install_wheels(say=lambda line: None)
    assert "nvidia-cudnn" in caught.value.hint


def test_a_machine_that_has_no_wheels_is_told_so_before_pip_is_asked(monkeypatch):
    commands = missing_wheels(monkeypatch, status=0)
    monkeypatch.setattr(cuda_wheels.platform, "machine", lambda: "ppc64le")
    with pytest.raises(BuildError, match="no wheels") as caught:
        cuda_wheels.install_wheels()
    assert "ppc64le" in caught.value.found and not commands
