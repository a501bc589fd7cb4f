"""Reading ELF files, and asking the loader."""

import re
import subprocess

import pytest

from amcaffe.bundle.elf import C_LIBRARY, DRIVER, is_elf, read_elf
from amcaffe.errors import InputError

MAIN = "int f(void); int main(void) { return f(); }"


def test_a_library_tells_its_name_its_needs_and_its_run_path(compile_c):
    other = compile_c("libother.so.3", "int g(void) { return 1; }")
    for name, kind in (("run_path", True), ("rpath", False)):
        file = compile_c("libmine.so", "int f(void) { return 1; }", other, **{name: "/a:$ORIGIN"})
        elf = read_elf(file)
        assert (elf.soname, elf.interpreter) == ("libmine.so", None)
        assert elf.needed[0] == "libother.so.3" and "libc.so.6" in elf.needed
        assert (elf.run_path, elf.overridable) == ("/a:$ORIGIN", kind)


def test_the_newest_symbol_of_the_c_library_is_what_counts(compile_c):
    # getrandom came with glibc 2.25, secure_getenv with 2.17.
    code = """
    #include <stddef.h>
    int getrandom(void*, size_t, unsigned); char* secure_getenv(const char*);
    int main(void) { return getrandom(0, 0, 0) + !secure_getenv("X"); }"""
    system = subprocess.run(["getconf", "GNU_LIBC_VERSION"], capture_output=True, text=True).stdout
    assert (
        (2, 25)
        <= read_elf(compile_c("new", code)).glibc
        <= tuple(map(int, re.findall(r"\d+", system)))
    )


def test_what_has_no_dynamic_section_is_left_out_and_damage_is_an_error(compile_c, tmp_path):
    program = compile_c("program", "int main(void) { return 0; }")
    assert is_elf(program)
    static = tmp_path / "static.o"
    subprocess.run(["cc", "-xc", "-c", "-", "-o", static], input="int f;", text=True, check=True)
    assert read_elf(static) is None
    for length in (4, 40, 700):
        (tmp_path / "damaged").write_bytes(program.read_bytes()[:length])
        with pytest.raises(InputError, match="damaged"):
            read_elf(tmp_path / "damaged")
    (tmp_path / "text").write_text("no")
    assert not is_elf(tmp_path / "text")


def test_the_loader_finds_what_ldd_finds(compile_c, loader, tmp_path):
    deep = compile_c("deep/libdeep.so", "int g(void) { return 1; }")
    code = "int f(void) { return 1; }"
    near = compile_c("near/libnear.so", code, deep, run_path="$ORIGIN/../deep")
    program = compile_c("bin/program", MAIN, near, run_path="$ORIGIN/../near")
    found = loader.libraries(program)
    told = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    pairs = dict(re.findall(r"(\S+) => (\S+) ", told))
    assert {name: str(path) for name, path in found.items()} == pairs
    assert found["libdeep.so"].samefile(deep)
    near.rename(near.with_name("away"))
    assert loader.libraries(program)["libnear.so"] is None


def test_the_loader_refuses_a_file_of_another_machine(compile_c, loader, tmp_path):
    data = bytearray(compile_c("libx.so", "int f;").read_bytes())
    data[18:20] = b"\xf3\x00"  # e_machine: RISC-V
    (tmp_path / "libx.so").write_bytes(data)
    with pytest.raises(InputError, match="cannot load"):
        loader.libraries(tmp_path / "libx.so")


@pytest.mark.parametrize("name", ["libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "libdl.so.2"])
def test_the_c_library_stays_out(name):
    assert C_LIBRARY.fullmatch(name) and not DRIVER.fullmatch(name)


@pytest.mark.parametrize(
    "name", ["libcuda.so.1", "libnvidia-ml.so.1", "libnvidia-ptxjitcompiler.so.1"]
)
def test_the_driver_stays_out(name):
    assert DRIVER.fullmatch(name)


@pytest.mark.parametrize(
    "name", ["libcrypt.so.1", "libstdc++.so.6", "libgcc_s.so.1", "libcudart.so.13", "libmagic.so.1"]
)
def test_what_is_like_them_by_name_alone_goes_in(name):
    assert not C_LIBRARY.fullmatch(name) and not DRIVER.fullmatch(name)
