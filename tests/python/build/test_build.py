import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import amcaffe
from amcaffe.build import compile, configure, environment, logged, main
from amcaffe.errors import BuildError, TreeError
from amcaffe.host.toolchain import Cuda
from standins import HOST, write_files

CPU = Cuda(None, "no CUDA toolkit found")


def test_the_first_compiler_error_is_found_among_warnings_and_later_errors():
    log = """[1/3] Building CXX object a.o
a.cpp:1:2: warning: unused error_code
[2/3] Building CXX object b.o
FAILED: b.o
c++ -c b.cpp
b.cpp:7:5: error: 'CV_LOAD_IMAGE_COLOR' was not declared in this scope
    7 |     CV_LOAD_IMAGE_COLOR
c.cpp:9:5: error: another
"""
    assert logged.first_error(log).splitlines()[0].startswith("b.cpp:7:5: error:")


@pytest.mark.parametrize(
    "line",
    [
        "CMake Error at cmake/Dependencies.cmake:5 (find_package):",
        "b.cpp:(.text+0x7): undefined reference to `cblas_sgemm'",
        "/usr/bin/ld: cannot find -lopenblas",
    ],
)
def test_errors_of_cmake_and_of_the_linker_are_recognised(line):
    assert logged.first_error(f"fine\n{line}\nmore\n").splitlines()[0] == line


def test_a_log_without_a_known_error_gives_its_last_lines():
    assert logged.first_error("\n".join(map(str, range(20)))) == "\n".join(map(str, range(12, 20)))


@pytest.mark.parametrize(
    "line, percent", [("[3/112] Building", 2), ("[ 57%] Built", 57), ("-- Found Boost", None)]
)
def test_progress_is_read_from_ninja_and_from_make(line, percent):
    assert logged.percentage(line) == percent


def test_a_build_without_cuda_is_cpu_only_and_with_it_names_the_toolkit(tmp_path):
    assert configure.configure_options(tmp_path, CPU)["CPU_ONLY"] == "ON"
    options = configure.configure_options(tmp_path, Cuda(tmp_path, "found"))
    assert options["CPU_ONLY"] == "OFF" and options["CUDA_TOOLKIT_ROOT_DIR"] == str(tmp_path)
    assert "USE_NCCL" not in options
    assert (
        configure.configure_options(tmp_path, Cuda(tmp_path, "", has_nccl=True))["USE_NCCL"] == "ON"
    )


def configured_with(root, toolkit):
    (root / "build/CMakeFiles").mkdir(parents=True)
    (root / "build/CMakeCache.txt").write_text(f"CUDA_TOOLKIT_ROOT_DIR:PATH={toolkit}\n")


@pytest.mark.parametrize("choice, hint", [("auto", "--cuda pip"), ("system", "CUDA_HOME")])
def test_without_a_system_toolkit_auto_builds_for_the_cpu_and_system_stops(
    choice, hint, tmp_path, monkeypatch
):
    monkeypatch.setattr(configure, "find_cuda", lambda: CPU)
    if choice == "auto":
        assert configure.choose_cuda(choice, tmp_path).root is None
        assert hint in configure.choose_cuda(choice, tmp_path).reason
    else:
        with pytest.raises(BuildError, match=CPU.reason) as caught:
            configure.choose_cuda(choice, tmp_path)
        assert hint in caught.value.hint


def test_a_second_build_keeps_to_the_toolkit_of_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr(configure, "find_cuda", lambda: CPU)
    toolkit = tmp_path / "toolkit"
    write_files(toolkit, {"bin/nvcc": ""})
    configured_with(tmp_path, toolkit)
    assert configure.choose_cuda("auto", tmp_path).root == toolkit
    assert configure.choose_cuda("off", tmp_path).root is None
    shutil.rmtree(toolkit)
    assert configure.choose_cuda("auto", tmp_path).root is None


@pytest.mark.parametrize("after, dropped", [("/old", False), ("/new", True), (None, True)])
def test_cmake_forgets_what_it_found_in_another_toolkit(after, dropped, tmp_path):
    configured_with(tmp_path, "/old")
    options = {} if after is None else {configure.TOOLKIT: after}
    assert configure.drop_other_toolkit(tmp_path, options) == dropped
    assert (tmp_path / "build/CMakeCache.txt").exists() != dropped


def test_architectures_for_a_tree_that_would_not_read_them_are_refused(small_tree):
    with pytest.raises(BuildError, match="not patched"):
        main([str(small_tree), "--cuda-arch", "90"])


@pytest.mark.parametrize("given", [
    "--cuda off", "--cuda-arch 90", "--binding boost", "--tests", "--our-tests", "-D A=B",
    "--no-register",
])  # fmt: skip
def test_what_pycaffe_alone_would_ignore_is_refused(small_tree, given, capsys):
    with pytest.raises(SystemExit) as caught:
        main([str(small_tree), "--pycaffe-only", *given.split()])
    assert caught.value.code == 2
    assert f"--pycaffe-only goes without {given.split()[0]}: " in capsys.readouterr().err


