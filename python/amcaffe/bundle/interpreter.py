"""The running Python, and the packages that pycaffe needs, as files of a bundle."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

from amcaffe.errors import BuildError

# Of the standard library: what only develops, installs or draws windows.
LEFT_OUT = {
    "__pycache__",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "test",
    "tkinter",
    "turtledemo",
    "site-packages",
    "dist-packages",
}

# What an environment loads by itself at each start is none of pycaffe's.
_IMPORT = """
import sys
before = set(sys.modules)
import caffe, json
new = {n: getattr(m, "__file__", None) for n, m in sys.modules.items() if n not in before}
print(json.dumps(new))
"""


@dataclass
class Python:
    """What makes a Python in a bundle.

    files: {place in the bundle: file here}.
    packages: place of the packages in the bundle, such as lib/python3.11/site-packages.
    versions: {distribution: version}.
    links: {place in the bundle: what the symbolic link there says}.
    """

    files: dict[str, Path] = field(default_factory=dict)
    packages: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)


def collect_python(pycaffe):
    """The Python of files: interpreter, standard library, pycaffe and its packages.

    Args: pycaffe: the folder `python` of a built tree.
    Raises: BuildError: `import caffe` fails here.
    """
    python = Python()
    base = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    name = "python{}.{}".format(*sys.version_info)
    python.files[f"bin/{name}"] = base
    python.links = {"bin/python": name, "bin/python3": name}
    stdlib = Path(sysconfig.get_path("stdlib"))
    library = stdlib.relative_to(sys.base_prefix).as_posix()
    for place, file in _below(stdlib, _is_left_out):
        python.files[f"{library}/{place}"] = file
    python.packages = f"{library}/{_packages_folder(base, stdlib)}"
    modules = loaded_modules(pycaffe)
    for place, file in distribution_files(modules, stdlib, pycaffe, python.versions).items():
        python.files[f"{python.packages}/{place}"] = file
    for place, file in _below(Path(pycaffe, "caffe"), lambda path: path.suffix in (".cpp", ".hpp")):
        python.files[f"{python.packages}/caffe/{place}"] = file
    return python


def loaded_modules(pycaffe):
    """Files of the modules that `import caffe` loads in a fresh interpreter.

    Returns: dict of module name to Path.
    Raises: BuildError: with Python's words.
    """
    paths = [str(Path(pycaffe).absolute()), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT],
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(paths), GLOG_minloglevel="2"),
        cwd="/",
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise BuildError(
            f"`import caffe` fails with {sys.executable}, so there is no pycaffe to bundle",
            found=(done.stderr.strip().splitlines() or ["no message"])[-1],
            hint="run this with the Python that the tree was built for; "
            "python -m amcaffe.build $CAFFE_ROOT builds pycaffe for this one",
        )
    files = json.loads(done.stdout.splitlines()[-1])
    return {name: Path(file) for name, file in files.items() if file}


def distribution_files(modules, stdlib, pycaffe, versions):
    """Files of the packages that hold some modules, and of all that those require.

    A requirement that is not installed is one that does not apply here.

    Args:
        modules: {name: Path} of loaded modules.
        stdlib, pycaffe: folders whose modules are looked after elsewhere.
        versions: dict that receives {distribution: version}.
    Returns: dict of place below the packages' folder to Path.
    """
    homes = (Path(stdlib), Path(pycaffe).absolute())
    wanted = {
        file
        for file in modules.values()
        if "-packages" in str(file) or not any(home in file.parents for home in homes)
    }
    installed = {}
    for distribution in importlib.metadata.distributions():
        # The first of a name on sys.path is the one that is imported.
        installed.setdefault(_normal(distribution.metadata["Name"] or ""), distribution)
    names, unclaimed = set(), set(wanted)
    for name, distribution in installed.items():
        own = {Path(distribution.locate_file(file)) for file in distribution.files or ()}
        if own & wanted:
            names.add(name)
            unclaimed -= own
    files = {}
    for name in _with_requirements(names, installed):
        distribution = installed[name]
        versions[distribution.metadata["Name"]] = distribution.version
        for file in distribution.files or ():
            # Scripts lie outside the packages' folder; compiled modules are made again.
            if ".." not in file.parts and "__pycache__" not in file.parts:
                source = Path(distribution.locate_file(file))
                if source.is_file():
                    files[file.as_posix()] = source
    files.update(_without_record(modules, unclaimed))
    return files


def _without_record(modules, unclaimed):
    """Files of top-level packages that no record of an installation lists, as some
    distributions' own have none."""
    files = {}
    for name, file in modules.items():
        if file not in unclaimed or "." in name:
            continue
        if file.name == "__init__.py":
            files.update((f"{name}/{place}", found) for place, found in _below(file.parent))
        else:
            files[file.name] = file
    return files


def _with_requirements(names, installed):
    queue, result = sorted(names), []
    while queue:
        name = queue.pop(0)
        if name in result or name not in installed:
            continue
        result.append(name)
        for requirement in installed[name].requires or ():
            before, _, marker = requirement.partition(";")
            if "extra" not in marker:
                queue.append(_normal(re.match(r"[\w.-]+", before.strip())[0]))
    return result


def _normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def _packages_folder(base, stdlib):
    """Where that interpreter looks for packages below its standard library: its builders name
    the folder as they like."""
    code = "import json, site; print(json.dumps(site.getsitepackages()))"
    done = subprocess.run([str(base), "-I", "-c", code], capture_output=True, text=True, check=True)
    below = [Path(path) for path in json.loads(done.stdout) if stdlib in Path(path).parents]
    return below[-1].relative_to(stdlib).as_posix() if below else "site-packages"


def _is_left_out(path):
    # config-3.x holds the interpreter as a static library, to embed it.
    return path.name in LEFT_OUT or path.name.startswith(("config-", "_tkinter"))


def _below(folder, left_out=lambda path: False):
    """Sorted (relative place, file) of all files below a folder, links followed."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.name == "__pycache__" or left_out(path):
            continue
        if path.is_dir():
            found += [(f"{path.name}/{place}", file) for place, file in _below(path, left_out)]
        elif path.is_file():
            found.append((path.name, path))
    return found
