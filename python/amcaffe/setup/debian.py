"""System packages, where the system is Debian's or of its kind."""

import os
import shutil
import subprocess

from amcaffe.errors import BuildError
from amcaffe.setup.echoed import run


def listed(file):
    """The packages that a file names, one a line; # begins a comment."""
    return [line for line in file.read_text().splitlines() if line and not line.startswith("#")]


def install_system_packages(packages):
    """Install what is missing of some Debian packages; elsewhere, say what is needed.

    Raises: BuildError: not root and no sudo, or apt failed.
    """
    if not shutil.which("dpkg-query") or not shutil.which("apt-get"):
        print("no Debian system: what these hold has to be there already: " + " ".join(packages))
        return
    known = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages],
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    missing = [package for package in packages if f"{package} installed" not in known]
    if not missing:
        return
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if sudo and not shutil.which("sudo"):
        raise BuildError(
            f"{len(missing)} system packages are missing, and only root can install them",
            found="missing: " + " ".join(missing),
            hint="as root: apt-get update && " + " ".join(command),
        )
    run([*sudo, "apt-get", "update", "-q"])
    run([*sudo, "env", "DEBIAN_FRONTEND=noninteractive", *command], quiet=True)
