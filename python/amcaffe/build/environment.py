"""The Python environment that a built tree serves: `caffe` and `import caffe` in it."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from amcaffe.data.files import atomic_write
from amcaffe.errors import BuildError

PTH_NAME = "amcaffe_pycaffe.pth"


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
            hint="pip install numpy protobuf scipy scikit-image six; with a protoc older than "
            "3.19, 'protobuf<4'",
        )
    return done.stdout.strip()
