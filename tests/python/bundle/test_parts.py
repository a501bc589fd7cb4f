"""What a bundle is put together from: the tree's files, the Python, the packages' names."""

import importlib
import sys
from pathlib import Path

import pytest

from amcaffe.bundle import main
from amcaffe.bundle.interpreter import collect_python, distribution_files
from amcaffe.bundle.packages import packages_of
from amcaffe.bundle.tree_files import relocated
from amcaffe.errors import InputError
from amcaffe.host.cmake_cache import read_cache


def test_an_empty_path_is_not_taken_for_the_current_folder():
    with pytest.raises(InputError, match="the path of the bundle is empty"):
        main(["", "--caffe-root", "/tree"])


def test_compiled_in_paths_keep_their_length_and_start_at_the_working_directory():
    data = b"\0/home/me/caffe/src/x.txt\0/home/me/caffe2/y\0/home/me/caffe/"
    result = relocated(data, Path("/home/me/caffe"))
    assert len(result) == len(data)
    first, other, last = result.split(b"\0")[1:]
    assert first.startswith(b"./") and first.replace(b"/", b"") == b".srcx.txt"
    assert other == b"/home/me/caffe2/y" and set(last[1:]) == set(b"/")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed distributions: make(name, requires, files) adds one."""
    folder = tmp_path / "lib/site-packages"
    library = [path for path in sys.path if "-packages" not in path]
    monkeypatch.setattr(sys, "path", [str(folder), *library])

    def make(name, requires=(), files=(), record=True):
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(name)
        own = [*files, f"{info.name}/METADATA", "../../bin/script", "x/__pycache__/x.pyc"]
        if record:
            (info / "RECORD").write_text("".join(f"{file},,\n" for file in own))
        return folder

    importlib.invalidate_caches()
    return make


def test_packages_come_with_all_that_they_require_here(site, tmp_path):
    site(
        "Used_One",
        ["needed>=2", "absent; python_version < '3'", "extra; extra == 'all'"],
        ["used/__init__.py", "used.libs/lib.so"],
    )
    site("needed", ["used-one"], ["needed.py"])
    site("extra", [], ["extra.py"])
    folder = site("other", [], ["other/__init__.py"])
    versions = {}
    modules = {"used": folder / "used/__init__.py"}
    files = distribution_files(modules, "/usr/lib/python3", tmp_path / "python", versions)
    assert set(files) == {
        "used/__init__.py",
        "used.libs/lib.so",
        "Used_One-1.0.dist-info/METADATA",
        "needed.py",
        "needed-1.0.dist-info/METADATA",
    }
    assert versions == {"Used_One": "1.0", "needed": "1.0"}


def test_a_package_without_a_record_of_its_files_comes_whole(site, tmp_path):
    folder = site("plain", [], ["plain/__init__.py", "plain/data.txt", "one.py"], record=False)
    modules = {
        "plain": folder / "plain/__init__.py",
        "one": folder / "one.py",
        "os": Path("/usr/lib/python3/os.py"),
        "caffe": tmp_path / "python/caffe/__init__.py",
    }
    files = distribution_files(modules, "/usr/lib/python3", tmp_path / "python", {})
    assert set(files) == {"plain/__init__.py", "plain/data.txt", "one.py"}


def test_of_the_standard_library_what_runs_comes_and_what_develops_does_not(built_tree):
    python = collect_python(built_tree / "python")
    version = "{}.{}".format(*sys.version_info)
    assert python.links["bin/python"] == f"python{version}"
    assert f"bin/python{version}" in python.files
    library = python.packages.rpartition("/")[0]
    assert {f"{library}/os.py", f"{library}/json/__init__.py"} <= set(python.files)
    assert f"{python.packages}/caffe/_caffe.so" in python.files
    parts = {part for place in python.files for part in Path(place).parts}
    assert not parts & {"__pycache__", "idlelib", "ensurepip", "_caffe.cpp"}
    # pycaffe of this stand-in imports nothing else, so no package comes along.
    assert not python.versions


def test_debian_packages_are_told_apart_from_files_of_nobody(tmp_path, monkeypatch):
    library, own = tmp_path / "libx.so.1", tmp_path / "own.so"
    library.write_text("")
    own.write_text("")
    (tmp_path / "dpkg-query").write_text(
        "#!/bin/sh\n"
        f'case $1 in -S) echo "diversion by x from: /y"; echo "libx1:amd64: {library}"; exit 1;; '
        '*) printf "libx1:amd64\\tlibx1\\t1.2-3\\n";; esac\n'
    )
    (tmp_path / "dpkg-query").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = packages_of([library, own])
    assert set(found) == {library}
    assert (found[library].name, found[library].version) == ("libx1", "1.2-3")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert packages_of([library]) == {}


def test_a_library_that_pip_brought_is_named_with_its_licence(site):
    folder = site("nvidia-thing", [], ["nvidia/lib/libthing.so.13", "nvidia/LICENSE.txt"])
    library = folder / "nvidia/lib/libthing.so.13"
    package = packages_of([library])[library]
    assert (package.name, package.version) == ("nvidia-thing", "1.0")
    assert package.licences == (folder / "nvidia/LICENSE.txt",)


def test_the_options_of_a_tree_are_cmakes_own_record(tmp_path):
    assert read_cache(tmp_path) == {}
    (tmp_path / "build").mkdir()
    (tmp_path / "build/CMakeCache.txt").write_text(
        "# comment\n//Help\nCPU_ONLY:BOOL=ON\nA-ADVANCED:INTERNAL=1\nEMPTY:STRING=\nX:STRING=a=b\n"
    )
    assert read_cache(tmp_path) == {"CPU_ONLY": "ON", "A-ADVANCED": "1", "EMPTY": "", "X": "a=b"}
