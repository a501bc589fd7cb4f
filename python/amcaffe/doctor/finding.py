"""One thing that the doctor looked at, and what brings it where it is missing."""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from typing import Optional

OK = "ok"
NOTE = "note"  # worth knowing, stops nothing
ABSENT = "absent"  # not there, and can be done without
MISSING = "missing"  # stops a build, or pycaffe
PROBLEM = "problem"  # there, and stops it by being as it is
STOPPING = (MISSING, PROBLEM)


@dataclass(frozen=True)
class Finding:
    """What was found of one thing.

    state: OK, NOTE, ABSENT, MISSING or PROBLEM.
    name: of the thing; text: version and place, or what is wrong.
    debian, conda, pip: packages that bring it, by each manager's names.
    fix: another command or sentence that mends it.
    """

    state: str
    name: str
    text: str
    debian: tuple[str, ...] = ()
    conda: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    fix: Optional[str] = None


def commands(findings, environment=os.environ):
    """The commands that bring the packages of some findings, one for each manager.

    In a conda environment conda brings what it has, elsewhere apt where the system has it; where
    there is neither, the line names Debian's packages, by which others can be found.
    """
    debian, conda, pip = [], [], []
    in_conda = bool(environment.get("CONDA_PREFIX"))
    for finding in findings:
        if in_conda and finding.conda:
            conda += finding.conda
        elif finding.pip and not finding.debian:
            pip += finding.pip
        else:
            debian += finding.debian
    lines = []
    if conda:
        lines.append("conda install -c conda-forge " + _words(conda))
    if debian and shutil.which("apt-get", path=environment.get("PATH")):
        sudo = "" if os.geteuid() == 0 else "sudo "
        lines.append(f"{sudo}apt-get install -y {_words(debian)}")
    elif debian:
        lines.append(f"what Debian calls {_words(debian)}, by this system's package manager")
    if pip and is_managed():
        lines.append(f"{shlex.quote(sys.executable)} -m venv VENV && . VENV/bin/activate")
        lines.append(f"python -m pip install {_words(pip)}")
    elif pip:
        lines.append(f"{shlex.quote(sys.executable)} -m pip install {_words(pip)}")
    return lines + list(dict.fromkeys(finding.fix for finding in findings if finding.fix))


def is_managed():
    """Whether this Python is a distribution's, which lets pip install into environments alone."""
    marker = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    return sys.prefix == sys.base_prefix and os.path.exists(marker)


def _words(names):
    return " ".join(shlex.quote(name) for name in dict.fromkeys(names))


def output(*command, text="", seconds=60, failing=False, **options):
    """What a program prints on both its streams, or None where it is not there, fails or hangs.

    Args:
        text: its standard input.
        failing: what it prints where it fails is wanted, too.
    """
    try:
        done = subprocess.run(
            list(map(str, command)),
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            **options,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout if failing or done.returncode == 0 else None


def first_line(text):
    """The first line that says something, stripped; "" where there is none."""
    return next((line.strip() for line in (text or "").splitlines() if line.strip()), "")
