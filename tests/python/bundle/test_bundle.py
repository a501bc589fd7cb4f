"""A bundle of a small tree: it runs elsewhere, and nothing is lost where it cannot be written."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from amcaffe.bundle import contents, main, write
from amcaffe.bundle.contents import plan_bundle
from amcaffe.bundle.elf import read_elf
from amcaffe.bundle.interpreter import Python
from amcaffe.bundle.write import MANIFEST, require_place, write_bundle
from amcaffe.errors import BuildError, InputError, TreeError


@pytest.fixture
def small_python(monkeypatch):
    """Of a Python, pycaffe's folder alone: its hundreds of files are not what is tried here."""

    def collect(pycaffe):
        own = Path(pycaffe, "caffe").iterdir()
        return Python({f"lib/packages/caffe/{path.name}": path for path in own}, "lib/packages")

    monkeypatch.setattr(contents, "collect_python", collect)


def listing(folder):
    return {
        path.relative_to(folder).as_posix(): os.readlink(path)
        if path.is_symlink()
        else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def run(*command, **options):
    """Run a program with nothing of this environment."""
    return subprocess.run(
        list(map(str, command)),
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )


def test_a_bundle_runs_where_it_was_moved_to_without_tree_and_libraries(
    built_tree, patchelf, tmp_path
):
    manifest = write_bundle(plan_bundle(built_tree), tmp_path / "first/bundle", patchelf)
    moved = tmp_path / "some where/else"
    moved.parent.mkdir()
    (tmp_path / "first/bundle").rename(moved)
    shutil.rmtree(built_tree)
    elsewhere = (tmp_path / "elsewhere").rename(tmp_path / "set aside")

    assert run(moved / "bin/caffe").stdout == "caffe says 42\n"
    code = "import caffe, sys, ssl; print(caffe.says, sys.prefix, caffe.__file__)"
    done = run(moved / "bin/python", "-c", code, cwd="/")
    assert done.stdout.startswith(f"42 {moved} {moved}"), done.stderr
    tests = run(moved / "tests/test.testbin", cwd=moved / "tests")
    assert "PASSED" in tests.stdout

    own = built_tree.parent.as_posix()
    for place in manifest["elf files"]:
        elf = read_elf(moved / place)
        entries = [entry for entry in elf.run_path.split(":") if elf.run_path]
        assert all(entry.startswith("$ORIGIN") for entry in entries), (place, elf.run_path)
        assert own.encode() not in (moved / place).read_bytes(), place
    assert manifest["caffe"]["options"] == {"CPU_ONLY": "ON", "BLAS": "Open"}
    assert not manifest["gpu"]

    lines = run(moved / "selftest", "--gtests").stdout.splitlines()
    assert [line for line in lines if line.startswith("ok")] == [
        line for line in lines if line[9:].startswith(("files", "libraries", "C++ tests"))
    ]
    assert any("7 passed" in line for line in lines)
    # The stand-in for caffe does not train, and the self-test must not say that it does.
    assert any(line.startswith("FAILED   train on the CPU") for line in lines)

    subprocess.run([patchelf, "--set-rpath", elsewhere, moved / "lib/libcaffe.so"], check=True)
    text = run(moved / "selftest").stdout
    assert "lib/libcaffe.so: damaged" in text
    assert f"libdependency.so.1 comes from {elsewhere}" in text

    shutil.rmtree(elsewhere)
    (moved / "lib/libdependency.so.1").unlink()
    done = run(moved / "selftest")
    assert done.returncode == 1
    assert "lib/libdependency.so.1: No such file" in done.stdout
    assert "no libdependency.so.1, for bin/caffe" in done.stdout


def test_the_libraries_of_the_bundle_win_over_the_nodes_library_path(
    built_tree, small_python, patchelf, tmp_path, compile_c
):
    bundle = tmp_path / "bundle"
    write_bundle(plan_bundle(built_tree), bundle, patchelf)
    compile_c("node/libdependency.so.1", "int dependency(void) { return 13; }")
    done = subprocess.run(
        [bundle / "bin/caffe"],
        env={"LD_LIBRARY_PATH": str(tmp_path / "node")},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "caffe says 42\n"


def test_a_second_bundle_is_the_same_and_takes_the_place_of_the_first(
    built_tree, small_python, patchelf, tmp_path, capsys
):
    bundle = tmp_path / "bundle"
    main([str(bundle), "--caffe-root", str(built_tree)])
    assert "largest: " in capsys.readouterr().out
    before = listing(bundle)
    (bundle / "lib/python9/__pycache__").mkdir(parents=True)
    (bundle / "lib/python9/__pycache__/x.pyc").write_text("made by running it")
    main([str(bundle), "--caffe-root", str(built_tree)])
    assert listing(bundle) == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def small_bundle(folder, **files):
    """A folder with a manifest of ours."""
    folder.mkdir()
    facts = {"format": 1, "amcaffe bundle": "0", "files": {name: {} for name in files}, "links": {}}
    (folder / MANIFEST).write_text(json.dumps(facts))
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_a_folder_that_is_no_bundle_of_ours_is_left_alone(tmp_path):
    almost = '{"format": 1, "amcaffe bundle": "1", "files": {}}'
    for name, text in ((MANIFEST, "{}"), (MANIFEST, "[1]"), (MANIFEST, almost), ("notes", "mine")):
        folder = tmp_path / "folder"
        folder.mkdir()
        (folder / name).write_text(text)
        with pytest.raises(InputError, match="no bundle of ours"):
            require_place(folder)
        shutil.rmtree(folder)
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with pytest.raises(InputError, match="no folder"):
            require_place(tmp_path / name)
    (tmp_path / "empty").mkdir()
    require_place(tmp_path / "empty")


def test_files_that_somebody_put_into_a_bundle_are_not_lost(tmp_path):
    bundle = small_bundle(tmp_path / "bundle", own="x")
    require_place(bundle)
    (bundle / "results.csv").write_text("mine")
    with pytest.raises(InputError) as caught:
        require_place(bundle)
    assert "results.csv" in caught.value.found


@pytest.mark.parametrize(
    "error", [BuildError("patchelf failed"), KeyboardInterrupt(), OSError(28, "full")]
)
def test_whatever_stops_it_the_old_bundle_stays(
    built_tree, small_python, tmp_path, monkeypatch, error
):
    def fail(*arguments):
        raise error

    bundle = small_bundle(tmp_path / "bundle", own="x")
    before = listing(bundle)
    monkeypatch.setattr(write, "_set_run_path", fail)
    with pytest.raises(type(error)):
        write_bundle(plan_bundle(built_tree), bundle, "patchelf")
    assert listing(bundle) == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_run_that_was_killed_leaves_what_the_next_one_clears(
    built_tree, small_python, patchelf, tmp_path
):
    # Killed between moving the old bundle away and moving the new one in.
    old = small_bundle(tmp_path / ".bundle.replaced", own="x")
    (tmp_path / ".bundle.bundling").mkdir()
    (tmp_path / ".bundle.bundling/half").write_text("")
    bundle = tmp_path / "bundle"
    write_bundle(plan_bundle(built_tree), bundle, patchelf)
    assert not old.exists() and not (bundle / "half").exists() and (bundle / "bin/caffe").exists()


def test_a_disk_that_is_too_small_is_told_before_anything_is_copied(
    built_tree, small_python, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        write.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1 << 10})
    )
    with pytest.raises(InputError, match="too small") as caught:
        write_bundle(plan_bundle(built_tree), tmp_path / "bundle", "patchelf")
    assert caught.value.found == "0 MB free" and not (tmp_path / "bundle").exists()


