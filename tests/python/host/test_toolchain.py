from amcaffe.host.toolchain import CUDA_HEADERS, CUDA_LIBRARIES, find_cuda


def toolkit(root, headers=CUDA_HEADERS, libraries=CUDA_LIBRARIES):
    for folder, names in (("bin", ["nvcc"]), ("include", headers), ("lib64", libraries)):
        (root / folder).mkdir(parents=True)
        for name in names:
            (root / folder / name).touch()
    (root / "bin/nvcc").chmod(0o755)
    return root


def test_a_whole_toolkit_is_found_through_cuda_home(tmp_path):
    root = toolkit(tmp_path / "cuda")
    assert find_cuda({"CUDA_HOME": str(root), "PATH": ""}).root == root


def test_a_whole_toolkit_is_found_through_nvcc_on_the_path(tmp_path):
    root = toolkit(tmp_path / "cuda")
    assert find_cuda({"PATH": str(root / "bin")}).root == root


def test_nvcc_without_cublas_is_no_toolkit_and_the_reason_names_what_lacks(tmp_path):
    root = toolkit(tmp_path / "cuda", headers=["cuda_runtime.h"], libraries=["libcudart.so"])
    found = find_cuda({"CUDA_HOME": str(root), "PATH": ""})
    assert found.root is None
    for name in (str(root), "cublas_v2.h", "curand.h", "libcublas.so", "libcurand.so"):
        assert name in found.reason
    assert "cuda_runtime.h" not in found.reason


def test_an_incomplete_toolkit_does_not_hide_a_whole_one(tmp_path):
    half = toolkit(tmp_path / "half", headers=[])
    whole = toolkit(tmp_path / "whole")
    assert find_cuda({"CUDA_HOME": str(half), "PATH": str(whole / "bin")}).root == whole
