"""Fixtures that more than one folder of tests uses."""

import os
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from our_layers import OUR_LAYERS

# A shell without job control starts background jobs with SIGINT ignored, and ignored it stays in
# their children; tests that interrupt a step need it to have its meaning there.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def stock_caffe():
    """pycaffe, patched or not."""
    try:
        import caffe
    except ImportError as error:
        pytest.skip(f"no pycaffe in this Python: {error}")
    return caffe


@pytest.fixture(scope="session")
def patched_caffe(stock_caffe):
    """pycaffe with the layers and fields of this package."""
    missing = OUR_LAYERS.difference(stock_caffe.layer_type_list())
    if missing:
        pytest.skip(f"{stock_caffe.__file__} has no layer {', '.join(sorted(missing))}")
    return stock_caffe


@pytest.fixture(scope="session")
def wheel_toolkit():
    """Folder of the CUDA toolkit of PyPI's wheels."""
    from amcaffe.host import cuda_wheels

    for wheel in cuda_wheels.required_wheels():
        try:
            metadata.distribution(wheel)
        except metadata.PackageNotFoundError:
            pytest.skip(f"{wheel} is not in this environment (make test-gpu-build)")
    return cuda_wheels.wheel_toolkit(lambda line: None).root


@pytest.fixture(scope="session")
def wheel_files(tmp_path_factory):
    """Folder with lib/, the Python files of a wheel as they are installed, and its PKG-INFO."""
    pytest.importorskip("setuptools", reason="setuptools is not installed")
    pytest.importorskip("pybind11", reason="pybind11 is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable, "-W", "ignore", "setup.py", "egg_info", "--egg-base", str(folder),
        "build_py", "--build-lib", str(folder / "lib"),
    ]  # fmt: skip
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def step():
    """Run `python -m amcaffe.<step> arguments` and capture what it prints."""

    def run(name, *arguments, cwd=None):
        return subprocess.run(
            [sys.executable, "-m", f"amcaffe.{name}", *map(str, arguments)],
            cwd=cwd,
            env=step_environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


def step_environment():
    """The environment with this checkout's package ahead of all others."""
    python = str(Path(__file__).parents[2] / "python")
    paths = [python, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


class TinyFaces:
    """A folder in which 6 easy classes of 28 x 24 images can be trained on within a second.

    train.txt, img/*.png, and net/ with a 4-layer net under each of the heads named.
    """

    CLASSES = 6

    def __init__(self, folder, images=60):
        import cv2

        self.folder = Path(folder)
        self.solver = "net/face_solver_softmax.prototxt"
        (self.folder / "img").mkdir(parents=True)
        random = np.random.default_rng(0)
        faces = random.integers(0, 255, (self.CLASSES, 28, 24, 3))
        lines = []
        for number in range(images):
            pixels = faces[number % self.CLASSES] + random.normal(0, 30, (28, 24, 3))
            name = f"{number}.png"
            cv2.imwrite(str(self.folder / "img" / name), np.clip(pixels, 0, 255).astype(np.uint8))
            lines.append(f"{name} {number % self.CLASSES}\n")
        self.list = self.folder / "train.txt"
        self.list.write_text("".join(lines))
        self.render()

    def render(self, margins=("softmax", "am-softmax", "combined"), **changes):
        from amcaffe.nets.experiment import Experiment
        from amcaffe.nets.rendering import render_files

        values = dict(
            depth=4,
            channels=4,
            features=8,
            classes=self.CLASSES,
            size=(28, 24),
            source="train.txt",
            val="train.txt",
            root="img",
            batch=12,
            lr=0.01,
            steps=(1000,),
            max_iter=12,
            snapshot=5,
        )
        values.update(changes)
        (self.folder / "net").mkdir(exist_ok=True)
        for name, text in render_files(Experiment(**values), "net", margins).items():
            (self.folder / "net" / name).write_text(text)

    def render_one(self, margin, **changes):
        """Render one head alone. Returns the paths of its solver and its net, from `folder`."""
        for path in self.folder.glob("net/face_*"):
            path.unlink()
        self.render((margin,), **changes)
        names = ("face_solver*", "face_train_test*")
        return tuple(f"net/{next((self.folder / 'net').glob(name)).name}" for name in names)

    def append(self, line):
        with open(self.list, "a", encoding="utf-8") as file:
            file.write(line + "\n")


@pytest.fixture
def tiny_faces(tmp_path):
    return TinyFaces(tmp_path)


@pytest.fixture
def train(step, tiny_faces):
    """Run `python -m amcaffe.train` on tiny_faces, in their folder."""

    def run(*arguments, solver=tiny_faces.solver, out="out"):
        return step("train", "--solver", solver, "--out", out, *arguments, cwd=tiny_faces.folder)

    return run
