"""`python -m amcaffe.setup`: everything that demo, tests and benchmarks need, kept in a cache.

System packages, a virtual environment, and a fetched, patched and built Caffe.
The cache lies outside the checkout ($AMCAFFE_CACHE, else ~/.cache/amcaffe), so
a second checkout with the same layers and installer compiles nothing; its
folders are named after the content they were made from, so a changed layer
never meets a stale build. Standard library only: this runs before the
environment exists. `make setup` is its usual caller.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from amcaffe import cli, fetch
from amcaffe.errors import BuildError, StepError
from amcaffe.toolchain import find_cuda

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = CHECKOUT / "cmake/debian-packages.txt"
REQUIREMENTS = CHECKOUT / "python/requirements"
ALWAYS = ("run", "test")  # of the files there; an extra is another
EXTRAS = ("torch", "bundle")

# What a built tree is made from, beside the pinned source that fetch.py names.
MODULES = (
    "cmake_cache", "cuda_wheels", "fetch", "proto_parse", "pycaffe_binding", "resources",
    "toolchain", "tree", "tree_layers",
)  # fmt: skip
TREE_INPUTS = (
    *("layers", "proto", "cmake", "tests/layers", "python/amcaffe/install", "python/amcaffe/build"),
    *(f"python/amcaffe/{name}.py" for name in MODULES),
)


def cache_folder():
    """Folder of everything that outlives a checkout."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("AMCAFFE_CACHE") or Path(base, "amcaffe")).absolute()


def content_key(paths, *facts):
    """16 hexadecimal digits that change with any file below paths, its name, or any fact."""
    digest = hashlib.sha256("\0".join(map(str, facts)).encode())
    for top in paths:
        files = [top] if top.is_file() else sorted(p for p in top.rglob("*") if p.is_file())
        for path in files:
            if "__pycache__" not in path.parts:
                digest.update(f"\0{path.relative_to(CHECKOUT).as_posix()}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


class Setup:
    """Where this checkout's environment and Caffe tree lie, and how they are made."""

    def __init__(self, cuda="auto", cuda_arch=None):
        self.cuda, self.cuda_arch = cuda, cuda_arch
        self.cache = cache_folder()
        facts = (sys.executable, platform.python_version())
        requirements = [REQUIREMENTS / f"{name}.txt" for name in ALWAYS]
        self.venv = self.cache / f"venv-{content_key(requirements, *facts)}"
        inputs = [CHECKOUT / name for name in TREE_INPUTS]
        inputs += [REQUIREMENTS / "cuda.txt"] if cuda == "pip" else []
        toolkit = find_cuda().root if cuda in ("auto", "system") else cuda
        key = content_key(inputs, self.venv.name, toolkit, cuda_arch)
        self.root = self.cache / f"caffe-{key}"
        self.source = self.cache / f"source-{fetch.COMMIT[:12]}"  # the tree as it came
        self.python = self.venv / "bin/python"

    def environment(self):
        """Variables that put this checkout's python, caffe and $CAFFE_ROOT on a shell."""
        path = f"{CHECKOUT / 'build/bin'}:{self.venv / 'bin'}:{self.root / 'build/tools'}"
        return {
            "PATH": f"{path}:{os.environ.get('PATH', os.defpath)}",
            "PYTHONPATH": f"{CHECKOUT / 'python'}:{self.root / 'python'}",
            "CAFFE_ROOT": str(self.root),
            "AMCAFFE_TEST_TREE": str(self.source),
        }

    def make(self, tests=None, extras=()):
        """Make what is missing; a second call does nothing.

        Args:
            tests: gtests too: "all", or "ours" for those of this package alone.
            extras: of EXTRAS: further Python packages.
        Raises: StepError: a step failed; what was made stays and the next call goes on.
        """
        install_system_packages(PACKAGES)
        self.cache.mkdir(parents=True, exist_ok=True)
        with _locked(self.cache / "lock"):
            self._make_venv(extras)
            self._make_tree(tests)
        self._make_extension()
        self._make_command()

    def _make_venv(self, extras):
        if not (self.venv / f"ready-{ALWAYS[0]}").exists():
            if self.venv.exists():
                shutil.rmtree(self.venv)  # an interrupted one; its name is a hash, it is ours
            _run([sys.executable, "-m", "venv", self.venv])
        for name in (*ALWAYS, *extras):
            ready = self.venv / f"ready-{name}"
            requirements = REQUIREMENTS / f"{name}.txt"
            wanted = requirements.read_text()
            if not ready.exists() or ready.read_text() != wanted:
                _run([self.python, "-m", "pip", "install", "-q", "-r", requirements])
                ready.write_text(wanted)

    def _make_tree(self, tests):
        environment = dict(os.environ, PYTHONPATH=str(CHECKOUT / "python"))
        environment.setdefault("CCACHE_DIR", str(self.cache / "ccache"))
        if not self.source.exists():
            self._step("fetch", self.source, environment=environment)
        ready = self.root / "build" / (f"amcaffe-ready-{tests}" if tests else "amcaffe-ready")
        if ready.exists():
            return
        if not self.root.exists():
            self._step("fetch", self.root, "--source", self.source, environment=environment)
        self._step("install", self.root, environment=environment)
        arguments = [self.root, "--cuda", self.cuda, "--no-register"]
        arguments += ["--cuda-arch", self.cuda_arch] if self.cuda_arch else []
        arguments += [{"all": "--tests", "ours": "--our-tests"}[tests]] if tests else []
        self._step("build", *arguments, environment=environment)
        (self.root / "build/amcaffe-commit").write_text(fetch.COMMIT + "\n")  # fetch checked it
        (self.root / "build/amcaffe-ready").touch()
        ready.touch()

    def _make_extension(self):
        """The pybind11 extension, in the checkout; a no-op where it is newer than its sources."""
        command = [self.python, "setup.py", "-q", "build_ext", "--inplace"]
        _run([*command, "--build-temp", "build/extension"], cwd=CHECKOUT)

    def _make_command(self):
        """The `amcaffe` that an installed package has, for this checkout."""
        command = CHECKOUT / "build/bin/amcaffe"
        command.parent.mkdir(parents=True, exist_ok=True)
        command.write_text('#!/bin/sh\nexec python -m amcaffe "$@"\n')
        command.chmod(0o755)

    def _step(self, name, *arguments, environment):
        _run([self.python, "-m", f"amcaffe.{name}", *arguments], env=environment)


def install_system_packages(listing):
    """Install what is missing of a list of Debian packages; elsewhere, say what is needed.

    Args: listing: file with a package a line; # begins a comment.
    Raises: BuildError: not root and no sudo, or apt failed.
    """
    lines = listing.read_text().splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    if not shutil.which("dpkg-query") or not shutil.which("apt-get"):
        print(f"no Debian system: the libraries named in {listing} have to be there already")
        return
    known = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages],
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    missing = [package for package in packages if f"{package} installed" not in known]
    if not missing:
        return
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if sudo and not shutil.which("sudo"):
        raise BuildError(
            f"{len(missing)} system packages are missing, and only root can install them",
            found="missing: " + " ".join(missing),
            hint="as root: apt-get update && " + " ".join(command),
        )
    _run([*sudo, "apt-get", "update", "-q"])
    _run([*sudo, "env", "DEBIAN_FRONTEND=noninteractive", *command], quiet=True)


