"""An installed wheel, outside of a checkout and without a built Caffe: what it says and does."""

import os
import re
import subprocess
import sys
from email.parser import HeaderParser
from importlib.util import find_spec
from pathlib import Path

import pytest

from amcaffe.__main__ import STEPS

PACKAGE = Path(__file__).parents[2] / "python/amcaffe"
OF_A_CHECKOUT = re.compile(
    r"make -s env|make setup|setup\.py|python/extract_features|cmake/debian-packages|pip install \."
)
# What says it where it is a checkout, and what is only of use in one.
KNOWS = ("host/advice.py", "setup/")


@pytest.fixture(scope="module")
def installed(wheel_files):
    """Run Python code with a wheel's files, in a folder that is not the project's."""
    (wheel_files / "none").mkdir(exist_ok=True)
    (wheel_files / "none/caffe.py").write_text("raise ImportError('no pycaffe here')\n")
    paths = f"{wheel_files / 'none'}:{wheel_files / 'lib'}"
    environment = {**os.environ, "PYTHONPATH": paths}
    environment.pop("CAFFE_ROOT", None)

    def run(*arguments):
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=wheel_files,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def commands(text):
    """Steps that a text asks for as `python -m amcaffe.STEP`."""
    return re.findall(r"-m amcaffe\.(\w+)", text)


def test_every_step_explains_itself(installed):
    code = f"""
import contextlib, importlib, io
for step in {list(STEPS)}:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        importlib.import_module("amcaffe." + step).main(["--help"])
    assert said.getvalue().startswith("usage: amcaffe " + step), step
import amcaffe
print(amcaffe.__file__)
"""
    done = installed("-c", code)
    assert done.returncode == 0, done.stderr
    assert "/lib/amcaffe/" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "--solver", "none", "--out", "out"),
        ("extract", "no_list", "out", "--net", "none", "--weights", "none"),
        ("demo", "--out", "out"),
    ],
)
def test_a_step_that_needs_caffe_says_so_before_it_reads_anything(
    installed, wheel_files, arguments
):
    done = installed("-m", f"amcaffe.{arguments[0]}", *arguments[1:])
    assert done.returncode == 5 and "`import caffe` failed" in done.stderr
    assert commands(done.stderr) == ["build", "fetch", "install", "build"]
    assert not OF_A_CHECKOUT.search(done.stderr)
    assert not list(wheel_files.glob("out*"))


@pytest.mark.parametrize("arguments", [("bundle", "out"), ("install", ""), ("build", "")])
def test_a_step_that_needs_a_tree_tells_how_to_get_one(installed, arguments):
    done = installed("-m", f"amcaffe.{arguments[0]}", *arguments[1:])
    assert done.returncode == 3 and commands(done.stderr) == ["fetch"], done.stderr


def test_the_list_of_packages_that_is_named_is_there(installed):
    done = installed("-c", "from amcaffe.host.advice import get_packages; print(get_packages())")
    assert Path(re.search(r"' (\S+)\)", done.stdout)[1]).is_file(), done.stdout


def test_a_checkouts_set_up_is_refused_elsewhere(installed):
    done = installed("-m", "amcaffe.setup", "--env")
    assert done.returncode == 2 and "and this is none" in done.stderr and not done.stdout


def test_no_message_asks_for_what_only_a_checkout_has():
    for file in PACKAGE.rglob("*.py"):
        if not file.relative_to(PACKAGE).as_posix().startswith(KNOWS):
            found = OF_A_CHECKOUT.search(file.read_text(encoding="utf-8"))
            assert not found, f"{file}: {found[0]}: let host/advice.py say it"


def test_every_command_that_a_message_names_exists():
    for file in PACKAGE.rglob("*.py"):
        for step in commands(file.read_text(encoding="utf-8")):
            assert find_spec(f"amcaffe.{step}.__main__"), f"{file}: python -m amcaffe.{step}"


def test_the_metadata_is_whole(wheel_files):
    (path,) = wheel_files.glob("*.egg-info/PKG-INFO")
    metadata = HeaderParser().parsestr(path.read_text(encoding="utf-8"))
    for field in ("Summary", "Author", "Keywords", "Classifier", "Project-URL", "Requires-Dist"):
        assert metadata[field], field
    assert (metadata["License-Expression"], metadata["License-File"]) == ("BSD-2-Clause", "LICENSE")
    assert metadata["Requires-Python"] == ">=3.9"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().lstrip().startswith("# amcaffe")
