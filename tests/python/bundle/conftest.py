"""Small ELF files, and a built tree of them that stands in for Caffe's."""

import shutil
import subprocess

import pytest

PROGRAM = """
#include <stdio.h>
int caffe(void);
int main(void) { printf("caffe says %d\\n", caffe()); return 0; }
"""
# Reads a list by the absolute path that was compiled in, and the file that it names.
TESTS = """
#include <stdio.h>
int main(void) {
  char line[256] = "";
  FILE* list = fopen("@root@/src/caffe/test/test_data/list.txt", "r");
  FILE* data = list && fscanf(list, "%255s", line) == 1 ? fopen(line, "r") : NULL;
  puts(data && fgetc(data) == 'x' ? "[  PASSED  ] 7 tests." : "[ RUN      ] Data.Is");
  return !data;
}
"""


class Compiler:
    """Makes ELF files in a folder with the system's C compiler."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, name, code, *libraries, run_path=None, rpath=None):
        """Compile code to folder/name: a library where the name says so, else a program.

        run_path, rpath: value of DT_RUNPATH or DT_RPATH.
        """
        output = self.folder / name
        output.parent.mkdir(parents=True, exist_ok=True)
        command = ["cc", "-xc", "-", "-xnone", "-o", output, "-Wl,--no-as-needed", *libraries]
        # The linker looks for the libraries' own needs among all there are.
        command += [f"-Wl,-rpath-link,{path.parent}" for path in self.folder.rglob("*.so*")]
        if ".so" in output.name:
            command += ["-shared", "-fPIC", f"-Wl,-soname,{output.name}"]
        if run_path:
            command.append(f"-Wl,--enable-new-dtags,-rpath,{run_path}")
        if rpath:
            command.append(f"-Wl,--disable-new-dtags,-rpath,{rpath}")
        subprocess.run(list(map(str, command)), input=code, text=True, check=True)
        return output


@pytest.fixture
def compile_c(tmp_path):
    pytest.importorskip("elftools", reason="pyelftools is not installed")
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    return Compiler(tmp_path)


@pytest.fixture
def loader(compile_c):
    """The system's dynamic loader."""
    from amcaffe.bundle.elf import Loader, read_elf

    return Loader(read_elf(compile_c("any", "int main(void) { return 0; }")).interpreter)


@pytest.fixture
def built_tree(compile_c, tmp_path):
    """A tree whose program, module and tests need libcaffe, which needs a library elsewhere."""
    root = tmp_path / "tree"
    dependency = compile_c("elsewhere/libdependency.so.1", "int dependency(void) { return 42; }")
    code = "int dependency(void); int caffe(void) { return dependency(); }"
    caffe = compile_c("tree/build/lib/libcaffe.so", code, dependency, run_path=dependency.parent)
    compile_c("tree/build/tools/caffe", PROGRAM, caffe, rpath=f"{caffe.parent}::")
    tests = TESTS.replace("@root@", str(root))
    compile_c("tree/build/test/test.testbin", tests, caffe, run_path=caffe.parent)
    data = root / "src/caffe/test/test_data"
    data.mkdir(parents=True)
    (data / "list.txt").write_text(f"{data}/data.h5\n")
    (data / "data.h5").write_text("x")
    code = "int caffe(void); int f(void) { return caffe(); }"
    module = compile_c("tree/build/lib/_caffe.so", code, caffe, run_path=caffe.parent)
    package = root / "python/caffe"
    package.mkdir(parents=True)
    (package / "_caffe.so").symlink_to(module)
    (package / "_caffe.cpp").write_text("source")
    (package / "__init__.py").write_text(
        "import ctypes, pathlib\n"
        "says = ctypes.CDLL(str(pathlib.Path(__file__).with_name('_caffe.so'))).f()\n"
    )
    (root / "build/CMakeCache.txt").write_text("CPU_ONLY:BOOL=ON\nBLAS:STRING=Open\n")
    return root


@pytest.fixture
def patchelf():
    from amcaffe.bundle.write import find_patchelf
    from amcaffe.errors import BuildError

    try:
        return find_patchelf()
    except BuildError:
        pytest.skip("patchelf is not installed")
