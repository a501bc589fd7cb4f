"""What the doctor finds on machines that we make up."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from amcaffe import doctor
from amcaffe.doctor import caffe_root, finding, pythons
from amcaffe.doctor.finding import ABSENT, MISSING, NOTE, OK, PROBLEM, Finding, commands, output
from amcaffe.doctor.gpu import find_gpu
from amcaffe.doctor.libraries import LIBRARIES, find_libraries
from amcaffe.doctor.tools import find_tools
from amcaffe.errors import BuildError
from amcaffe.host.resources import resource_dir
from amcaffe.host.tree import STALE_HEADERS
from amcaffe.install.status import TO_MEND
from standins import HOST, write_files

HEADERS = {
    "boost/version.hpp": '#define BOOST_LIB_VERSION "1_83"\n',
    "google/protobuf/message.h": "",
    "google/protobuf/stubs/common.h": "#define GOOGLE_PROTOBUF_VERSION 3021012\n",
    "glog/logging.h": "",
    "gflags/gflags.h": "",
    "hdf5/serial/H5public.h": (
        "#define H5_VERS_MAJOR 1 /* x */\n#define H5_VERS_MINOR 14\n#define H5_VERS_RELEASE 3\n"
    ),
    "opencv4/opencv2/core/version.hpp": (
        "#define CV_VERSION_MAJOR    4\n#define CV_VERSION_MINOR 9\n#define CV_VERSION_REVISION 0\n"
    ),
    "lmdb.h": (
        "#define MDB_VERSION_MAJOR\t0\n#define MDB_VERSION_MINOR\t9\n"
        "#define MDB_VERSION_PATCH\t31\n"
    ),
    "leveldb/db.h": "const int kMajorVersion = 1;\nconst int kMinorVersion = 23;\n",
    "snappy.h": "",
    "snappy-stubs-public.h": (
        "#define SNAPPY_MAJOR 1\n#define SNAPPY_MINOR 2\n#define SNAPPY_PATCHLEVEL 0\n"
    ),
    "cblas.h": "",
    "openblas_config.h": '#define OPENBLAS_VERSION " OpenBLAS 0.3.26 "\n',
}
LINKS = (
    "boost_thread boost_filesystem protobuf glog gflags hdf5_serial hdf5_serial_hl opencv_core "
    "opencv_imgproc opencv_imgcodecs lmdb leveldb snappy openblas"
).split()
COMPILER = """case "$*" in
  *--version*) echo "c++ (Fake) 13.2";;
  *-v*) printf '#include <...> search starts here:\\n @root@/include\\nEnd of search list.\\n';;
  *-print-search-dirs*) echo "libraries: =@root@/lib";;
