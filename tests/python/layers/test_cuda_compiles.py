"""Every CUDA file of ours compiles, without a warning, against a patched Caffe tree.

No GPU is needed: this compiles and does not run. It does need nvcc, the headers of cuBLAS and
cuRAND, and $CAFFE_ROOT, a tree patched by amcaffe and built (for its caffe.pb.h).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from amcaffe.install.sources import own_sources

ROOT = Path(__file__).parents[3]
ARCHITECTURE = "sm_90"
HEADERS = ("cuda_runtime.h", "cublas_v2.h", "curand.h")
SOURCES = sorted([*(ROOT / "layers").rglob("*.cu"), *(ROOT / "tests/layers").rglob("*.cu")])


def toolkits():
    """Places that may hold bin/nvcc and include: this Python's wheels, $CUDA_HOME, PATH."""
    yield from (Path(folder) / "nvidia/cu13" for folder in sys.path)
    if os.environ.get("CUDA_HOME"):
        yield Path(os.environ["CUDA_HOME"])
    nvcc = shutil.which("nvcc")
    if nvcc:
        yield Path(nvcc).resolve().parents[1]


@pytest.fixture(scope="module")
def nvcc():
    """The command that compiles, with the toolkit's headers."""
    reasons = []
    for toolkit in toolkits():
        if not (toolkit / "bin/nvcc").exists():
            continue
        missing = [name for name in HEADERS if not (toolkit / "include" / name).exists()]
        if not missing:
            return [toolkit / "bin/nvcc", "-isystem", toolkit / "include"]
        reasons.append(f"{toolkit} lacks {', '.join(missing)}")
    pytest.skip("; ".join(reasons) or "no nvcc in this Python's wheels, $CUDA_HOME or PATH")


@pytest.fixture(scope="module")
def caffe_headers():
    """Options that find the tree's headers, as system headers: their warnings are not ours."""
    if not os.environ.get("CAFFE_ROOT"):
        pytest.skip("$CAFFE_ROOT is not set")
    root = Path(os.environ["CAFFE_ROOT"])
    for generated in (root / "build/include", root / ".build_release/src"):
        header = generated / "caffe/proto/caffe.pb.h"
        if header.exists():
            if "class LabelSpecificAddParameter" not in header.read_text():
                pytest.skip(f"{header} is of a tree that amcaffe has not patched")
            return ["-isystem", root / "include", "-isystem", generated]
    pytest.skip(f"{root} is not built: it has no caffe/proto/caffe.pb.h")


@pytest.fixture(scope="module")
def our_headers(tmp_path_factory):
    """A folder with this checkout's headers where a patched tree has them."""
    folder = tmp_path_factory.mktemp("include")
    for source in own_sources():
        if source.target.startswith("include/"):
            copy = folder / source.target
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.data)
    return folder / "include"


def test_there_is_a_cuda_file_for_every_layer_that_computes():
    layers = {
        path.stem
        for room in ("margins", "fused")
        for path in (ROOT / "layers" / room).glob("*_layer.cpp")
        if "::Forward_cpu(" in path.read_text()
    }
    assert layers and layers <= {path.stem for path in SOURCES}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_it_compiles_without_a_warning(source, nvcc, caffe_headers, our_headers, tmp_path):
    # -I comes before any -isystem, so that ours are not the tree's, and are checked.
    command = [
        *nvcc,
        "-std=c++17",
        f"-arch={ARCHITECTURE}",
        "-Werror",
        "all-warnings",
        "-Xcompiler",
        "-Wall,-Wno-sign-compare,-Werror",
        "-I",
        our_headers,
        *caffe_headers,
        "-c",
        source,
        "-o",
        tmp_path / "out.o",
    ]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
