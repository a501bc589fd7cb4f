"""Which libraries a set of files needs."""

import shutil

import pytest

from amcaffe.bundle.closure import find_closure
from amcaffe.errors import BuildError

ONE = "int f(void) { return 1; }"
MAIN = "int main(void) { return 0; }"


def nowhere(path):
    return False


def test_what_libraries_need_comes_too_and_the_c_library_does_not(compile_c, loader):
    deep = compile_c("deep/libdeep.so.2", ONE)
    near = compile_c("near/libnear.so", ONE, deep, run_path=deep.parent)
    program = compile_c("program", MAIN, near, run_path=near.parent)
    looked = []
    closure = find_closure([program, deep], loader, nowhere, lambda: looked.append(1))
    assert {n: p.resolve() for n, p in closure.libraries.items()} == {
        "libdeep.so.2": deep,
        "libnear.so": near,
    }
    assert not closure.clashes and len(looked) == 2
    closure = find_closure([program], loader, lambda path: path.resolve() == near)
    assert set(closure.libraries) == {"libdeep.so.2"}


def test_every_missing_library_is_named_with_what_needs_it(compile_c, loader):
    lost = [compile_c(f"lost/lib{name}.so", ONE) for name in "ab"]
    programs = [compile_c(f"for-{path.stem}", MAIN, path) for path in lost]
    shutil.rmtree(lost[0].parent)
    with pytest.raises(BuildError) as caught:
        find_closure(programs, loader, nowhere)
    for path, program in zip(lost, programs):
        assert f"{path.name}, needed by {program}" in caught.value.found


def test_the_driver_need_not_be_there(compile_c, loader):
    driver = compile_c("lost/libcuda.so.1", ONE)
    program = compile_c("program", MAIN, driver)
    driver.unlink()
    assert not find_closure([program], loader, nowhere).libraries


def test_what_cudnn_opens_by_name_comes_with_what_that_needs_and_opens(compile_c, loader):
    needed = compile_c("other/libneeded.so", ONE)
    cudnn = compile_c("cudnn/libcudnn.so.9", ONE)
    compile_c("cudnn/libcudnn_ops.so.9", ONE, needed, run_path=needed.parent)
    (cudnn.parent / "libcudnn_link.so.9").symlink_to("libcudnn_ops.so.9")
    runtime = compile_c("cuda/libcudart.so.13", ONE)
    compile_c("cuda/libnvrtc.so.13", ONE)
    compile_c("cuda/libnvrtc-builtins.so.13.5", ONE)
    compile_c("cuda/libcufft.so.12", ONE)
    path = f"{cudnn.parent}:{runtime.parent}"
    program = compile_c("program", MAIN, cudnn, runtime, run_path=path)
    assert set(find_closure([program], loader, nowhere).libraries) == {
        "libcudnn.so.9",
        "libcudnn_ops.so.9",
        "libneeded.so",
        "libcudart.so.13",
        "libnvrtc.so.13",
        "libnvrtc-builtins.so.13.5",
    }


def test_one_name_with_two_contents_is_told_and_the_first_counts(compile_c, loader):
    first, other = (compile_c(f"{n}/libsame.so", f"int f(void) {{ return {n}; }}") for n in (1, 2))
    programs = [compile_c(f"p{p.parent.name}", MAIN, p, run_path=p.parent) for p in (first, other)]
    closure = find_closure(programs, loader, nowhere)
    assert closure.libraries["libsame.so"].samefile(first)
    assert [(name, b.samefile(other)) for name, _, b in closure.clashes] == [("libsame.so", True)]
    shutil.copy(first, other)
    assert not find_closure(programs, loader, nowhere).clashes


def test_a_library_beside_another_of_a_package_is_found_by_who_loads_it(compile_c, loader):
    inner = compile_c("package.libs/libinner.so", ONE)
    outer = compile_c("package.libs/libouter.so", ONE, inner)
    closure = find_closure([outer], loader, lambda path: path in (inner, outer))
    assert not closure.libraries
