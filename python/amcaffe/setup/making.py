"""The cached environment and Caffe tree of this checkout, and how they are made."""

import os
import platform
import sys

from amcaffe.host.commit import NOTED
from amcaffe.host.pinned import COMMIT
from amcaffe.host.toolchain import find_cuda
from amcaffe.setup.debian import install_system_packages, listed
from amcaffe.setup.echoed import run
from amcaffe.setup.environments import locked, make_venv, requirement_files
from amcaffe.setup.keys import CHECKOUT, TREE_INPUTS, cache_folder, content_key

PACKAGES = CHECKOUT / "cmake/debian-packages.txt"
ALWAYS = ("run", "test")  # of the files there; an extra is another
EXTRAS = ("torch", "bundle")


class Setup:
    """Where this checkout's environment and Caffe tree lie, and how they are made."""

    def __init__(self, cuda="auto", cuda_arch=None):
        self.cuda, self.cuda_arch = cuda, cuda_arch
        self.cache = cache_folder()
        facts = (sys.executable, platform.python_version())
        self.venv = self.cache / f"venv-{content_key(requirement_files(ALWAYS), *facts)}"
        inputs = [CHECKOUT / name for name in TREE_INPUTS]
        inputs += requirement_files(("cuda",)) if cuda == "pip" else []
        toolkit = find_cuda().root if cuda in ("auto", "system") else cuda
        key = content_key(inputs, self.venv.name, toolkit, cuda_arch)
        self.root = self.cache / f"caffe-{key}"
        self.source = self.cache / f"source-{COMMIT[:12]}"  # the tree as it came
        self.python = self.venv / "bin/python"

    def environment(self):
        """Variables that put this checkout's python, caffe and $CAFFE_ROOT on a shell."""
        path = f"{CHECKOUT / 'build/bin'}:{self.venv / 'bin'}:{self.root / 'build/tools'}"
        return {
            "PATH": f"{path}:{os.environ.get('PATH', os.defpath)}",
            "PYTHONPATH": f"{CHECKOUT / 'python'}:{self.root / 'python'}",
            "CAFFE_ROOT": str(self.root),
            "AMCAFFE_TEST_TREE": str(self.source),
            "CCACHE_DIR": os.environ.get("CCACHE_DIR") or str(self.cache / "ccache"),
        }

    def make(self, tests=None, extras=()):
        """Make what is missing; a second call does nothing.

        Args:
            tests: gtests too: "all", or "ours" for those of this package alone.
            extras: of EXTRAS: further Python packages.
        Raises: StepError: a step failed; what was made stays and the next call goes on.
        """
        install_system_packages(listed(PACKAGES))
        self.cache.mkdir(parents=True, exist_ok=True)
        with locked(self.cache / "lock"):
            make_venv(self.venv, ALWAYS, extras)
            self._make_tree(tests)
        self._make_extension()
        self._make_command()

    def _make_tree(self, tests):
        environment = dict(os.environ, PYTHONPATH=str(CHECKOUT / "python"))
        environment["CCACHE_DIR"] = self.environment()["CCACHE_DIR"]
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
        (self.root / NOTED).write_text(COMMIT + "\n")  # fetch checked it
        (self.root / "build/amcaffe-ready").touch()
        ready.touch()

    def _make_extension(self):
        """The pybind11 extension, in the checkout; a no-op where it is newer than its sources."""
        command = [self.python, "setup.py", "-q", "build_ext", "--inplace"]
        run([*command, "--build-temp", "build/extension"], cwd=CHECKOUT)

    def _make_command(self):
        """The `amcaffe` that an installed package has, for this checkout."""
        command = CHECKOUT / "build/bin/amcaffe"
        command.parent.mkdir(parents=True, exist_ok=True)
        command.write_text('#!/bin/sh\nexec python -m amcaffe "$@"\n')
        command.chmod(0o755)

    def _step(self, name, *arguments, environment):
        run([self.python, "-m", f"amcaffe.{name}", *arguments], env=environment)
