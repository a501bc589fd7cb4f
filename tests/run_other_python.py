"""Builds pycaffe for another Python than the distribution's, and runs Caffe's Python tests there.

    python tests/run_other_python.py [--python PATH] [--scratch DIR]

$CAFFE_ROOT is a tree whose libcaffe is built, with pycaffe on pybind11. The other Python is the one
given, else the newest of pyenv, uv or conda on this machine, else Debian 11's, unpacked into the
scratch folder. It gets a virtual environment of its own there; in the tree, a module of its own.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
OLDEST = (3, 9)
# What pycaffe imports, what amcaffe.build imports, and what Caffe's tests of drawing use.
PACKAGES = "numpy scipy scikit-image six protobuf pydot pybind11 tqdm".split()
PLACES = (
    "~/.pyenv/versions/*",
    "~/.local/share/uv/python/*",
    "~/miniconda3",
    "~/miniforge3",
    "/opt/conda",
)
SUITE, MIRROR_PACKAGES = (
    "bullseye",
    (
        "python3.9-minimal libpython3.9-minimal libpython3.9-stdlib libpython3.9-dev "
        "libssl1.1 libffi7 libmpdec3 python3-distutils"
    ).split(),
)
FACTS = """
import os, sys, sysconfig
print(*sys.version_info[:2])
print(os.path.exists(os.path.join(sysconfig.get_path('include'), 'Python.h')))
"""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", help="an interpreter with its headers")
    parser.add_argument("--scratch", type=Path, help="folder to keep what is made; default: none")
    options = parser.parse_args()
    root = os.environ.get("CAFFE_ROOT")
    if not root:
        sys.exit('CAFFE_ROOT does not name a built tree; `eval "$(make -s env)"` sets it')
    if options.scratch:
        options.scratch.mkdir(parents=True, exist_ok=True)
        test(Path(root), options.python, options.scratch.resolve())
    else:
        with tempfile.TemporaryDirectory(prefix="amcaffe-python-") as folder:
            test(Path(root), options.python, Path(folder))


def test(root, python, scratch):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONHOME"}
    python = python or installed()
    if python is None:
        python = unpacked(scratch, environment)
    print(f"{python}: Python {'.'.join(map(str, version(python, environment)))}", flush=True)

    venv = scratch / "venv"
    other = venv / "bin/python"
    environment["PYTHONPATH"] = ""
    if subprocess.run([python, "-c", "import ensurepip"], env=environment).returncode:
        # Debian packs ensurepip apart: then this Python's pip installs into the other.
        run(python, "-m", "venv", "--clear", "--without-pip", venv, env=environment)
        pip = [sys.executable, "-m", "pip", "--python", other]
    else:
        run(python, "-m", "venv", "--clear", venv, env=environment)
        pip = [other, "-m", "pip"]
    run(*pip, "install", "-q", "--only-binary=:all:", *PACKAGES, env=environment)

    environment["PYTHONPATH"] = str(CHECKOUT / "python")
    run(other, "-m", "amcaffe.build", root, "--pycaffe-only", env=environment)
    environment["PYTHONPATH"] = str(root / "python")
    done = run(
        other,
        "-m",
        "unittest",
        "discover",
        "-s",
        "caffe/test",
        cwd=root / "python",
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    ran = re.search(r"^Ran (\d+) tests", done.stderr, re.MULTILINE)
    if done.returncode or ran is None or int(ran[1]) == 0:
        print(done.stderr, file=sys.stderr)
        sys.exit("Caffe's Python tests fail there")
    print(f"{ran[0]} of Caffe's with {python}: {done.stderr.strip().splitlines()[-1]}")


def installed():
    """The newest Python of a version manager that has its headers; None: there is none."""
    found = []
    for place in PLACES:
        place = Path(place).expanduser()
        for prefix in sorted(place.parent.glob(place.name)):
            python = prefix / "bin/python3"
            if python.exists() and (facts := version(python, os.environ)) and facts >= OLDEST:
                found.append((facts, str(python)))
    return max(found)[1] if found else None


def version(python, environment):
    """(major, minor) of a Python; None where it does not run, or has no headers."""
    done = subprocess.run([python, "-c", FACTS], capture_output=True, text=True, env=environment)
    lines = done.stdout.splitlines()
    if done.returncode or len(lines) != 2 or lines[1] != "True":
        return None
    return tuple(map(int, lines[0].split()))


def unpacked(scratch, environment):
    """Debian 11's Python 3.9 below the scratch folder, from the mirror that apt is set up with.

    Adds to the environment where its libraries and the other half of its headers lie.
    """
    apt, root = scratch / "apt", scratch / "debian"
    for folder in (apt / "lists/partial", apt / "cache/archives/partial", root):
        folder.mkdir(parents=True, exist_ok=True)
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    origins = dict.fromkeys(line.split()[1] for line in targets.splitlines() if " " in line)
    key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    (apt / "sources.list").write_text(
        "".join(f"deb {key} {uri} {SUITE} main\n" for uri in origins if "security" not in uri)
    )
    (apt / "status").touch()  # so that nothing of this system counts as installed
    options = [
        f"-oDir::Etc::SourceList={apt / 'sources.list'}",
        "-oDir::Etc::SourceParts=-",
        f"-oDir::State::Lists={apt / 'lists'}",
        f"-oDir::State::Status={apt / 'status'}",
        f"-oDir::Cache={apt / 'cache'}",
        "-oAPT::Sandbox::User=",
    ]
    run("apt-get", "-q", *options, "update")
    run("apt-get", "-q", *options, "download", *MIRROR_PACKAGES, cwd=apt)
    for package in apt.glob("*.deb"):
        run("dpkg", "-x", package, root)
    libraries = (
        root
        / "usr/lib"
        / subprocess.run(
            ["dpkg-architecture", "-qDEB_HOST_MULTIARCH"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    )
    environment.update(LD_LIBRARY_PATH=str(libraries), CPATH=str(root / "usr/include"))
    return str(root / "usr/bin/python3.9")


def run(*command, check=True, **options):
    print("$ " + " ".join(map(str, command)), flush=True)
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, **options)
    if check and done.returncode:
        sys.exit(f"this failed with status {done.returncode}: {' '.join(map(str, command))}")
    return done


if __name__ == "__main__":
    main()
