"""Pack a GPU build for a machine that has a GPU, and no network: build/device/pack.tar.xz.

    PYTHONPATH=python python3 -m amcaffe.setup --cuda pip --cuda-arch 90 --tests all --extras bundle
    eval "$(PYTHONPATH=python python3 -m amcaffe.setup --cuda pip --cuda-arch 90 --env)"
    python3.12 -m venv build/device/python
    build/device/python/bin/pip install numpy scipy scikit-image six protobuf pybind11 tqdm
    python benchmarks/device_pack.py --python build/device/python/bin/python

--python is a Python of the version that the machine has PyTorch in; pycaffe is built for it. In
the pack are the `caffe` program, the C++ tests and their data, pycaffe, this package and the
benchmarks, and the shared libraries that these need, stripped, save what the machine has: the C
and C++ libraries, the driver, and cuBLAS, cuRAND, cuDNN and NCCL, which come with PyTorch.
benchmarks/device.sh unpacks it there and runs everything.
"""

import argparse
import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from amcaffe import cli
from amcaffe.build.compile import our_tests
from amcaffe.bundle.elf import Loader, read_elf
from amcaffe.bundle.selftest import GPU_TESTS
from amcaffe.bundle.tree_files import collect_tree, relocated
from amcaffe.bundle.write import find_patchelf
from amcaffe.errors import BuildError, InputError
from amcaffe.host.cmake_cache import read_cache
from device import contents as pack

CHECKOUT = Path(__file__).resolve().parents[1]
PACK = Path("build/device/pack.tar.xz")
FACTS = (
    "import sys, sysconfig; print(*sys.version_info[:2], sysconfig.get_config_var('EXT_SUFFIX'))"
)
# Machine code is a tenth smaller where calls of one function look alike.
COMPRESSION = [
    {"id": lzma.FILTER_X86},
    {"id": lzma.FILTER_LZMA2, "preset": 9},
]


def main(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--caffe-root",
        default=os.environ.get("CAFFE_ROOT"),
        metavar="PATH",
        help="the tree, a GPU build with its tests [$CAFFE_ROOT]",
    )
    parser.add_argument("--python", default=sys.executable, metavar="PATH", help="[this one]")
    parser.add_argument("--out", type=Path, default=PACK, metavar="FILE", help=f"[{PACK}]")
    parser.add_argument(
        "--limit", type=int, default=62, metavar="MIB", help="refuse a larger archive [62]"
    )
    options = parser.parse_args(argv)
    root = require_gpu_build(options.caffe_root)
    contents, manifest = plan(root, options.python)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.out.parent, prefix=".pack-") as folder:
        staging = Path(folder, "pack")
        stage(contents, manifest, root, staging)
        for line in sizes(staging):
            print(line, flush=True)
        archive = Path(folder, "archive")
        compress(staging, archive)
        require_size(archive.stat().st_size, options.limit << 20)
        os.replace(archive, options.out)
    size = options.out.stat().st_size
    print(f"{options.out}: {size / 2**20:.1f} MiB of {options.limit}; "
          f"there: bash benchmarks/device.sh {options.out}")  # fmt: skip


def require_gpu_build(name):
    """Path of a tree that is built for GPUs, with tests. Raises BuildError."""
    made = "python3 -m amcaffe.setup --cuda pip --cuda-arch 90 --tests all"
    if not name:
        raise BuildError("$CAFFE_ROOT is not set, so there is no build to pack", hint=made)
    root = Path(name).resolve()
    if read_cache(root).get("CPU_ONLY") != "OFF":
        raise BuildError(f"{root} is no GPU build", hint=made)
    if not (root / "build/test/test.testbin").exists():
        raise BuildError(f"{root} is built without its tests", hint=made)
    return root


