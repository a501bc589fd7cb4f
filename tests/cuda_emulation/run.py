"""The GPU half of our gtests on the CPU, where there is no GPU and no CUDA.

Takes the Caffe tree in $CAFFE_ROOT, patched by amcaffe or not, copies its sources to
build/cuda_emulation, patches them with this checkout, and compiles what our tests need of them for
GPUs: CPU_ONLY is not defined, CUDA's headers are those in include/, and .cu files go through
rewrite.py. Then runs the tests' instances for GPUDevice<float> and GPUDevice<double>, under
AddressSanitizer and in several orders of threads. $CAFFE_ROOT itself is only read.

What a pass proves, and what it does not, is at the top of execution.cpp.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from rewrite import rewrite  # noqa: E402

# The instances of typed tests for GPUs, and tests that are for them alone.
GPU_TESTS = "*/2.*:*/3.*:*GPU*"
ORDERS = ("forward", "reverse", "shuffled:1 deferred")
# In a tree but no part of what is compiled.
LEFT_OUT = ("build", ".git", "data", "docs", "examples", "matlab", "models")
# Headers of CUDA that hold nothing of what Caffe uses, or that cuda_runtime.h holds here.
EMPTY_HEADERS = (
    "cuda.h",
    "driver_types.h",
    "math_functions.h",
    "thrust/device_vector.h",
    "thrust/functional.h",
    "thrust/reduce.h",
)
# Their headers are needed by everything and their sources by nothing that is tested.
HEADERS_ONLY = {"caffe/caffe", "caffe/layer_factory"}
# Sources that are not called as their header.
OTHER_NAMES = {"caffe/sgd_solvers": "caffe/solvers/sgd_solver"}
# layer_factory.cpp registers Softmax together with others that no test uses; a Net adds Splits.
REGISTERED = """
#include "caffe/layer_factory.hpp"
#include "caffe/layers/softmax_layer.hpp"
#include "caffe/layers/split_layer.hpp"
namespace caffe {
REGISTER_LAYER_CLASS(Softmax);
}
"""
PACKAGES = ("openblas", "libglog", "gflags", "protobuf", "hdf5")
WITHOUT_PACKAGE = "-lhdf5_hl -lboost_thread -lboost_filesystem -lboost_system"
INCLUDE = re.compile(r'#\s*include\s*"(caffe/[^"]+)\.(?:hpp|cuh)"')
REGISTRATION = re.compile(r"REGISTER_LAYER_CLASS\((\w+)\)")

NINJA = """
ninja_required_version = 1.5
cxx = {launcher} g++ -std=gnu++17 -O1 -g1 -w -U_FORTIFY_SOURCE -pthread -DUSE_HDF5 {sanitizer} $
  {includes}
rule cxx
  command = $cxx -MD -MF $out.d -c $in -o $out
  depfile = $out.d
  deps = gcc
  description = $in
rule link
  command = g++ -pthread {sanitizer} $in -o $out {libraries}