def test_two_runs_at_once_do_not_mix(built_tree, small_python, tmp_path):
    planned = plan_bundle(built_tree)
    with write._staging(tmp_path / "bundle", 1) as staging:
        (staging / "half").write_text("")
        with pytest.raises(InputError, match="another run"):
            write_bundle(planned, tmp_path / "bundle", "patchelf")
        assert (staging / "half").exists()


def test_a_tree_that_is_not_built_is_refused_with_the_command_that_builds_it(built_tree, tmp_path):
    (built_tree / "python/caffe/_caffe.so").unlink()
    with pytest.raises(BuildError, match="_caffe") as caught:
        plan_bundle(built_tree)
    assert "amcaffe.build" in caught.value.hint
    with pytest.raises(TreeError):
        plan_bundle(tmp_path / "nowhere")


def test_a_copy_of_a_built_tree_that_still_loads_the_first_one_is_refused(
    built_tree, small_python, tmp_path
):
    shutil.copytree(built_tree, tmp_path / "copy", symlinks=True)
    with pytest.raises(BuildError, match="from elsewhere") as caught:
        plan_bundle(tmp_path / "copy")
    assert str(built_tree) in caught.value.found


def test_a_pycaffe_that_does_not_import_is_refused_with_its_words(built_tree):
    (built_tree / "python/caffe/__init__.py").write_text("import no_such_module_of_ours\n")
    with pytest.raises(BuildError) as caught:
        plan_bundle(built_tree)
    assert "no_such_module_of_ours" in caught.value.found


def test_without_a_tree_the_variable_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("CAFFE_ROOT", raising=False)
    with pytest.raises(TreeError, match="CAFFE_ROOT"):
        main([str(tmp_path / "bundle")])