def plan(root, python):
    """(Contents, manifest as a dict) of a pack of a tree, for a Python, which gets its pycaffe."""
    major, minor, suffix = subprocess.run(
        [python, "-c", FACTS], check=True, capture_output=True, text=True
    ).stdout.split()
    environment = dict(os.environ, PYTHONPATH=str(CHECKOUT / "python"))
    command = [python, "-m", "amcaffe.build", str(root), "--pycaffe-only"]
    if subprocess.run(command, env=environment).returncode:
        raise BuildError(f"pycaffe cannot be built for {python}; the reason is above")
    contents = pack.Contents()
    tree = collect_tree(root)
    kept = {"bin/caffe", tree.tests}
    contents.files.update(
        (place, file) for place, file in tree.files.items()
        if place in kept or place.startswith("tests/")
    )  # fmt: skip
    pack.add_pycaffe(contents, root, suffix)
    pack.add_sources(contents, CHECKOUT)
    programs = [file for place, file in contents.files.items() if is_binary(place)]
    loader = Loader(read_elf(contents.files["bin/caffe"]).interpreter)
    for file in programs:
        pack.add_libraries(contents, loader.libraries(file))
    tests = [root / f"src/caffe/test/test_{name}.cpp" for name in our_tests(root)]
    cache = read_cache(root)
    manifest = {
        "python": f"{major}.{minor}",
        "architectures": cache.get("CMAKE_CUDA_ARCHITECTURES", ""),
        "cuda": Path(cache.get("CUDA_TOOLKIT_ROOT_DIR", "")).name,
        "tests": tree.tests,
        "GPU tests": GPU_TESTS,
        "our test cases": pack.test_cases(path.read_text() for path in tests),
        "needed": contents.needed,
    }
    return contents, manifest


def is_binary(place):
    """Whether a file of the pack is a program or library of ours, to be made relocatable."""
    return place.startswith((f"{pack.LIBRARIES}/", "bin/")) or place.endswith((".so", ".testbin"))


def stage(contents, manifest, root, staging):
    """Write a pack's files, stripped and with run paths of the pack."""
    patchelf = find_patchelf()
    for place, file in contents.files.items():
        target = staging / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if place == manifest["tests"] or place.startswith("tests/") and target.suffix == ".txt":
            target.write_bytes(relocated(file.read_bytes(), root))
        else:
            shutil.copyfile(file, target)
        target.chmod(0o755)
        if is_binary(place):
            # In this order: strip would undo what patchelf adds.
            run("strip", "--strip-unneeded", target)
            run(patchelf, "--force-rpath", "--set-rpath", pack.run_path(place), target)
    (staging / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise BuildError(f"this failed: {' '.join(map(str, command))}", found=done.stderr.strip())


def sizes(staging):
    """Lines that say what the bytes of a pack are, before they are compressed."""
    files = {path.relative_to(staging).as_posix(): path.stat().st_size
             for path in staging.rglob("*") if path.is_file()}  # fmt: skip
    folders = {}
    for place, size in files.items():
        top = place.split("/")[0]
        folders[top] = folders.get(top, 0) + size
    largest = sorted(files.items(), key=lambda item: -item[1])[:8]
    return [
        f"{len(files)} files, {sum(files.values()) / 2**20:.0f} MiB: "
        + ", ".join(f"{top} {size / 2**20:.1f}" for top, size in sorted(folders.items())),
        "largest: " + ", ".join(f"{place} {size / 2**20:.1f}" for place, size in largest),
    ]


def compress(staging, archive):
    print("compressing", flush=True)
    with lzma.open(archive, "wb", filters=COMPRESSION) as stream:
        with tarfile.open(fileobj=stream, mode="w") as tar:
            for path in sorted(staging.rglob("*"), key=lambda p: (p.suffix, p)):
                tar.add(path, path.relative_to(staging), recursive=False)


def require_size(size, limit):
    """Raise InputError where an archive is over the limit."""
    if size > limit:
        raise InputError(
            "the pack is too large, and was not kept",
            found=f"{size / 2**20:.1f} MiB",
            expected=f"at most {limit / 2**20:.0f} MiB (--limit)",
            hint="the largest files are named above: fewer GPU architectures (--cuda-arch), or a "
            "build without what is not measured",
        )


if __name__ == "__main__":
    sys.exit(cli.run("benchmarks/device_pack.py", main))