@pytest.mark.parametrize("jobs", ["0", "-1", "two"])
def test_compilers_are_counted_from_one(small_tree, jobs, capsys):
    with pytest.raises(SystemExit) as caught:
        main([str(small_tree), "--jobs", jobs])
    assert caught.value.code == 2
    assert f"--jobs: '{jobs}': expected a positive integer" in capsys.readouterr().err
    assert not (small_tree / "build").exists()


def test_a_folder_that_is_no_caffe_tree_is_refused(tmp_path):
    with pytest.raises(TreeError):
        compile.build(tmp_path, CPU)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def small_tree(tmp_path):
    """A tree with the landmarks of Caffe and a CMake project of its own."""
    root = tmp_path / "tree"
    write_files(root, HOST)
    (root / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.5)\nproject(Small CXX)\n"
        "add_library(caffe SHARED caffe.cpp)\nadd_custom_target(pycaffe)\n"
    )
    (root / "caffe.cpp").write_text("int caffe() { return 1; }\n")
    return root


def test_a_tree_that_downloads_what_it_builds_on_is_refused(small_tree, monkeypatch):
    (small_tree / "cmake").mkdir()
    (small_tree / compile.MKLDNN).write_text("")
    monkeypatch.setenv("MKLDNNROOT", str(small_tree / "nothing"))
    with pytest.raises(TreeError, match="MKL-DNN") as caught:
        compile.build(small_tree, CPU)
    assert str(small_tree / "nothing") in caught.value.found
    assert not (small_tree / "build").exists()


@pytest.mark.skipif(not shutil.which("cmake"), reason="cmake is not installed")
def test_a_compiler_error_is_shown_first_and_the_log_is_named(small_tree, capfd):
    (small_tree / "caffe.cpp").write_text("int caffe() { return nothing; }\n")
    with pytest.raises(BuildError) as caught:
        compile.build(small_tree, CPU, say=lambda line: None)
    assert "caffe.cpp:1:" in caught.value.found and "nothing" in caught.value.found
    assert str(small_tree / "build" / logged.LOG_NAME) in caught.value.hint
    (small_tree / "caffe.cpp").write_text("int caffe() { return 1; }\n")
    assert compile.build(small_tree, CPU, say=lambda line: None) == small_tree / "build"


@pytest.mark.skipif(not shutil.which("cmake"), reason="cmake is not installed")
def test_a_tree_whose_cmake_finds_no_boost_python_gives_a_reason(small_tree, capfd):
    text = (small_tree / "CMakeLists.txt").read_text()
    (small_tree / "CMakeLists.txt").write_text(text.replace("add_custom_target(pycaffe)", ""))
    with pytest.raises(BuildError, match="Boost.Python"):
        compile.build(small_tree, CPU, say=lambda line: None)


def environment_paths(monkeypatch, folder):
    paths = {"scripts": folder / "bin", "purelib": folder / "site"}
    for path in paths.values():
        path.mkdir(parents=True)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(paths[name]))
    return paths


def test_registering_twice_leaves_one_link_and_one_pth_file(tmp_path, monkeypatch):
    paths = environment_paths(monkeypatch, tmp_path)
    for root in (tmp_path / "old", tmp_path / "new"):
        environment.register(root)
    assert os.readlink(paths["scripts"] / "caffe") == str(tmp_path / "new/build/tools/caffe")
    assert (paths["purelib"] / environment.PTH_NAME).read_text() == f"{tmp_path / 'new/python'}\n"
    assert len(list(paths["scripts"].iterdir())) == len(list(paths["purelib"].iterdir())) == 1


def test_a_program_named_caffe_that_is_not_ours_is_left_alone(tmp_path, monkeypatch):
    paths = environment_paths(monkeypatch, tmp_path)
    (paths["scripts"] / "caffe").write_text("somebody's")
    with pytest.raises(BuildError, match="not ours"):
        environment.register(tmp_path / "root")
    assert (paths["scripts"] / "caffe").read_text() == "somebody's"


@pytest.mark.skipif("CAFFE_ROOT" not in os.environ, reason="CAFFE_ROOT names no built tree")
def test_caffe_and_pycaffe_work_from_any_directory_of_a_fresh_environment(tmp_path):
    root = Path(os.environ["CAFFE_ROOT"])
    if not (root / "build/tools/caffe").exists():
        pytest.skip(f"{root} is not built")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    # The packages of this environment, but not the pycaffe that its PYTHONPATH may hold.
    packages = f"{Path(amcaffe.__file__).parents[1]}:{sysconfig.get_path('purelib')}"
    variables = dict(os.environ, PYTHONPATH=packages)
    register = f"from amcaffe.build.environment import register; register({str(root)!r})"
    subprocess.run([python, "-c", register], env=variables, check=True)
    subprocess.run([tmp_path / "venv/bin/caffe", "--version"], cwd="/", check=True)
    code = "import caffe; print(caffe.__file__)"
    done = subprocess.run(
        [python, "-c", code], cwd="/", env=variables, check=True, capture_output=True, text=True
    )
    assert Path(done.stdout.strip()).parts[: len(root.parts)] == root.parts
