"""The checks of `make lint`, each on its kind of file among those that git knows or would add.

    python tests/lint.py [--mend] [CHECKOUT]

The programs come from python/requirements/lint.txt; `make lint` and `make format` (--mend) bring
them and call this.
"""

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

HINT = "`make lint` brings what python/requirements/lint.txt lists"
SHELL = re.compile(rb"#!\s*/(usr/)?bin/(env\s+)?(ba|da)?sh\b")


@dataclass(frozen=True)
class Check:
    """A program that is given all files of one kind, and fails where one has a fault.

    takes: whether a path is of that kind.
    mend: the command that mends what it can instead; none where only a person can.
    """

    name: str
    takes: Callable[[Path], bool]
    command: tuple[str, ...]
    mend: tuple[str, ...] = ()


def is_python(path):
    return path.suffix == ".py"


def is_cpp(path):
    return path.suffix in (".cpp", ".hpp", ".cu", ".h")


def is_shell(path):
    with open(path, "rb") as file:
        return path.suffix == ".sh" or bool(SHELL.match(file.readline(100)))


def is_workflow(path):
    return path.parent.parts[-2:] == (".github", "workflows")


CHECKS = (
    Check("ruff check", is_python, ("ruff", "check"), ("ruff", "check", "--fix")),
    Check("ruff format", is_python, ("ruff", "format", "--diff"), ("ruff", "format")),
    Check("clang-format", is_cpp, ("clang-format", "-n", "--Werror"), ("clang-format", "-i")),
    Check("shellcheck", is_shell, ("shellcheck",)),
    # A workflow's syntax, and what it may do: rights, pinned actions, text put into a shell.
    Check("zizmor", is_workflow, ("zizmor", "-q", "--offline", "--strict-collection")),
)


def listed(checkout):
    """Paths, relative to a checkout, of the files that git knows or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=checkout, stdout=subprocess.PIPE, text=True, check=True)
    paths = sorted({Path(name) for name in done.stdout.split("\0") if name})
    return [path for path in paths if (checkout / path).is_file()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--mend", action="store_true", help="mend what a program can")
    parser.add_argument("checkout", nargs="?", type=Path, default=Path(__file__).parents[1])
    options = parser.parse_args()
    checkout = options.checkout.resolve()
    paths, failed = listed(checkout), []
    for check in CHECKS:
        command = check.mend if options.mend else check.command
        files = [path for path in paths if check.takes(checkout / path)]
        if not command or not files:
            continue
        try:
            done = subprocess.run([*command, *map(str, files)], cwd=checkout)
        except FileNotFoundError:
            sys.exit(f"{command[0]} is not installed; {HINT}")
        verdict = "faults" if done.returncode else "clean"
        print(f"{check.name}: {len(files)} files, {verdict}", flush=True)
        if done.returncode:
            failed.append(check.name)
    if failed:
        print(f"failed: {', '.join(failed)}; `make format` mends what a program can")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
