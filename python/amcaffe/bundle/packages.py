"""Which package a file comes from, Debian's or Python's, with its version and licences."""

import importlib.metadata
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_AT_ONCE = 500  # paths on one command line
_LICENCE = re.compile(r"LICEN[CS]E|COPYING|NOTICE|EULA", re.IGNORECASE)


@dataclass(frozen=True)
class Package:
    """An installed package: its name and version, and its files that state its licences."""

    name: str
    version: str
    licences: tuple[Path, ...]


def packages_of(files):
    """The package of each file that belongs to one.

    Args: files: Paths; links are followed.
    Returns: dict of Path to Package.
    """
    known = _debian_packages(files)
    return {**known, **_distributions([file for file in files if file not in known])}


def _debian_packages(files):
    if not shutil.which("dpkg-query"):
        return {}
    asked = {}
    for file in files:
        real = str(file.resolve())
        asked[real] = file
        # Debian's records name /lib where a merged /usr answers /usr/lib.
        if real.startswith("/usr/lib"):
            asked[real[len("/usr") :]] = file
    owners = {asked[path]: owner for path, owner in _owners(list(asked))}
    versions = _versions(sorted(set(owners.values())))
    result = {}
    for file, owner in owners.items():
        name = owner.partition(":")[0]
        licence = Path("/usr/share/doc", name, "copyright")
        result[file] = Package(name, versions.get(owner, ""), (licence,) * licence.is_file())
    return result


def _distributions(files):
    """Packages of files that Python's own installer brought, as it does CUDA's libraries."""
    real = {file.resolve(): file for file in files}
    wanted = {path: file for path, file in real.items() if "-packages" in str(path)}
    result = {}
    for distribution in importlib.metadata.distributions() if wanted else ():
        own = [Path(distribution.locate_file(file)) for file in distribution.files or ()]
        found = [path for path in own if path.name.partition(".")[2].startswith("so")]
        for path in found:
            file = wanted.get(path.resolve())
            if file:
                licences = [p for p in own if _LICENCE.match(p.name) and p.is_file()]
                name = distribution.metadata["Name"]
                result[file] = Package(name, distribution.version, tuple(licences))
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
