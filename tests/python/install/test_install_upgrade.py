"""Trees that the previous version installed into, whose files of ours lay in other places."""

import io
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath

import pytest
from standins import snapshot, write_files

from amcaffe.install import main
from amcaffe.install.record import load
from amcaffe.install.sources import GENERATED, Source
from amcaffe.install.status import EXIT_STATUS
from amcaffe.tree import CaffeTree

ROOT = Path(__file__).parents[3]
# The last version that put what the layers share into caffe/util.
PREVIOUS = "5ef5267f3a15147cf65e80a5cafa91925577a969"


@pytest.fixture(scope="session")
def previous(tmp_path_factory):
    """A checkout of the previous version, out of this one's history."""
    command = ["git", "-C", str(ROOT), "archive", PREVIOUS]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip("git is not installed")
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip().splitlines()[-1]
        pytest.skip(f"{ROOT} has not the history up to {PREVIOUS[:7]} ({reason})")
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, **({"filter": "data"} if sys.version_info >= (3, 12) else {}))
    return folder


@pytest.fixture
def old_install(previous):
    """Run the previous version's installer, as a process of its own, on a tree."""

    def run(tree, *arguments):
        environment = {**os.environ, "PYTHONPATH": str(previous / "python")}
        command = [sys.executable, "-m", "amcaffe.install", str(tree), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    return run


@pytest.fixture
def tree(request, previous, monkeypatch):
    """A tree that either version can be installed in, real or a stand-in."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    if request.param == "real":
        return request.getfixturevalue("real")
    root = request.getfixturevalue("full_tree")
    files = [path for path in previous.glob("layers/**/*.?pp")]
    headers = {name for path in files for name in Source("", "", path.read_bytes()).headers}
    headers.remove(GENERATED)
    ours = {path.name for path in files}
    missing = [name for name in headers if not (root / name).exists()]
    write_files(root, {name: "" for name in missing if PurePosixPath(name).name not in ours})
    return root


@pytest.mark.parametrize(
    "tree, choices",
    [("stand-in", ""), ("stand-in", "--as Normalize=L2Normalize"),
     ("stand-in", "--without MarginSoftmaxLoss --skip 'numpy-2 tobytes'"),
     ("stand-in", "--no-layers"), ("real", "--as Normalize=L2Normalize")],
    indirect=["tree"],
)  # fmt: skip
def test_an_older_installation_is_outdated_and_upgraded_and_taken_out(
    choices, tree, old_install, tmp_path
):
    fresh = shutil.copytree(tree, tmp_path / "fresh", symlinks=True)
    pristine = snapshot(tree)
    old_install(tree, *shlex.split(choices))
    old = load(CaffeTree(tree))
    assert main([str(tree), "--check"]) == EXIT_STATUS["outdated"] == 10

    assert main([str(tree)]) == 0
    assert main([str(tree), "--check"]) == EXIT_STATUS["installed"]
    main([str(fresh), *shlex.split(choices)])
    assert snapshot(tree) == snapshot(fresh)
    record = load(CaffeTree(tree))
    assert record.choices == old.choices and record.numbers == old.numbers
    gone = set(old.files) - set(record.files)
    assert not [path for path in gone if (tree / path).exists()]
    if "--no-layers" not in choices:
        assert "include/caffe/util/margin_math.hpp" in gone

    assert main([str(tree), "--uninstall"]) == 0
    assert snapshot(tree) == pristine


@pytest.mark.parametrize(
    "tree, choices",
    [("stand-in", ""), ("stand-in", "--as Normalize=L2Normalize"), ("real", "")],
    indirect=["tree"],
)
def test_an_older_installation_is_taken_out_without_an_upgrade(choices, tree, old_install):
    pristine = snapshot(tree)
    old_install(tree, *shlex.split(choices))
    assert (tree / "include/caffe/util/margin_math.hpp").exists()
    assert main([str(tree), "--uninstall"]) == 0
    assert snapshot(tree) == pristine


@pytest.mark.parametrize("tree", ["stand-in"], indirect=True)
@pytest.mark.parametrize("arguments", [(), ("--uninstall",)], ids=["upgrade", "uninstall"])
def test_a_makefile_that_has_noted_a_header_which_goes_is_told_of(
    arguments, tree, old_install, capsys
):
    old_install(tree)
    noted = ".build_release/cuda/src/caffe/layers/flip_layer.d"
    write_files(tree, {noted: "flip_layer.o: a.cu \\\n include/caffe/util/label_check.hpp\n"})
    assert main([str(tree), *arguments]) == 0
    assert f"warning: {noted} names headers that are gone" in capsys.readouterr().out
    if not arguments:  # nothing is left to go in the second run
        write_files(tree, {noted: "flip_layer.o: include/caffe/layers/label_check.hpp\n"})
        main([str(tree)])
        assert "warning: " not in capsys.readouterr().out
