"""The environment of `make lint`: a few programs of PyPI, and nothing of Caffe."""

import importlib.util
import os
import platform
import sys

from amcaffe.setup.debian import install_system_packages
from amcaffe.setup.environments import locked, make_venv, requirement_files
from amcaffe.setup.keys import cache_folder, content_key

NAMES = ("lint",)


class Linters:
    """Where the linters of this checkout lie, and how they are brought there."""

    def __init__(self):
        self.cache = cache_folder()
        # base_prefix: the tests, in the environment with Caffe, name the same folder.
        facts = (sys.base_prefix, platform.python_version())
        self.venv = self.cache / f"lint-{content_key(requirement_files(NAMES), *facts)}"

    def environment(self):
        """Variables that put the linters on a shell."""
        return {"PATH": f"{self.venv / 'bin'}:{os.environ.get('PATH', os.defpath)}"}

    def make(self):
        """Make what is missing; a second call does nothing. Raises: StepError, BuildError."""
        if importlib.util.find_spec("ensurepip") is None:
            install_system_packages(["python3-venv"])
        self.cache.mkdir(parents=True, exist_ok=True)
        # Not the lock of a set-up, which may be compiling Caffe for minutes.
        with locked(self.cache / "lint.lock"):
            make_venv(self.venv, NAMES)
