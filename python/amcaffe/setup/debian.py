"""System packages, where the system is Debian's or of its kind."""

import os
import shutil
import subprocess

from amcaffe.errors import BuildError
from amcaffe.setup.echoed import run


def install_system_packages(listing):
    """Install what is missing of a list of Debian packages; elsewhere, say what is needed.

    Args: listing: file with a package a line; # begins a comment.
    Raises: BuildError: not root and no sudo, or apt failed.
    """
    lines = listing.read_text().splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    if not shutil.which("dpkg-query") or not shutil.which("apt-get"):
        print(f"no Debian system: the libraries named in {listing} have to be there already")
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
