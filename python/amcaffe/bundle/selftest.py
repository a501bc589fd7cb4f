"""Tells whether a bundle works on this machine: run by DIR/selftest, with the bundle's Python.

This file is copied into the bundle, so it imports nothing of this package.
"""

import argparse
import ctypes
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BUNDLE = Path(__file__).resolve().parents[1]
# Tests typed over devices come as /0 and /1 for the CPU, /2 and /3 for the GPU. Some of Caffe's are
# for a GPU alone without saying so; TestBrewMode leaves the GPU's mode to those that follow.
GPU_TESTS = "*GPU*:*/2.*:*/3.*:CuDNN*:Im2colKernelTest*:CommonTest.TestBrewMode"
CPU_TESTS = f"-{GPU_TESTS}"
# Draws every net of a source tree, which a bundle is not, with a program that it has not.
NOT_HERE = {"test_draw"}

LOGGED = {"GLOG_logtostderr": "1", "GLOG_minloglevel": "0"}

NET = """
layer { name: "data" type: "DummyData" top: "data" top: "target"
  dummy_data_param { shape { dim: 8 dim: 3 dim: 12 dim: 12 } shape { dim: 8 dim: 1 }
    data_filler { type: "gaussian" std: 1 } data_filler { type: "constant" value: 1 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 8 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
  inner_product_param { num_output: 1 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "fc" bottom: "target" top: "loss" }
"""
SOLVER = """
net: "net.prototxt" base_lr: 0.005 momentum: 0.9 lr_policy: "fixed" display: 10 max_iter: 100
snapshot_prefix: "net" random_seed: 1 solver_mode: %s
"""


class Failure(Exception):
    """A check that failed, with what was seen."""


class Skip(Exception):
    """A check that this machine or bundle has nothing for."""


