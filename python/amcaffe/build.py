"""`python -m amcaffe.build $CAFFE_ROOT`: configure and compile a Caffe tree with its own CMake.

Afterwards `caffe` and `import caffe` work in this Python environment from any
directory: a link in its bin folder and a .pth file in its site-packages.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from amcaffe import cli
from amcaffe.cmake_cache import read_cache
from amcaffe.cuda_wheels import wheel_toolkit
from amcaffe.errors import BuildError
from amcaffe.files import atomic_write
from amcaffe.pycaffe_binding import BOOST, OURS, PYBIND11, choose_binding, require_pybind11
from amcaffe.toolchain import APT_HINT, Cuda, find_cuda, generator, require_cmake
from amcaffe.tree import MARK, require_tree

LOG_NAME = "amcaffe-build.log"
PTH_NAME = "amcaffe_pycaffe.pth"
TOOLKIT = "CUDA_TOOLKIT_ROOT_DIR"
CUDA_MODULE = "cmake/amcaffe_cuda.cmake"
ALL_TESTS, OUR_TESTS = "all", "ours"


def configure_options(root, cuda, python=sys.executable, binding=PYBIND11):
    """CMake's -D options for a tree.

    Args:
        root: Caffe tree.
        cuda: toolchain.Cuda; without a root the build is CPU-only.
        python: interpreter that pycaffe is built for.
        binding: what pycaffe is made with, PYBIND11 or BOOST.
    Returns: dict of str to str.
    """
    options = {
        "CMAKE_BUILD_TYPE": "Release",
        "BLAS": "Open",
        "BUILD_docs": "OFF",
        "BUILD_python": "ON",  # a tree may have it off, as OpenPose's does
        "python_version": "3",
        "PYTHON_EXECUTABLE": python,
        "pycaffe_binding": binding,
        "CPU_ONLY": "OFF" if cuda.root else "ON",
        # A tree of 2020 states CMake 2.8; CMake 4 asks for at least 3.5.
        "CMAKE_POLICY_VERSION_MINIMUM": "3.5",
    }
    launchers = ["CMAKE_CXX_COMPILER_LAUNCHER"]
    if cuda.root:
        options[TOOLKIT] = str(cuda.root)
        if cuda.has_nccl:
            options["USE_NCCL"] = "ON"
        launchers.append("CMAKE_CUDA_COMPILER_LAUNCHER")
    if shutil.which("ccache"):
        options.update(dict.fromkeys(launchers, "ccache"))
    return options


def choose_cuda(choice, root, say=print):
    """The toolkit that a choice of --cuda stands for.

    Args:
        choice: auto, pip, system or off; auto keeps to the toolkit of the tree's last build.
        root: Caffe tree.
    Returns: toolchain.Cuda.
    Raises: BuildError: the toolkit asked for cannot be had.
    """
    if choice == "off":
        return Cuda(None, "as asked")
    if choice == "pip":
        return wheel_toolkit(say)
    before = read_cache(root).get(TOOLKIT)
    if choice == "auto" and before and Path(before, "bin/nvcc").exists():
        return Cuda(Path(before), f"CUDA toolkit in {before}, as before")
    cuda = find_cuda()
    if cuda.root is None and choice == "system":
        raise BuildError(
            f"--cuda system: {cuda.reason}",
            hint="set CUDA_HOME to a toolkit, or take one from PyPI with --cuda pip",
        )
    if cuda.root is None:
        return Cuda(None, f"{cuda.reason} (--cuda pip takes one from PyPI)")
    return cuda


def our_tests(root):
    """Names, as BUILD_only_tests has them, of the gtests that the installer wrote into a tree."""
    return [
        path.stem[len("test_") :]
        for path in sorted(Path(root).glob("src/caffe/test/test_*.cpp"))
        if path.read_bytes().startswith(MARK)
    ]


def build(root, cuda, tests=None, defines=(), jobs=None, say=print, binding=None):
    """Configure and compile a tree in its build folder.

    Args:
        root: Caffe tree.
        cuda: toolchain.Cuda.
        tests: compile gtests too: ALL_TESTS, or OUR_TESTS for those of this package alone.
        defines: further KEY=VALUE options for CMake; they win.
        jobs: compilers at a time; None: a processor each.
        say: function of one line.
        binding: PYBIND11, BOOST, or None: as choose_binding says.
    Returns: Path of the build folder.
    Raises: BuildError: with the first compiler error and the log's place.
    """
    root = require_tree(root).root
    folder = root / "build"
    log = folder / LOG_NAME
    try:
        folder.mkdir(exist_ok=True)
        log.write_text("")
    except OSError as error:
        raise BuildError(
            f"cannot write {error.filename}: {error.strerror}",
            hint="build in a copy of the tree that you may write to",
        ) from None
    environment = dict(os.environ, CCACHE_NOHASHDIR="1")
    environment.setdefault("CCACHE_BASEDIR", str(root))

    if not (root / ".amcaffe").exists():
        say(f"{root} is not patched (python -m amcaffe.install does); it is built as it is")
    say(cuda.reason if cuda.root else f"CPU-only: {cuda.reason}")
    cmake = require_cmake()
    binding = choose_binding(root, binding, say)
    options = configure_options(root, cuda, binding=binding)
    if tests:
        options["BUILD_only_tests"] = ",".join(our_tests(root)) if tests == OUR_TESTS else ""
    options.update(define.split("=", 1) for define in defines)
    if _drop_other_toolkit(root, options):
        say("configuring anew: it was configured with another CUDA toolkit, or with none")
    command = [cmake, "-S", str(root), "-B", str(folder)]
    if not (folder / "CMakeCache.txt").exists():
        command += ["-G", generator()]
    command += [f"-D{key}={value}" for key, value in options.items()]
    _logged(command, environment, log, "configuring")
    if "pycaffe" not in _targets(cmake, folder):
        version = ".".join(map(str, sys.version_info[:2]))
        raise BuildError(
            f"CMake found no Boost.Python or no NumPy for this Python ({sys.executable})",
            found=f"Python {version}; details in {log}",
            expected="libboost_python of the same Python version, and numpy installed",
            hint=f"patch the tree and build with --binding {PYBIND11}, which needs neither; or use "
            "the distribution's python3 in a virtual environment; " + APT_HINT,
        )
    targets = ["all"] + (["test.testbin"] if tests else [])
    command = [cmake, "--build", str(folder), "--parallel", str(jobs or os.cpu_count())]
    _logged([*command, "--target", *targets], environment, log, "compiling")
    # What --pycaffe-only made for this Python would be taken before the binding made now.
    _own_module(root).unlink(missing_ok=True)
    return folder


def build_pycaffe(root, jobs=None):
    """Compile pycaffe for the running Python, against a libcaffe that is built.

    The module lies beside those of other Pythons, in python/caffe, under a name
    that this one alone loads.

    Args:
        root: Caffe tree, built with pycaffe on pybind11.
        jobs: compilers at a time; None: a processor each.
    Returns: Path of the module.
    Raises: BuildError: the tree is not built so, or with the first compiler error.
    """
    root = require_tree(root).root
    found = read_cache(root).get("pycaffe_binding", "no build, or one without the option")
    if found != PYBIND11 or not (root / "build/pycaffe_flags.cmake").exists():
        raise BuildError(
            f"{root} is not built with pycaffe on pybind11, and its libcaffe may need a Python",
            found=f"pycaffe_binding = {found}",
            hint=f"first: python -m amcaffe.build {root} --binding {PYBIND11}",
        )
    require_pybind11()
    module = _own_module(root)
    folder = root / "build" / f"pycaffe{sysconfig.get_config_var('EXT_SUFFIX')}".replace(".so", "")
    folder.mkdir(exist_ok=True)
    log = folder / LOG_NAME
    log.write_text("")
    cmake = require_cmake()
    options = {
        "CMAKE_BUILD_TYPE": "Release",
        "Caffe_DIR": str(root / "build"),
        "PYTHON_EXECUTABLE": sys.executable,
    }
    if shutil.which("ccache"):
        options["CMAKE_CXX_COMPILER_LAUNCHER"] = "ccache"
    command = [cmake, "-S", str(root / OURS), "-B", str(folder)]
    if not (folder / "CMakeCache.txt").exists():
        command += ["-G", generator()]
    command += [f"-D{key}={value}" for key, value in options.items()]
    environment = dict(os.environ, CCACHE_NOHASHDIR="1")
    environment.setdefault("CCACHE_BASEDIR", str(root))
    _logged(command, environment, log, "configuring")
    command = [cmake, "--build", str(folder), "--parallel", str(jobs or os.cpu_count())]
    _logged(command, environment, log, "compiling")
    return module


def _own_module(root):
    return Path(root, "python/caffe", f"_caffe{sysconfig.get_config_var('EXT_SUFFIX')}")


def register(root):
    """Put caffe and pycaffe of a built tree into this Python environment.

    Args: root: built Caffe tree.
    Returns: list of the two paths written.
    Raises: BuildError: the environment cannot be written, or a `caffe` that is no
        link stands in its bin folder.
    """
    root = Path(root).absolute()
    program = Path(sysconfig.get_path("scripts"), "caffe")
    pth = Path(sysconfig.get_path("purelib"), PTH_NAME)
    if program.exists() and not program.is_symlink():
        raise BuildError(f"{program} exists and is not ours", hint="move it out of the way")
    link = program.with_name(".caffe.amcaffe")
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(root / "build/tools/caffe")
        os.replace(link, program)
        atomic_write(pth, f"{root / 'python'}\n")
    except OSError as error:
        raise BuildError(
            f"cannot write {error.filename}: {error.strerror}",
            hint="use a virtual environment (python3 -m venv), or --no-register with "
            f"PYTHONPATH={root / 'python'} and PATH={root / 'build/tools'}:$PATH",
        ) from None
    return [program, pth]


def check_import(root):
    """Import pycaffe in a fresh interpreter, from another directory.

    Returns: its version.
    Raises: BuildError: with Python's words.
    """
    environment = dict(os.environ, PYTHONPATH=str(Path(root).absolute() / "python"))
    done = subprocess.run(
        [sys.executable, "-c", "import caffe; print(caffe.__version__)"],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise BuildError(
            "Caffe is built, but `import caffe` fails",
            found=(done.stderr.strip().splitlines() or ["no message"])[-1],
            hint="pip install numpy protobuf scipy scikit-image six; with a protoc older than 3.19, "
            "'protobuf<4'",
        )
    return done.stdout.strip()


def first_error(text):
    """The first error of a CMake, compiler or linker log, with the lines that explain it.

    Args: text: the log.
    Returns: str of up to 8 lines; the last lines where no error is recognised.
    """
    lines = text.splitlines()
    patterns = (r"\berror\b:|^CMake Error", r"undefined reference|cannot find -l|Error \d+$", "FAILED")
    for pattern in patterns:
        for number, line in enumerate(lines):
            if re.search(pattern, line):
                return "\n".join(lines[number : number + 8])
    return "\n".join(lines[-8:])


def _drop_other_toolkit(root, options):
    """Have CMake forget the paths that it found in another toolkit; True where there was one."""
    cache = read_cache(root)
    if not cache or cache.get(TOOLKIT) == options.get(TOOLKIT):
        return False
    (root / "build/CMakeCache.txt").unlink()
    shutil.rmtree(root / "build/CMakeFiles", ignore_errors=True)
    return True


def _targets(cmake, folder):
    done = subprocess.run(
        [cmake, "--build", str(folder), "--target", "help"], capture_output=True, text=True
    )
    return set(re.findall(r"[\w.]+", done.stdout))


def _logged(command, environment, log, title):
    """Run a command with its output in the log and its progress on the terminal."""
    from tqdm import tqdm

    print("$ " + " ".join(command), flush=True)
    reached = told = 0  # per cent; told is the last printed where there is no terminal for a bar
    bar = tqdm(total=100, desc=title, disable=None, bar_format="{l_bar}{bar}| {elapsed}")
    with bar, open(log, "a") as file, subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            for line in process.stdout:
                file.write(line)
                done = _percentage(line)
                if done is None or done <= reached:
                    continue
                bar.update(done - reached)
                reached = done
                if bar.disable and done >= told + 10:
                    print(f"{title}: {done} %", flush=True)
                    told = done
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise BuildError(
            f"{title} failed: {' '.join(command)}",
            found="\n            ".join(first_error(log.read_text(errors="replace")).splitlines()),
            hint=f"the whole log: {log}",
        )


def _percentage(line):
    """Progress in whole per cent from a line of ninja ("[3/112]") or make ("[ 12%]")."""
    steps = re.match(r"\[(\d+)/(\d+)\]", line)
    if steps:
        return 100 * int(steps[1]) // int(steps[2])
    percent = re.match(r"\[\s*(\d+)%\]", line)
    return int(percent[1]) if percent else None


def main(argv):
    arguments = cli.parser(
        "build",
        "Configure and compile a Caffe tree in its build folder, then put caffe and pycaffe into\n"
        "this Python environment. Run it again after a change: only what changed is compiled.",
        "python -m amcaffe.build $CAFFE_ROOT",
    )
    arguments.add_argument("root", metavar="CAFFE_ROOT", help="Caffe source tree")
    arguments.add_argument(
        "--cuda",
        choices=("auto", "pip", "system", "off"),
        default="auto",
        help="auto (default): as before, else with the system's toolkit where a whole one is found; "
        "pip: with nvcc, cuBLAS, cuRAND, cuDNN and NCCL of PyPI, brought into this environment",
    )
    arguments.add_argument(
        "--cuda-arch",
        metavar="ARCH[,ARCH]",
        help="as CMAKE_CUDA_ARCHITECTURES has them: 90, 90a, 80-real, native, all-major; default: "
        "native where there is a GPU, else all-major",
    )
    arguments.add_argument(
        "--binding",
        choices=(PYBIND11, BOOST),
        help="what pycaffe is made with; default: pybind11 in a patched tree, unless the tree's own "
        "binding has names that ours lacks",
    )
    arguments.add_argument(
        "--pycaffe-only",
        action="store_true",
        help="only pycaffe, for one more Python: the one that runs this, beside those that have it",
    )
    gtests = arguments.add_mutually_exclusive_group()
    gtests.add_argument(
        "--tests", action="store_const", const=ALL_TESTS, help="compile the gtests too"
    )
    gtests.add_argument(
        "--our-tests", dest="tests", action="store_const", const=OUR_TESTS,
        help="of the gtests, those of this package alone",
    )  # fmt: skip
    arguments.add_argument("--jobs", type=int, metavar="N", help="compilers at a time")
    arguments.add_argument(
        "-D", dest="defines", action="append", default=[], metavar="KEY=VALUE", help="for CMake"
    )
    arguments.add_argument(
        "--no-register",
        action="store_true",
        help="leave this Python environment as it is",
    )
    options = arguments.parse_args(argv)
    for define in options.defines:
        if "=" not in define:
            arguments.error(f"-D {define}: expected KEY=VALUE")
    if options.pycaffe_only:
        module = build_pycaffe(options.root, options.jobs)
        print(f"Caffe {check_import(options.root)}: {module}")
        return
    defines = list(options.defines)
    if options.cuda_arch:
        if not (require_tree(options.root).root / CUDA_MODULE).exists():
            raise BuildError(
                f"--cuda-arch needs {CUDA_MODULE} in the tree, which is not patched",
                hint=f"python -m amcaffe.install {options.root}, or -D CUDA_ARCH_NAME=Manual "
                "-D CUDA_ARCH_BIN=..., as the tree has it",
            )
        defines.insert(0, f"CMAKE_CUDA_ARCHITECTURES={options.cuda_arch.replace(',', ';')}")
    cuda = choose_cuda(options.cuda, options.root)
    folder = build(
        options.root, cuda, options.tests, defines, options.jobs, binding=options.binding
    )
    version = check_import(options.root)
    if not options.no_register:
        for path in register(options.root):
            print(path)
    print(f"Caffe {version}: {folder / 'tools/caffe'}")


if __name__ == "__main__":
    sys.exit(cli.run("build", main))
