"""Which Debian package a file comes from, its version and its licence."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_AT_ONCE = 500  # paths on one command line


@dataclass(frozen=True)
class Package:
    """An installed package: its name, version, and file of licences (None where it has none)."""

    name: str
    version: str
    licence: Path


def packages_of(files):
    """The package of each file that belongs to one.

    Args: files: Paths; links are followed.
    Returns: dict of Path to Package; empty on a system without dpkg.
    """
    if not shutil.which("dpkg-query"):
        return {}
    asked = {}
    for file in files:
        real = str(file.resolve())
        asked[real] = file
        # Debian's records name /lib where a merged /usr answers /usr/lib.
        if real.startswith("/usr/lib"):
            asked[real[len("/usr") :]] = file
    owners = {}
    for path, owner in _owners(list(asked)):
        owners[asked[path]] = owner
    versions = _versions(sorted(set(owners.values())))
    result = {}
    for file, owner in owners.items():
        licence = Path("/usr/share/doc", owner.partition(":")[0], "copyright")
        result[file] = Package(
            owner.partition(":")[0], versions.get(owner, ""), licence if licence.is_file() else None
        )
    return result


def _owners(paths):
    for start in range(0, len(paths), _AT_ONCE):
        command = ["dpkg-query", "-S", *paths[start : start + _AT_ONCE]]
        # Its status is 1 where any path belongs to no package.
        for line in subprocess.run(command, capture_output=True, text=True).stdout.splitlines():
            match = re.fullmatch(r"([^, ]+)(?:, [^ ]+)*: (/.*)", line)
            if match:
                yield match[2], match[1]


def _versions(names):
    if not names:
        return {}
    form = "${Package}:${Architecture}\t${Package}\t${Version}\n"
    done = subprocess.run(["dpkg-query", "-W", "-f", form, *names], capture_output=True, text=True)
    versions = {}
    for line in done.stdout.splitlines():
        qualified, name, version = line.split("\t")
        versions[qualified] = versions[name] = version
    return versions