class Machine:
    """The GPU driver of this machine.

    driver: CUDA version that it supports, such as (13, 0); None without a driver.
    gpus: how many GPUs it sees.
    """

    def __init__(self):
        self.driver, self.gpus = None, 0
        try:
            library = ctypes.CDLL("libcuda.so.1")
        except OSError:
            return
        number = ctypes.c_int()
        if library.cuDriverGetVersion(ctypes.byref(number)) == 0:
            self.driver = (number.value // 1000, number.value % 1000 // 10)
        if library.cuInit(0) == 0 and library.cuDeviceGetCount(ctypes.byref(number)) == 0:
            self.gpus = number.value

    def require(self, manifest):
        """Raise Skip where nothing can run on a GPU."""
        if not manifest["gpu"]:
            raise Skip("the bundle is a CPU build")
        if self.driver is None:
            raise Skip("no NVIDIA driver here (libcuda.so.1)")
        if not self.gpus:
            raise Skip("the driver sees no GPU")


def check_files(manifest):
    """Every file arrived whole."""
    bad = []
    for place, facts in manifest["files"].items():
        digest = hashlib.sha256()
        try:
            with open(BUNDLE / place, "rb") as file:
                for block in iter(lambda: file.read(1 << 20), b""):
                    digest.update(block)
        except OSError as error:
            bad.append(f"{place}: {error.strerror}")
            continue
        if digest.hexdigest() != facts["sha256"]:
            bad.append(f"{place}: damaged")
    bad += [f"{place}: missing" for place in manifest["links"] if not (BUNDLE / place).exists()]
    if bad:
        raise Failure(f"{len(bad)} files, copy the bundle again: {'; '.join(bad[:5])}")
    return f"{len(manifest['files'])} files as they were bundled"


def check_libraries(manifest):
    """Every shared library comes from the bundle, the C library or the driver."""
    needers, absent = {}, set()  # {what is wrong: files that need it}
    for place in manifest["elf files"]:
        try:
            libraries = loaded_libraries(manifest["loader"], BUNDLE / place)
        except Failure as words:
            needers.setdefault(str(words), []).append(place)
            continue
        for name, path in libraries:
            if re.fullmatch(manifest["driver"], name):
                absent.update([name] if path is None else [])
            elif path is None:
                needers.setdefault(f"no {name}", []).append(place)
            elif (
                not re.fullmatch(manifest["c library"], name)
                and BUNDLE not in path.resolve().parents
            ):
                needers.setdefault(f"{name} comes from {path.parent}", []).append(place)
    if needers:
        told = [f"{what}, for {places[0]}" for what, places in needers.items()]
        raise Failure(f"{len(told)} of them: {'; '.join(told[:5])}")
    note = f"; of the driver, not here: {', '.join(sorted(absent))}" if absent else ""
    return f"{len(manifest['elf files'])} programs, libraries and modules find all they need{note}"


def loaded_libraries(loader, file):
    """[(name, Path or None)] of every library that comes with a file."""
    done = subprocess.run(
        [loader, str(file)],
        capture_output=True,
        text=True,
        errors="replace",
        env=dict(os.environ, LD_TRACE_LOADED_OBJECTS="1", LC_ALL="C"),
    )
    if done.returncode:
        raise Failure(done.stderr.strip().rpartition("libraries: ")[2] or "not loaded")
    lines = (
        re.fullmatch(r"\s*(\S+) => (not found|.+?)(?: \(0x[0-9a-f]+\))?", line)
        for line in done.stdout.splitlines()
    )
    return [
        (match[1], None if match[2] == "not found" else Path(match[2])) for match in lines if match
    ]


def check_train(manifest, mode, arguments=()):
    """The loss of a small net falls under `caffe train`."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "net.prototxt").write_text(NET)
        Path(folder, "solver.prototxt").write_text(SOLVER % mode)
        text = run("bin/caffe", "train", "-solver", "solver.prototxt", *arguments, cwd=folder)
        if not Path(folder, "net_iter_100.caffemodel").is_file():
            raise Failure("no snapshot was written")
    losses = [float(value) for value in re.findall(r"Iteration \d+.*loss = (\S+)", text)]
    if len(losses) < 2 or not losses[-1] < losses[0]:
        raise Failure(f"the loss does not fall: {losses}")
    return f"loss {losses[0]:.3g} -> {losses[-1]:.3g}"


def check_device(manifest):
    """`caffe device_query` knows the GPUs."""
    text = run("bin/caffe", "device_query", "-gpu", "all")
    names = re.findall(r"Name:\s+(.*)", text)
    if not names:
        raise Failure(f"no device in: {text[-300:]}")
    return ", ".join(names)


def check_pycaffe(manifest, device):
    """A net's forward pass, and gradients, from Python; on a GPU the same numbers as on the CPU.

    In a process of its own: a CHECK that fails inside Caffe ends the process.
    """
    text = run("bin/python", "-I", __file__, "--pycaffe", device)
    return text.strip().splitlines()[-1]


def pycaffe(device):
    """The check of pycaffe itself, in words. Raises Failure."""
    os.environ["GLOG_minloglevel"] = "2"  # read as the library comes in
    import caffe
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.prototxt")
        path.write_text(NET)
        caffe.set_mode_cpu()
        caffe.set_random_seed(1)
        net = caffe.Net(str(path), caffe.TRAIN)
    loss = float(net.forward()["loss"])
    weights, bias = (blob.data for blob in net.params["fc"])
    flat = net.blobs["pool"].data.reshape(8, -1)
    own = flat @ weights.T + bias
    if not np.allclose(own, net.blobs["fc"].data, rtol=1e-4, atol=1e-5):
        raise Failure("InnerProduct and NumPy differ on the CPU")
    net.backward()
    slopes = {"CPU": net.params["conv"][0].diff.copy()}
    if device == "GPU":
        caffe.set_device(0)
        caffe.set_mode_gpu()
        net.clear_param_diffs()
        # From the first layer on, as the data layer would draw other numbers.
        again = float(net.forward(start="conv")["loss"])
        net.backward()
        slopes["GPU"] = net.params["conv"][0].diff.copy()
        # TF32, where the build uses it, keeps ten bits.
        if not np.allclose(slopes["CPU"], slopes["GPU"], rtol=1e-2, atol=1e-2):
            raise Failure("the convolution's gradients differ between CPU and GPU")
        if abs(again - loss) > 1e-2 * max(1.0, abs(loss)):
            raise Failure(f"loss {loss} on the CPU, {again} on the GPU")
    return f"caffe {caffe.__version__}, {len(caffe.layer_type_list())} layer types, loss {loss:.3g}"


def check_pycaffe_tests(manifest):
    """Caffe's own tests of pycaffe."""
    folder = BUNDLE / manifest["packages folder"] / "caffe/test"
    names = sorted(path.stem for path in folder.glob("test_*.py") if path.stem not in NOT_HERE)
    if not names:
        raise Skip("the tree has none")
    code = f"import sys, unittest; sys.path.insert(0, {str(folder)!r}); unittest.main(None)"
    with tempfile.TemporaryDirectory() as scratch:
        text = run("bin/python", "-I", "-c", code, *names, cwd=scratch)
    return re.search(r"Ran \d+ tests?", text)[0].lower() + ", all passed"


def check_gtests(manifest, machine, chosen):
    """Caffe's and our C++ tests; a log of all they say lies where the line says."""
    if not manifest["tests"]:
        raise Skip("the bundle has none: build the tree with --tests")
    try:
        machine.require(manifest)
        devices = "*"
    except Skip:
        devices = CPU_TESTS
    log = Path(tempfile.gettempdir(), f"caffe-gtests-{os.getpid()}.log")
    command = [BUNDLE / manifest["tests"], f"--gtest_filter={chosen or devices}"]
    done = 0
    with (
        open(log, "w") as file,
        subprocess.Popen(
            list(map(str, command)),
            cwd=str(BUNDLE / "tests"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=dict(os.environ, **LOGGED),
        ) as process,
    ):
        for line in process.stdout:
            file.write(line)
            if line.startswith("[       OK ]"):
                done += 1
                if done % 200 == 0:
                    print(f"         {done} C++ tests passed", flush=True)
    status = process.returncode
    text = log.read_text(errors="replace")
    passed = re.findall(r"^\[  PASSED  \] (\d+) tests?", text, re.MULTILINE)
    failed = sorted(set(re.findall(r"^\[  FAILED  \] (\S+)(?:, where.*)? ?\(", text, re.MULTILINE)))
    if status or not passed:
        last = re.findall(r"^\[ RUN      \] (\S+)", text, re.MULTILINE)[-1:]
        what = f"{len(failed)} failed: {' '.join(failed[:5])}" if failed else f"it died in {last}"
        raise Failure(f"{what}; {passed[0] if passed else 0} passed; log: {log}")
    return f"{passed[0]} passed; log: {log}"


def run(program, *arguments, cwd=None):
    """What a program of the bundle prints. Raises Failure with its last words."""
    done = subprocess.run(
        [str(BUNDLE / program), *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=dict(os.environ, **LOGGED),
    )
    if done.returncode:
        words = " | ".join(done.stdout.strip().splitlines()[-4:])
        raise Failure(f"{program} ended with status {done.returncode}: {words}")
    return done.stdout


def checks(manifest, machine, chosen):
    """[(name, function)] in the order in which they tell most."""

    def on_gpu(check, *arguments):
        def checked():
            machine.require(manifest)
            return check(manifest, *arguments)

        return checked

    def driver():
        machine.require(manifest)
        have, need = machine.driver, manifest["cuda"]
        if need and have[0] < need:
            raise Failure(
                f"the driver is for CUDA {have[0]}.{have[1]}, the bundle needs {need}: "
                "update the driver"
            )
        return f"CUDA {have[0]}.{have[1]}, {machine.gpus} GPU{'s' * (machine.gpus > 1)}"

    listed = [
        ("files", lambda: check_files(manifest)),
        ("libraries", lambda: check_libraries(manifest)),
        ("train on the CPU", lambda: check_train(manifest, "CPU")),
        ("pycaffe", lambda: check_pycaffe(manifest, "CPU")),
        ("pycaffe's tests", lambda: check_pycaffe_tests(manifest)),
        ("driver", driver),
        ("device_query", on_gpu(check_device)),
        ("train on the GPU", on_gpu(check_train, "GPU", ("-gpu", "0"))),
        ("pycaffe on the GPU", on_gpu(check_pycaffe, "GPU")),
    ]
    if chosen is not None:
        listed.append(("C++ tests", lambda: check_gtests(manifest, machine, chosen)))
    return listed


def main():
    parser = argparse.ArgumentParser(prog="selftest", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--gtests",
        nargs="?",
        const="",
        metavar="FILTER",
        help="run Caffe's and our C++ tests too: all that this machine can run, or a gtest filter",
    )
    parser.add_argument("--pycaffe", choices=("CPU", "GPU"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pycaffe:
        print(pycaffe(options.pycaffe))
        return 0
    manifest = json.loads((BUNDLE / "MANIFEST.json").read_text("utf-8"))
    counts = {"ok": 0, "skipped": 0, "FAILED": 0}
    for name, check in checks(manifest, Machine(), options.gtests):
        try:
            result, words = "ok", check()
        except Skip as reason:
            result, words = "skipped", reason
        except Failure as reason:
            result, words = "FAILED", reason
        except Exception as error:  # a bundle that is broken breaks anywhere
            result, words = "FAILED", f"{type(error).__name__}: {error}"
        counts[result] += 1
        print(f"{result:<8} {name}: {words}", flush=True)
    print(", ".join(f"{count} {result}" for result, count in counts.items()))
    return 1 if counts["FAILED"] else 0


if __name__ == "__main__":
    sys.exit(main())
