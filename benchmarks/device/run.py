"""Everything that benchmarks/device.sh runs, in the folder of an unpacked pack.

    python -m device.run FOLDER OUT --seconds N

In OUT: a log for each group of parts, figures.json and table.txt.
"""

import argparse
import ctypes
import json
import shutil
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

from bench import gpu
from device import links, parts
from device.parts import Part
from device.table import table

# A child that is forked from a process that has used CUDA cannot use it; this style starts anew.
DEATH_TESTS = ["--gtest_death_test_style=threadsafe"]
KERNELS = "GPUMarginSoftmaxTest"  # those of ours that share memory between threads
IMPORT = """
import caffe
types = list(caffe.layer_type_list())
assert "MarginSoftmaxLoss" in types, "there is no MarginSoftmaxLoss among the layers"
print(f"caffe {caffe.__version__}, {len(types)} layer types")
"""
# (name in the table, script, further arguments, limit in seconds)
BENCHMARKS = (
    ("head", "head", ["--rounds", "2", "--implementations", "fused", "chain", "sampled", "torch",
                      "torch_compile", "products"], 75),
    ("iteration", "iteration", [], 45),
    ("iteration, TF32", "iteration", ["--tf32"], 35),
)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    deadline = time.monotonic() + options.seconds
    for old in options.out.glob("*.log"):
        old.unlink()
    manifest = json.loads((options.folder / "manifest.json").read_text())
    theirs, missing = links.link(manifest["needed"], options.folder / links.THEIRS, links.folders())
    results = []
    for part in plan(options.folder, manifest, misfit(manifest, missing), no_gpu(gpu.name())):
        result = parts.run(part, options.out, deadline)
        results.append(result)
        print(f"{result.state}: {result.name}, {result.seconds:.0f} s: {result.figure}", flush=True)
    figures = {}
    for number, (name, script, _, _) in enumerate(BENCHMARKS):
        path = place(options.folder, number) / f"{script}.json"
        if path.exists():
            figures[name] = json.loads(path.read_text())
    (options.out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    lines = table(describe(manifest, theirs), results, figures)
    (options.out / "table.txt").write_text("\n".join(lines) + "\n")
    print("", *lines, sep="\n")
    return 1 if any(result.state in ("failed", "timed out") for result in results) else 0


def misfit(manifest, missing):
    """What the machine's libraries or Python lack of what the pack needs, in words; "": nothing.

    Args: missing: names of libraries.
    """
    if missing:
        return (
            f"{', '.join(missing)} not found among this Python's packages and the system's: "
            "LD_LIBRARY_PATH names further places"
        )
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if here != manifest["python"]:
        return (
            f"this is Python {here}, the pack's pycaffe is for {manifest['python']}: "
            "DEVICE_PYTHON names another, or pack with --python"
        )
    return ""


def no_gpu(name):
    """Why nothing runs on a GPU here; "" where it does."""
    return "" if name else "no GPU"


def plan(folder, manifest, misfit, no_gpu):
    """The Parts, in the order in which they tell most.

    Args:
        folder: of the unpacked pack.
        manifest: its manifest.
        misfit: why the pack does not run here, which is a failure; or "".
        no_gpu: why what needs a GPU is skipped; or "".
    """
    import_caffe = Part("import caffe", "machine.log", [sys.executable, "-c", IMPORT], 30,
                        lambda text: text.strip().splitlines()[-1] if text.strip() else "",
                        fault=misfit)  # fmt: skip
    rest = misfit and "import caffe is not possible"
    why = rest or no_gpu
    death_tests = [] if no_gpu else DEATH_TESTS
    ours = filters(manifest["our test cases"], manifest["GPU tests"])
    sanitizer = find_sanitizer()
    no_sanitizer = why or (
        "" if sanitizer else "no compute-sanitizer here (it is in CUDA's toolkit)"
    )

    def tests(name, log, pattern, seconds, under=(), reason=why, **options):
        program = [*under, folder / manifest["tests"], f"--gtest_filter={pattern}", *death_tests]
        return Part(name, log, program, seconds, parts.sanitizer if under else parts.gtests,
                    folder=folder / "tests", reason=reason, **options)  # fmt: skip

    def sanitized(tool, seconds):
        command = [sanitizer, "--tool", tool, "--error-exitcode", "9"]
        return tests(f"{tool} of {KERNELS}", "sanitizer.log", f"{KERNELS}/*", seconds, command,
                     no_sanitizer)  # fmt: skip

    def benchmark(number, name, script, arguments, seconds):
        command = [sys.executable, folder / f"benchmarks/{script}.py", "--devices", "gpu",
                   "--out", place(folder, number), *arguments]  # fmt: skip
        return Part(name, f"{script}.log", command, seconds, parts.benchmark, reason=why)

    return [
        import_caffe,
        # Only to see that the pack is whole, where nothing else can.
        tests("our tests, CPU", "machine.log", ours["CPU"], 60,
              reason=rest or ("" if no_gpu else "the GPU's half tells more")),
        tests("our tests, GPU", "ours.log", ours["GPU"], 100),
        sanitized("memcheck", 30),
        sanitized("racecheck", 30),
        *(benchmark(number, *row) for number, row in enumerate(BENCHMARKS)),
        tests("Caffe's tests, GPU", "caffe.log", ours["others' GPU"], 150, cut=True),
        # Last: cuDNN is asked anew at each of a gradient check's thousands of passes.
        tests("Caffe's tests of cuDNN", "caffe.log", ours["others' cuDNN"], 150, cut=True),
    ]  # fmt: skip


def filters(cases, gpu_tests):
    """gtest's patterns for halves of the tests.

    Args: cases: names of our test cases. gpu_tests: pattern of all tests that need a GPU.
    """
    everywhere = ":".join(f"{case}.*:{case}/*" for case in cases)
    on_gpu = ":".join(f"{case}.*:{case}/*" if "GPU" in case else
                      f"{case}*.*GPU*:{case}/2.*:{case}/3.*" for case in cases)  # fmt: skip
    return {
        "CPU": f"{everywhere}-{gpu_tests}",
        "GPU": on_gpu,
        "others' GPU": f"{gpu_tests}-{everywhere}:CuDNN*",
        "others' cuDNN": "CuDNN*",
    }


def place(folder, number):
    """Folder that a benchmark writes to: compiled code lies there, too, which is not to stay."""
    return folder / f"figures/{number}"


def find_sanitizer():
    """Path of compute-sanitizer, or None."""
    usual = "/usr/local/cuda/bin"
    return shutil.which("compute-sanitizer") or shutil.which("compute-sanitizer", path=usual)


def describe(manifest, theirs):
    """[(name, text)] of what this machine and the pack are.

    Args: theirs: {name: Path} of the machine's own libraries.
    """
    return [
        ("GPU", f"{gpu.name() or 'none'}; driver {_driver()}"),
        ("here", f"cuDNN {_cudnn(theirs)}, PyTorch {_pytorch()}, Python {sys.version.split()[0]}"),
        ("pack", f"CUDA {manifest['cuda']} for {manifest['architectures']}"),
    ]


def _driver():
    version = ctypes.c_int()
    try:
        gpu.call("cuDriverGetVersion", ctypes.byref(version))
    except (OSError, RuntimeError):
        return "none"
    cuda = f"for CUDA {version.value // 1000}.{version.value % 1000 // 10}"
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return cuda
    return " ".join([*done.stdout.split()[:1], cuda])


def _cudnn(theirs):
    path = next((path for name, path in theirs.items() if name.startswith("libcudnn.")), None)
    if path is None:
        return "none"
    try:
        version = ctypes.CDLL(str(path)).cudnnGetVersion()
    except OSError as error:
        return f"not loaded ({error})"
    return f"{version // 10000}.{version // 100 % 100}.{version % 100}"  # 91900, since cuDNN 9


def _pytorch():
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        return "none"


if __name__ == "__main__":
    sys.exit(main())