"""


def write(path, text):
    """Write a file, unless it says that already: what depends on it is then left alone."""
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def copy_tree(source, tree):
    """Bring a copy of a tree up to date with this checkout."""
    if not (tree / "src/caffe").is_dir():
        partial = tree.with_name("tree.partial")
        shutil.rmtree(partial, ignore_errors=True)
        top = str(source)
        shutil.copytree(
            source,
            partial,
            symlinks=True,
            ignore=lambda folder, names: LEFT_OUT if folder == top else (),
        )
        partial.rename(tree)
    python = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    done = subprocess.run(
        [sys.executable, "-m", "amcaffe.install", str(tree)],
        env=python,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)


def our_tests():
    """Names of those of our tests that have instances for GPUs."""
    return [
        path.stem
        for path in sorted((ROOT / "tests/layers").rglob("*.cpp"))
        if re.search("TestDtypesAndDevices|GPUDevice", path.read_text())
    ]


def needed(tree, tests):
    """Sources that the tests need: what belongs to the headers they include, and so on.

    A layer is also needed where a test names its type in quotes, as nets do.
    """
    layers = {
        kind: path
        for path in sorted((tree / "src/caffe/layers").glob("*.cpp"))
        for kind in REGISTRATION.findall(path.read_text())
    }
    quoted = {word for test in tests for word in re.findall(r"['\"](\w+)['\"]", test.read_text())}
    to_read = [*tests, *(layers[kind] for kind in quoted & layers.keys())]
    seen = set()
    while to_read:
        path = to_read.pop()
        if path in seen:
            continue
        seen.add(path)
        for stem in set(INCLUDE.findall(path.read_text())) - HEADERS_ONLY:
            code = OTHER_NAMES.get(stem, stem)
            names = (f"include/{stem}.hpp", f"src/{code}.cpp", f"src/{code}.cu")
            to_read += [tree / name for name in names if (tree / name).exists()]
    return sorted(path for path in seen if path.suffix in (".cpp", ".cu"))


def configure(folder, tree, tests, sanitize):
    """Write everything that is compiled from, and the file that says how."""
    rewritten = folder / "rewritten"
    for name in EMPTY_HEADERS:
        write(rewritten / name, "#include <cuda_runtime.h>\n")
    write(rewritten / "registered.cpp", REGISTERED)
    for header in sorted((tree / "include").rglob("*.hpp")):
        text = header.read_text()
        if "<<<" in text or "__shared__" in text:
            write(rewritten / header.relative_to(tree / "include"), rewrite(text, str(header)))
    tests = [tree / f"src/caffe/test/{name}.cpp" for name in tests]
    sources = [
        *sorted(HERE.glob("*.cpp")),
        folder / "proto/caffe.pb.cc",
        tree / "src/gtest/gtest-all.cpp",
    ]
    for source in needed(tree, [*tests, rewritten / "registered.cpp"]):
        if source.suffix == ".cu":
            copy = (rewritten / source.relative_to(tree)).with_suffix(".cu.cpp")
            write(copy, rewrite(source.read_text(), str(source)))
            source = copy
        sources.append(source)
    proto = tree / "src/caffe/proto/caffe.proto"
    generated = folder / "proto"
    if not (generated / "caffe.proto").exists() or (
        proto.read_text() != (generated / "caffe.proto").read_text()
    ):
        generated.mkdir(exist_ok=True)
        subprocess.run(
            ["protoc", f"--proto_path={proto.parent}", f"--cpp_out={generated}", str(proto)],
            check=True,
        )
        write(generated / "caffe.proto", proto.read_text())
    write(generated / "caffe/proto/caffe.pb.h", f'#include "{generated / "caffe.pb.h"}"\n')
    folders = (HERE / "include", rewritten, generated, tree / "include", tree / "src")
    write(folder / "build.ninja", ninja(sources, folders, sanitize))


def ninja(sources, folders, sanitize):
    def packages(option):
        done = subprocess.run(
            ["pkg-config", option, *PACKAGES], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    text = NINJA.format(
        launcher=shutil.which("ccache") or "",
        sanitizer="-fsanitize=address,alignment -fno-sanitize-recover=all" if sanitize else "",
        includes=" ".join(f"-I{path}" for path in folders) + " " + packages("--cflags"),
        libraries=f"{packages('--libs')} {WITHOUT_PACKAGE}",
    )
    objects = []
    for source in sorted(sources):
        objects.append(f"objects/{source.parent.name}/{source.name}.o")
        text += f"build {objects[-1]}: cxx {source}\n"
    return f"{text}build gtests: link {' '.join(objects)}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "tests",
        nargs="*",
        default=our_tests(),
        help="of tests/layers, as test_flip_layer; default: all with instances for GPUs",
    )
    parser.add_argument(
        "--build", type=Path, default=ROOT / "build/cuda_emulation", help="default: %(default)s"
    )
    parser.add_argument("--filter", default=GPU_TESTS, help="of gtest; default: %(default)s")
    parser.add_argument(
        "--orders",
        nargs="+",
        default=ORDERS,
        metavar="ORDER",
        help="forward, reverse or shuffled:SEED, each with or without deferred (see device.hpp); "
        "default: " + ", ".join(ORDERS),
    )
    parser.add_argument(
        "--no-sanitizer", action="store_true", help="without AddressSanitizer: for a debugger"
    )
    parser.add_argument("--jobs", default=os.cpu_count(), type=int, help="processes at a time")
    options = parser.parse_args()
    if not os.environ.get("CAFFE_ROOT"):
        sys.exit('CAFFE_ROOT is not set; first: eval "$(make -s env)"')
    build = options.build.absolute()
    tree = build / "tree"
    folder = build / ("plain" if options.no_sanitizer else "sanitized")
    folder.mkdir(parents=True, exist_ok=True)
    copy_tree(Path(os.environ["CAFFE_ROOT"]), tree)
    configure(folder, tree, options.tests, not options.no_sanitizer)
    print(f"$ ninja -C {folder}", flush=True)
    # What a checkout elsewhere has compiled is as good.
    caching = {**os.environ, "CCACHE_NOHASHDIR": "1", "CCACHE_BASEDIR": str(ROOT)}
    command = ["ninja", "-C", str(folder), f"-j{options.jobs}"]
    if subprocess.run(command, env=caching).returncode:
        return 1

    def run(order):
        command = [str(folder / "gtests"), f"--gtest_filter={options.filter}"]
        variables = {
            **os.environ,
            "CUDA_EMULATION": order,
            "GLOG_minloglevel": "2",
            "OPENBLAS_NUM_THREADS": "1",
            "ASAN_OPTIONS": "detect_leaks=0",
        }
        log = folder / f"{re.sub('[: ]', '-', order)}.log"
        with open(log, "w") as file:
            done = subprocess.run(command, env=variables, stdout=file, stderr=subprocess.STDOUT)
        return done.returncode, log

    failed = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for order, (status, log) in zip(options.orders, pool.map(run, options.orders)):
            text = log.read_text(errors="replace")
            begins = re.search(r"^\[=+\] \d+ tests? .*ran", text, re.MULTILINE)
            print(f'$ CUDA_EMULATION="{order}" {folder}/gtests    log: {log}')
            print(text[begins.start() :] if begins else text[-6000:], flush=True)
            if status:
                failed.append(order)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