@contextlib.contextmanager
def _locked(path):
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another set-up that holds {path}", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(command, quiet=False, **options):
    text = shlex.join(map(str, command))
    print(f"$ {text}", flush=True)
    output = {"capture_output": True, "text": True} if quiet else {}
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, **output, **options)
    if done.returncode:
        if quiet:
            print(done.stdout + done.stderr, file=sys.stderr)
        raise StepError(
            f"this command failed with status {done.returncode}: {text}", done.returncode
        )


def main(argv):
    arguments = cli.parser(
        "setup",
        "Make, once, what make demo, make test and make bench need: system packages, a Python\n"
        "environment, and a fetched, patched and built Caffe. Kept in $AMCAFFE_CACHE, else\n"
        "~/.cache/amcaffe.",
        'python3 -m amcaffe.setup && eval "$(python3 -m amcaffe.setup --env)"',
    )
    arguments.add_argument("--env", action="store_true", help="only print lines for a shell's eval")
    arguments.add_argument("--tests", choices=("all", "ours"), help="compile the gtests too")
    arguments.add_argument(
        "--extras", nargs="*", choices=EXTRAS, default=[], help="further Python packages"
    )
    arguments.add_argument("--cuda", choices=("auto", "pip", "system", "off"), default="auto")
    arguments.add_argument("--cuda-arch", metavar="ARCH[,ARCH]", help="as amcaffe.build has it")
    options = arguments.parse_args(argv)
    setup = Setup(options.cuda, options.cuda_arch)
    if options.env:
        for name, value in setup.environment().items():
            print(f"export {name}={shlex.quote(value)}")
        return
    setup.make(options.tests, options.extras)
    print(f"python: {setup.python}\nCaffe:  {setup.root}")


if __name__ == "__main__":
    sys.exit(cli.run("setup", main))