esac
"""


class Machine:
    """A PATH of programs that we write, and headers and libraries where its compiler looks."""

    def __init__(self, root):
        self.root = root
        for name, text in HEADERS.items():
            (root / "include" / name).parent.mkdir(parents=True, exist_ok=True)
            (root / "include" / name).write_text(text)
        (root / "lib").mkdir()
        for name in LINKS:
            (root / f"lib/lib{name}.so").write_text("")
        (root / "lib/libglog.so").unlink()
        (root / "lib/libglog.so.0.7.1").write_text("")
        (root / "lib/libglog.so").symlink_to("libglog.so.0.7.1")
        (root / "bin").mkdir()
        self.program("c++", COMPILER.replace("@root@", str(root)))
        self.program("cmake", "echo 'cmake version 4.1.2'")
        self.program("ninja", "echo 1.12")
        self.program("protoc", "echo libprotoc 3.21.12")

    def program(self, name, script):
        path = self.root / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    for name in ("CXX", "CPATH", "CMAKE_PREFIX_PATH", "CONDA_PREFIX", "CAFFE_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return Machine(tmp_path)


def by_name(findings):
    return {finding.name: finding for finding in findings}


def test_versions_come_from_the_headers_that_the_compiler_would_read(machine):
    found = by_name(find_libraries())
    assert {name: one.text.split()[0] for name, one in found.items()} == {
        "Boost": "1.83",
        "protobuf": "3.21.12",
        "glog": "0.7.1",
        "gflags": "version",
        "HDF5": "1.14.3",
        "OpenCV": "4.9.0",
        "LMDB": "0.9.31",
        "LevelDB": "1.23",
        "snappy": "1.2.0",
        "OpenBLAS": "0.3.26",
        "protoc": "3.21.12",
    }
    assert {one.state for one in found.values()} == {OK}
    tools = by_name(find_tools())
    assert tools["CMake"].text.startswith("4.1.2 ") and tools["build tool"].text.startswith("ninja")
    assert {name: one.state for name, one in tools.items()} == {
        "C++ compiler": OK,
        "CMake": OK,
        "build tool": OK,
        "ccache": ABSENT,
        "git": ABSENT,
    }


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
def test_a_missing_header_or_library_is_missed_with_the_package_that_brings_it(machine, library):
    known = (resource_dir("cmake") / "debian-packages.txt").read_text().split()
    assert set(library.debian) <= set(known)
    link = library.links[0] if isinstance(library.links[0], str) else library.links[0][-1]
    header = next(machine.root.glob(f"include/**/{library.header}"))
    for gone in (machine.root / f"lib/lib{link}.so", header):
        gone.unlink()
        found = by_name(find_libraries())[library.name]
        assert found.state == MISSING and found.debian == library.debian
    assert f"lib{library.links[0] if isinstance(library.links[0], str) else link[:4]}" in found.text
    assert library.header in found.text


def test_what_the_trees_options_leave_out_is_not_missed(machine):
    for name in ("lmdb", "opencv_core", "openblas"):
        (machine.root / f"lib/lib{name}.so").unlink()
    options = {"USE_LMDB": "OFF", "USE_OPENCV": "0", "BLAS": "MKL"}
    found = by_name(find_libraries(options))
    assert {found[name].state for name in ("LMDB", "OpenCV", "OpenBLAS")} == {ABSENT}


def test_a_prefix_goes_before_the_system(machine, monkeypatch, tmp_path):
    header = tmp_path / "conda/include/boost/version.hpp"
    header.parent.mkdir(parents=True)
    header.write_text('#define BOOST_LIB_VERSION "1_90_1"\n')
    monkeypatch.setenv("CONDA_PREFIX", str(tmp_path / "conda"))
    assert by_name(find_libraries())["Boost"].text == f"1.90.1 ({header})"


def test_a_protoc_of_another_release_than_the_headers_is_a_problem(machine):
    machine.program("protoc", "echo libprotoc 29.3")
    found = by_name(find_libraries())["protoc"]
    assert found.state == PROBLEM and "29.3" in found.text and "3.21.12" in found.text


def test_a_machine_with_nothing_breaks_nothing(machine, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    assert doctor.main([]) == 1
    text = capsys.readouterr().out
    assert "missing  C++ compiler" in text and "missing  CMake" in text
    assert "not looked at" not in text
    assert "in its way: C++ compiler, CMake, build tool" in text


def test_programs_that_fail_hang_or_babble_break_nothing(machine, capsys):
    machine.program("cmake", "exit 3")
    machine.program("c++", r"printf '\377\000libraries: =\n'; exit 1")
    machine.program("protoc", "echo something else")
    (machine.root / "bin/ccache").write_bytes(b"\x7fELF")
    (machine.root / "bin/ccache").chmod(0o755)
    doctor.main([])
    text = capsys.readouterr().out
    assert "not looked at" not in text
    assert "cannot compile a program of three lines" in text
    machine.program("slow", "while :; do :; done")
    assert output(machine.root / "bin/slow", seconds=0.1) is None


def test_a_cmake_that_is_too_old_is_missed(machine):
    machine.program("cmake", "echo cmake version 3.9.4")
    found = by_name(find_tools())["CMake"]
    assert found.state == MISSING and "3.10" in found.text and found.pip == ("cmake",)


@pytest.mark.parametrize(
    "error, words",
    [(PermissionError(13, "Permission denied", "/dev/x"), "/dev/x: Permission denied"),
     (PermissionError("no"), "no"), (ValueError("odd"), "ValueError: odd")],
)  # fmt: skip
def test_what_breaks_one_look_does_not_break_the_others(machine, monkeypatch, capsys, error, words):
    def fail():
        raise error

    monkeypatch.setattr(doctor, "find_gpu", fail)
    doctor.main([])
    text = capsys.readouterr().out
    assert f"not looked at     {words}\n" in text and "Boost" in text


@pytest.mark.parametrize(
    "protoc, package, reason",
    [
        ((3, 6, 1), "3.20.3", None),
        ((3, 6, 1), "4.21.1", "is too new"),
        ((3, 12, 4), "7.36.2", "is too new"),
        ((3, 21, 12), "4.21.12", None),
        ((3, 21, 12), "7.36.2", None),  # measured: Debian 12's protoc, today's Python package
        ((3, 21, 12), "3.19.6", "is too old"),
        ((25, 1), "6.30.0", None),
        ((29, 3), "5.29.3", None),
        ((29, 3), "5.29.2", "is too old"),
        ((29, 3), "6.33.0", None),
        ((29, 3), "7.34.0", "is too new"),
        ((33, 0), "5.29.5", "is too old"),
        ((33, 0), "6.33.0", None),
    ],
)
def test_pythons_protobuf_runs_what_protoc_writes_or_is_named(protoc, package, reason):
    refused = pythons.refusal(protoc, package)
    assert (refused and refused[0]) == reason
    if refused and reason == "is too old" and protoc[0] > 3:
        assert refused[1].endswith(".".join(map(str, protoc)))


def test_a_toolkit_tells_its_version_and_what_else_lies_in_it(machine, monkeypatch, capsys):
    toolkit = machine.root / "cuda"
    for name, text in {
        "include/cuda_runtime.h": "",
        "include/cublas_v2.h": "",
        "include/curand.h": "",
        "include/cudnn_version.h": (
            "#define CUDNN_MAJOR 9\n#define CUDNN_MINOR 12\n#define CUDNN_PATCHLEVEL 0\n"
        ),
        "lib64/libcudart.so": "",
        "lib64/libcublas.so": "",
        "lib64/libcurand.so": "",
        "bin/nvcc": "#!/bin/sh\necho 'Cuda compilation tools, release 13.0, V13.0.1'\n",
    }.items():
        (toolkit / name).parent.mkdir(parents=True, exist_ok=True)
        (toolkit / name).write_text(text)
    (toolkit / "bin/nvcc").chmod(0o755)
    monkeypatch.setenv("CUDA_HOME", str(toolkit))
    found = by_name(find_gpu())
    assert found["CUDA toolkit"].text == f"13.0 ({toolkit})"
    assert found["cuDNN"].text.startswith("9.12.0 ")
    doctor.main([])
    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("a build would"))
    assert f"CUDA 13.0 ({toolkit}) with cuDNN" in line


def test_a_driver_tells_its_cuda_and_its_gpus(machine, monkeypatch, tmp_path):
    compiler = shutil.which("cc", path="/usr/bin:/bin")
    if compiler is None:
        pytest.skip("no C compiler")
    code = """
    #include <string.h>
    int cuDriverGetVersion(int* v) { *v = 13020; return 0; }
    int cuInit(unsigned f) { return 0; }
    int cuDeviceGetCount(int* n) { *n = 1; return 0; }
    int cuDeviceGetName(char* name, int length, int d) { strcpy(name, "Made Up"); return 0; }
    int cuDeviceGetAttribute(int* v, int a, int d) { *v = a == 75 ? 9 : 0; return 0; }
    """
    library = tmp_path / "libcuda.so.1"
    subprocess.run(
        [compiler, "-xc", "-", "-shared", "-fPIC", "-o", library],
        input=code,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin"},
    )
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    assert by_name(find_gpu())["GPU driver"].text == "for CUDA 13.2: Made Up (sm_90)"
    library.write_bytes(b"\x7fELF damaged")
    assert by_name(find_gpu())["GPU driver"].state in (ABSENT, NOTE)


PIP = Finding(MISSING, "x", "", pip=("a",), conda=("c",))
BOTH = [PIP, Finding(MISSING, "y", "", debian=("d1", "d2"), conda=("c", "e"), fix="do it")]


def test_each_system_gets_its_own_commands(monkeypatch, tmp_path):
    monkeypatch.setattr(finding, "is_managed", lambda: False)
    (tmp_path / "apt-get").write_text("")
    (tmp_path / "apt-get").chmod(0o755)
    apt = {"PATH": str(tmp_path)}
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    pip = f"{sys.executable} -m pip install a"
    assert commands(BOTH, apt) == ["apt-get install -y d1 d2", pip, "do it"]
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert commands(BOTH, apt)[0] == "sudo apt-get install -y d1 d2"
    assert "what Debian calls d1 d2" in commands(BOTH, {"PATH": ""})[0]
    conda = {**apt, "CONDA_PREFIX": "/conda"}
    assert commands(BOTH, conda) == ["conda install -c conda-forge c e", "do it"]
    monkeypatch.setattr(finding, "is_managed", lambda: True)
    assert commands([PIP], apt)[-2:] == [
        f"{sys.executable} -m venv VENV && . VENV/bin/activate",
        "python -m pip install a",
    ]


@pytest.mark.parametrize("pybind11", [None, "3.0"])
@pytest.mark.parametrize("boost", [None, "/usr/lib/libboost_python.so"])
def test_a_binding_is_missed_where_the_tree_needs_it(tree, monkeypatch, pybind11, boost):
    monkeypatch.setattr(pythons, "_version", lambda name: pybind11)
    monkeypatch.setattr(pythons, "_boost_python", lambda: boost)

    def refuse(root, say):
        raise BuildError("no pybind11")

    # An unpatched tree's own binding is Boost.Python's, a patched one's is pybind11.
    (unpatched,) = pythons.find_binding(str(tree))
    assert unpatched.state == (OK if boost else MISSING)
    assert boost or "amcaffe.install" in unpatched.fix
    monkeypatch.setattr(
        pythons, "choose_binding", (lambda root, say: "pybind11") if pybind11 else refuse
    )
    (patched,) = pythons.find_binding(str(tree))
    assert patched.state == (OK if pybind11 else MISSING)
    assert patched.pip == (() if pybind11 else ("pybind11",))


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    write_files(root, HOST)
    return root


def build(root, imports="__version__ = '1.0'\n"):
    """What a build leaves in a tree, as far as the doctor looks."""
    for folder in ("build/tools", "build/lib", "python/caffe"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "python/caffe/__init__.py").write_text(imports)
    (root / "build/CMakeCache.txt").write_text("CPU_ONLY:BOOL=ON\nUSE_LMDB:BOOL=OFF\n")
    for name in ("tools/caffe", "lib/libcaffe.so"):
        (root / "build" / name).write_text("")


def test_a_tree_that_is_none_is_a_problem(tmp_path):
    (found,) = caffe_root.find_tree(str(tmp_path))
    assert found.state == PROBLEM and "fetch" in found.fix


@pytest.mark.parametrize("place", ["include/caffe", "src/caffe/proto/caffe.proto", "build"])
def test_a_tree_that_may_not_be_read_is_a_problem_in_words(tree, monkeypatch, place):
    def refuse(function):
        def call(path, *arguments, **options):
            if str(path).startswith(str(tree / place)):
                raise PermissionError(13, "Permission denied", str(path))
            return function(path, *arguments, **options)

        return call

    monkeypatch.setattr(os, "stat", refuse(os.stat))
    monkeypatch.setattr(Path, "exists", refuse(Path.exists))
    monkeypatch.setattr(Path, "read_bytes", refuse(Path.read_bytes))
    found = caffe_root.find_tree(str(tree))[0]
    assert found.state == PROBLEM and f"cannot look at {tree / place}" in found.text
    assert found.text.endswith(": Permission denied") and "the right to read" in found.fix
    lines = "\n".join(doctor.report([("tree", [found])]))
    assert "in its way: Caffe tree. To mend it:" in lines


@pytest.mark.parametrize(
    "lines, text, fix",
    [(["it was interrupted"], "it was interrupted", "INSTALL"),
     (["a is not as it was", f"{TO_MEND}do so"], "a is not as it was", "do so"),
     (["a is not", "b is not", "c is not", f"{TO_MEND}do so"], "a is not, and 2 more", "do so")],
)  # fmt: skip
def test_a_changed_installation_is_told_in_checks_own_words(tree, monkeypatch, lines, text, fix):
    told = "\n  ".join([f"modified: {tree}", *lines]) + "\n"
    monkeypatch.setattr(caffe_root, "output", lambda *command, **options: told)
    found = by_name(caffe_root.find_tree(str(tree)))["amcaffe in it"]
    assert found.text == text
    assert found.fix == fix.replace("INSTALL", f"python -m amcaffe.install {tree}")


def test_a_tree_of_another_layer_interface_is_told(tree):
    path = tree / "include/caffe/layer.hpp"
    text = path.read_text().replace(
        "template <typename Dtype>", "template <typename Ftype, typename Btype>"
    )
    path.write_text(text)
    found = by_name(caffe_root.find_tree(str(tree)))
    assert found["layer interface"].state == NOTE and "Ftype" in found["layer interface"].text
    assert found["amcaffe in it"].fix == f"python -m amcaffe.install {tree} --no-layers"


def test_a_fresh_tree_is_neither_patched_nor_built(tree):
    found = by_name(caffe_root.find_tree(str(tree)))
    assert found["amcaffe in it"].text == "not installed"
    assert found["amcaffe in it"].fix == f"python -m amcaffe.install {tree}"
    assert found["build"].text == "not built yet"
    assert not any(one.state in (MISSING, PROBLEM) for one in found.values())


def test_a_built_tree_tells_its_options_and_whether_python_loads_it(tree):
    build(tree)
    found = by_name(caffe_root.find_tree(str(tree)))
    assert "CPU only; USE_LMDB OFF" in found["build"].text
    assert found["import caffe"].text.startswith("1.0 ")
    build(tree, "import no_such_module_of_ours\n")
    found = by_name(caffe_root.find_tree(str(tree)))
    assert found["import caffe"].state == PROBLEM
    assert "no_such_module_of_ours" in found["import caffe"].text


def test_a_source_that_is_newer_than_the_build_is_named(tree):
    build(tree)
    assert all(one.state != NOTE for one in caffe_root.find_tree(str(tree)) if one.name == "build")
    source = next((tree / "include/caffe").glob("*.hpp"))
    later = (tree / "build/lib/libcaffe.so").stat().st_mtime + 10
    os.utime(source, (later, later))
    texts = [one.text for one in caffe_root.find_tree(str(tree)) if one.name == "build"]
    assert any(f"include/caffe/{source.name} was changed" in text for text in texts)


def test_generated_headers_among_the_sources_are_a_problem(tree):
    stale = tree / STALE_HEADERS[0]
    stale.parent.mkdir(parents=True)
    stale.write_text("")
    found = by_name(caffe_root.find_tree(str(tree)))["generated files"]
    assert found.state == PROBLEM and found.fix == f"rm {stale}"


def test_other_caffes_on_the_path_are_named_and_the_trees_own_is_not(tmp_path, monkeypatch):
    folders = [tmp_path / name for name in ("tree/python", "other", "plain", "messages")]
    modules = ("caffe/__init__.py", "caffe/__init__.py", "x", "caffe_pb2.py")
    for folder, name in zip(folders, modules):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("")
    monkeypatch.setattr(sys, "path", list(map(str, folders)))
    (found,) = caffe_root.find_shadows(str(tmp_path / "tree"))
    assert str(folders[1]) in found.text and str(folders[3]) in found.text
    assert str(folders[0]) not in found.text and str(folders[2]) not in found.text
    monkeypatch.setattr(sys, "path", [str(folders[0])])
    assert caffe_root.find_shadows() == caffe_root.find_shadows(str(tmp_path / "tree")) == []


def test_it_needs_nothing_but_python(machine):
    code = (
        f"import sys; sys.path.insert(0, {str(Path(doctor.__file__).parents[2])!r})\n"
        "from amcaffe.doctor import main; sys.exit(main([]))"
    )
    # -S: no site-packages; what is not Python's own cannot be imported.
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", code],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.returncode == 1 and "missing  numpy" in done.stdout, done.stderr
    assert "a build would take: c++ (Fake) 13.2" in done.stdout


def test_the_status_says_whether_a_build_can_start(machine, monkeypatch, capsys):
    fine = [Finding(OK, "Python", "3.11")]
    monkeypatch.setattr(doctor, "find_python", lambda: fine)
    monkeypatch.setattr(doctor, "find_binding", lambda tree: [])
    assert doctor.main([]) == 0
    assert "nothing is in its way" in capsys.readouterr().out
    machine.program("cmake", "echo cmake version 3.1")
    assert doctor.main([]) == 1
