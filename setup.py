"""Builds amcaffe and its extension; pyproject.toml declares the rest."""

import shutil
from pathlib import Path

from pybind11.setup_helpers import Pybind11Extension
from setuptools import setup
from setuptools.command.build_py import build_py

# What `amcaffe install` and the other steps read from the repository's top level,
# and what a wheel therefore carries in amcaffe/_data.
DATA = {
    "layers": ("**/*.hpp", "**/*.cpp", "**/*.cu", "pycaffe/CMakeLists.txt"),
    "proto": ("*.proto",),
    "prototxt": ("*.prototxt",),
    "cmake": ("*",),
    "python/requirements": ("cuda.txt",),
    "tests/layers": ("**/*.hpp", "**/*.cpp", "**/*.cu"),
}


class BuildWithData(build_py):
    """Copies DATA into a wheel; an editable install reads the checkout's own folders."""

    def data_copies(self):
        """[(source, destination)] of files, relative to the repository's root."""
        if self.editable_mode:
            return []
        target = Path(self.build_lib, "amcaffe", "_data")
        return [
            (file, target / file)
            for folder, patterns in DATA.items()
            for pattern in patterns
            for file in sorted(Path(folder).glob(pattern))
            if file.is_file()
        ]

    def run(self):
        super().run()
        if not self.editable_mode:
            # A file that is gone from the checkout must not linger in a wheel.
            shutil.rmtree(Path(self.build_lib, "amcaffe", "_data"), ignore_errors=True)
        for source, destination in self.data_copies():
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, destination)

    def get_outputs(self, include_bytecode=True):
        copies = [str(destination) for _, destination in self.data_copies()]
        return super().get_outputs(include_bytecode) + copies


setup(
    ext_modules=[
        Pybind11Extension(
            "amcaffe._core",
            ["python/amcaffe/_core.cpp"],
            include_dirs=["layers/margins"],
            depends=["layers/margins/margin_math.hpp"],
            cxx_std=14,
            extra_compile_args=["-O2"],
        )
    ],
    cmdclass={"build_py": BuildWithData},
)
