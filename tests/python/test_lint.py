"""`make lint` fails on a planted fault of each kind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from amcaffe.setup.linters import Linters

ROOT = Path(__file__).parents[2]
WORKFLOW = """on: push
permissions: {}
jobs:
  one:
    runs-on: ubuntu-24.04
    steps:
      - run: make lint
"""
# {a check: [(file, its text without a fault, what is put in place of what)]}
PLANTED = {
    "ruff check": [
        ("python/a.py", "import os\n\nprint(os.sep)\n", ("print(os.sep)", "print(1)")),
        ("a.py", "def f(a=()):\n    return a\n", ("()", "[]")),
    ],
    "ruff format": [("tests/a.py", "print(1, 2)\n", ("1, 2", "1,2"))],
    "clang-format": [
        ("layers/margins/a.cpp", "int f() { return 1; }\n", ("return 1", "return  1")),
        ("layers/margins/a.hpp", "int f(int a);\n", ("int a", "int  a")),
        ("layers/margins/a.cu", "int f(int a);\n", ("\n", "\n\n\n\nint b;\n")),
        ("tests/cuda_emulation/include/a.h", "struct A {};\n", ("A {", "A{")),
    ],
    "shellcheck": [
        (".ci/run", "#!/usr/bin/env bash\necho \"$1\"\n", ('"$1"', "$1")),
        ("benchmarks/a.sh", "#!/bin/sh\ncd /tmp || exit\n", (" || exit", "")),
    ],
    "zizmor": [
        (".github/workflows/a.yml", WORKFLOW, ("steps:", "step:")),
        (".github/workflows/a.yml", WORKFLOW, ("permissions: {}\n", "")),
        (".github/workflows/a.yml", WORKFLOW, ("run: make lint", "uses: actions/cache@v5")),
    ],
}  # fmt: skip


@pytest.fixture
def lint(tmp_path):
    """Runs the checks on a checkout with the given files, and this one's configuration."""
    linters = Linters()
    if not (linters.venv / "ready-lint").exists():
        pytest.skip("the linters are not here; `make lint` brings them")
    for name in ("pyproject.toml", ".clang-format"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".gitignore").write_text("/build/\n")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)

    def run(files, *arguments):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return subprocess.run(
            [sys.executable, ROOT / "tests/lint.py", *arguments, tmp_path],
            env={**os.environ, **linters.environment()},
            capture_output=True,
            text=True,
        )

    return run


CASES = [(check, *case) for check, cases in PLANTED.items() for case in cases]


@pytest.mark.parametrize(
    "check, file, text, fault", CASES, ids=[f"{case[0]} {case[1]} {case[3][1]!r}" for case in CASES]
)
def test_a_planted_fault_is_found_and_its_place_named(lint, check, file, text, fault):
    clean = lint({file: text})
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert f"{check}: 1 files, clean" in clean.stdout
    old, new = fault
    assert text.count(old) == 1
    done = lint({file: text.replace(old, new)})
    assert done.returncode == 1
    assert f"failed: {check};" in done.stdout
    assert Path(file).name in done.stdout.partition("failed:")[0] + done.stderr


def test_what_a_program_can_mend_is_mended(lint):
    files = {
        "a.py": "import sys\nimport os\nprint(os.sep,sys.path)\n",
        "layers/margins/a.cpp": "int f( int a );\n",
    }
    assert lint(files).returncode == 1
    assert lint(files, "--mend").returncode == 0
    assert lint({}).returncode == 0


def test_what_git_ignores_and_what_is_gone_is_left_alone(lint, tmp_path):
    assert lint({"build/a.py": "import os\n", "a.py": "print(1)\n", "b.py": ""}).returncode == 0
    subprocess.run(["git", "-C", tmp_path, "add", "b.py"], check=True)
    (tmp_path / "b.py").unlink()
    assert lint({}).returncode == 0


def test_a_linter_that_is_not_there_is_named(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "a.py").touch()
    git = Path(shutil.which("git")).parent
    done = subprocess.run(
        [sys.executable, ROOT / "tests/lint.py", tmp_path],
        env={**os.environ, "PATH": str(git)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "ruff is not installed; `make lint` brings" in done.stderr
