"""The installer on a real Caffe tree. AMCAFFE_TEST_TREE names one, which is only copied."""

import shutil
import subprocess

import pytest

from amcaffe.host.tree import PROTO, CaffeTree
from amcaffe.install import main
from amcaffe.install.host_edits import HOST_EDITS
from amcaffe.install.record import load
from standins import mtimes, snapshot

# What upstream's last commit does not have, and forks do.
NOT_IN_UPSTREAM = {
    "c++17 where c++11 was asked for", "opencv-4 codec properties", "opencv-4 colour codes",
    "opencv-4 drawing and filtering constants", "pybind11 submodule that is not there",
    "python-3 iteration", "scikit-image resize mode", "warnings as warnings",
}  # fmt: skip


def test_upstream_gets_every_edit_and_comes_back_byte_for_byte(real, capsys):
    pristine = snapshot(real)
    main([str(real)])
    record = load(CaffeTree(real))
    names = {
        name
        for host in record.hosts.values()
        for hunk in host.hunks
        for name in hunk.name.split(", ")
    }
    assert {edit.name for edit in HOST_EDITS} - names == NOT_IN_UPSTREAM
    assert record.numbers["LayerParameter"]["label_specific_add_param"] == 241
    assert record.numbers["LayerParameter"]["normalized_inner_product_param"] == 4001
    before = mtimes(real)
    main([str(real)])
    assert mtimes(real) == before
    assert "nothing to do" in capsys.readouterr().out
    main([str(real), "--uninstall"])
    assert snapshot(real) == pristine


@pytest.mark.parametrize(
    "choice, restored",
    [
        (["--skip", "state in a restored solver"], False),
        (["--skip", "weights without state"], True),
        (["--no-layers"], False),
    ],
)
def test_weights_go_without_state_only_where_a_restored_solver_has_it(real, choice, restored):
    main([str(real), *choice])
    solver, net = ((real / f"src/caffe/{name}.cpp").read_text() for name in ("solver", "net"))
    assert ("RestoringState" in solver) is restored
    assert "layer_state.hpp" not in net


def test_protoc_accepts_the_patched_proto(real, tmp_path):
    protoc = shutil.which("protoc")
    if not protoc:
        pytest.skip("no protoc on PATH")
    main([str(real)])
    folder = str((real / PROTO).parent)
    command = [protoc, f"-I{folder}", f"--python_out={tmp_path}", "caffe.proto"]
    assert not subprocess.run(command, check=True, capture_output=True).stderr
