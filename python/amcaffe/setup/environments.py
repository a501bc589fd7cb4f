"""Virtual environments in the cache, and the lock under which the cache is written."""

import contextlib
import fcntl
import shutil
import sys

from amcaffe.setup.echoed import run
from amcaffe.setup.keys import CHECKOUT

REQUIREMENTS = CHECKOUT / "python/requirements"


def requirement_files(names):
    """The files that list what environments hold, by their names."""
    return [REQUIREMENTS / f"{name}.txt" for name in names]


def make_venv(venv, names, extras=()):
    """Make what is missing of an environment that is named after what `names` list.

    Args: extras: files that it may hold beside.
    Raises: StepError: a command failed.
    """
    if not (venv / f"ready-{names[0]}").exists():
        if venv.exists():
            shutil.rmtree(venv)  # an interrupted one; its name is a hash, it is ours
        run([sys.executable, "-m", "venv", venv])
    for file in requirement_files((*names, *extras)):
        ready = venv / f"ready-{file.stem}"
        wanted = file.read_text()
        if not ready.exists() or ready.read_text() != wanted:
            run([venv / "bin/python", "-m", "pip", "install", "-q", "-r", file])
            ready.write_text(wanted)


@contextlib.contextmanager
def locked(path):
    """Hold a lock file; wait for another process that does."""
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another set-up that holds {path}", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
