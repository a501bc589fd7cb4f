import subprocess
import sys
from pathlib import Path

import pytest

from amcaffe.errors import BuildError
from amcaffe.setup import debian, environments, keys, linters, making


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A stand-in for the checkout: every input of a tree, and the requirements."""
    for name in keys.TREE_INPUTS:
        path = tmp_path / name
        if path.suffix:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        else:
            path.mkdir(parents=True)
            (path / "file").write_text(name)
    requirements = tmp_path / "python/requirements"
    requirements.mkdir()
    for name in (*making.ALWAYS, *linters.NAMES):
        (requirements / f"{name}.txt").write_text(f"{name}\n")
    for module in (keys, making):
        monkeypatch.setattr(module, "CHECKOUT", tmp_path)
    monkeypatch.setattr(environments, "REQUIREMENTS", requirements)
    return tmp_path


def test_the_inputs_of_a_tree_exist():
    assert all((keys.CHECKOUT / name).exists() for name in keys.TREE_INPUTS)


@pytest.mark.parametrize("name", keys.TREE_INPUTS)
def test_a_change_to_any_input_names_another_tree(checkout, name):
    before = making.Setup("off").root
    path = checkout / name
    (path if path.is_file() else path / "file").write_text("changed")
    assert making.Setup("off").root != before


def test_a_change_elsewhere_and_a_second_checkout_name_the_same_tree(checkout):
    before = making.Setup("off").root
    (checkout / "python/amcaffe/errors.py").write_text("changed")
    (checkout / "layers/__pycache__").mkdir()
    (checkout / "layers/__pycache__/x.pyc").write_text("changed")
    assert making.Setup("off").root == before


def test_another_requirement_names_another_environment_and_tree(checkout):
    before = making.Setup("off")
    (environments.REQUIREMENTS / "run.txt").write_text("numpy<2\n")
    after = making.Setup("off")
    assert after.venv != before.venv and after.root != before.root


def test_linters_are_apart_from_the_environment_that_caffe_is_built_for(checkout):
    before, lint_before = making.Setup("off"), linters.Linters().venv
    (environments.REQUIREMENTS / "lint.txt").write_text("ruff==9\n")
    assert linters.Linters().venv != lint_before
    assert making.Setup("off").venv == before.venv and making.Setup("off").root == before.root


def test_a_list_of_packages_has_comments_and_blank_lines(tmp_path):
    (tmp_path / "list").write_text("# comment\n\ncmake\ngit\n")
    assert debian.listed(tmp_path / "list") == ["cmake", "git"]


def test_an_interrupted_environment_is_made_anew_and_a_whole_one_only_extended(
    checkout, tmp_path, monkeypatch
):
    ran, venv = [], tmp_path / "venv-1"

    def run(command):
        ran.append(command[2] if command[2] == "venv" else command[-1].stem)
        venv.mkdir(exist_ok=True)

    monkeypatch.setattr(environments, "run", run)
    venv.mkdir()
    (venv / "half").touch()
    environments.make_venv(venv, ("run", "test"))
    assert ran == ["venv", "run", "test"] and not (venv / "half").exists()
    environments.make_venv(venv, ("run", "test"), extras=("lint",))
    assert ran[3:] == ["lint"]
    (environments.REQUIREMENTS / "lint.txt").write_text("ruff==9\n")
    environments.make_venv(venv, ("run", "test"), extras=("lint",))
    assert ran[4:] == ["lint"]


def test_the_cache_is_where_the_variables_say(monkeypatch, tmp_path):
    monkeypatch.setenv("AMCAFFE_CACHE", str(tmp_path / "mine"))
    assert keys.cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("AMCAFFE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert keys.cache_folder() == tmp_path / "amcaffe"


def test_builds_by_hand_share_the_objects_of_a_set_up(monkeypatch, tmp_path):
    monkeypatch.setenv("AMCAFFE_CACHE", str(tmp_path))
    monkeypatch.delenv("CCACHE_DIR", raising=False)
    assert making.Setup("off").environment()["CCACHE_DIR"] == str(tmp_path / "ccache")
    monkeypatch.setenv("CCACHE_DIR", "/elsewhere")
    assert making.Setup("off").environment()["CCACHE_DIR"] == "/elsewhere"


def test_the_environment_survives_a_shell_with_blanks_in_its_paths(tmp_path):
    cache = tmp_path / "a cache $HOME"
    code = (
        f"import os; os.environ['AMCAFFE_CACHE'] = {str(cache)!r}\n"
        "from amcaffe import setup; setup.main(['--env', '--cuda', 'off'])"
    )
    lines = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    done = subprocess.run(
        ["sh", "-c", lines.stdout + 'printf %s "$CAFFE_ROOT"'], capture_output=True, text=True
    )
    assert Path(done.stdout).parent == cache


def test_missing_packages_without_root_or_sudo_are_named_with_the_command(tmp_path, monkeypatch):
    for name in ("dpkg-query", "apt-get"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(BuildError) as caught:
        debian.install_system_packages(["no-such-package-of-ours"])
    assert "no-such-package-of-ours" in caught.value.found
    assert "apt-get install" in caught.value.hint
