"""HDF5 files of Caffe, looked over before Caffe reads them."""

import os

import numpy as np
import pytest

from amcaffe.errors import InputError
from amcaffe.nets import hdf5

h5py = pytest.importorskip("h5py")


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "w.caffemodel.h5"
    with h5py.File(path, "w") as file:
        file["data/fc5/0"] = np.ones((4, 3), np.float32)
        file["data/fc5/1"] = np.ones(4, np.float32)
        file.create_group("data/relu")
    return path


@pytest.fixture
def state(tmp_path):
    path = tmp_path / "s.solverstate.h5"
    with h5py.File(path, "w") as file:
        file["iter"] = np.array([12], np.int32)
        file["current_step"] = np.array([0], np.int32)
        file["learned_net"] = b"elsewhere"
        file["history/0"] = np.zeros((4, 3), np.float32)
    return path


def test_shapes_are_read(weights):
    assert hdf5.is_hdf5(weights) and not hdf5.is_hdf5(__file__)
    assert hdf5.read_shapes(weights) == {"fc5": [(4, 3), (4,)], "relu": []}


def test_a_solvers_state_is_read_and_led_to_its_weights(state):
    assert hdf5.read_solver_state(state) == (12, [(4, 3)])
    hdf5.point_to_model(state, "/a/wö.caffemodel.h5")
    with h5py.File(state, "r") as file:
        kind = file["learned_net"].id.get_type()
        assert kind.get_strpad() == h5py.h5t.STR_NULLTERM
        assert kind.get_size() == len("/a/wö.caffemodel.h5".encode()) + 1
        assert file["learned_net"][()].decode() == "/a/wö.caffemodel.h5"
    assert hdf5.read_solver_state(state) == (12, [(4, 3)])


@pytest.mark.parametrize(
    "change, complaint",
    [
        (lambda file: file.__delitem__("data"), "no group 'data'"),
        (lambda file: file.move("data/fc5/0", "data/fc5/2"), "1, 2, not 0, 1"),
        (lambda file: file.move("data/fc5/0", "data/fc5/x"), "1, x, not 0, 1"),
        (lambda file: file.__setitem__("data/n/0", np.ones(3, int)), "/data/n/0 is int64"),
        (lambda file: file.__setitem__("data/n/0", b"text"), "/data/n/0 is"),
        (lambda file: file.__setitem__("data/n/0", h5py.Empty("f4")), "/data/n/0 is"),
        (lambda file: file.create_group("data/n/0"), "no data '0'"),
        (lambda file: file.__setitem__("data/n", np.ones(3)), "no group 'n'"),
        (lambda file: file.__setitem__("data/n/0", h5py.ExternalLink("/etc/x", "/d")), "no data"),
        (lambda file: file.__setitem__("data/n", h5py.SoftLink("/data")), "no group"),
        (
            lambda file: file.create_dataset(
                "data/n/0", (2,), "f4", external=[("/etc/hostname", 0, 8)]
            ),
            "no data",
        ),
    ],
)
def test_another_layout_is_refused(weights, change, complaint):
    with h5py.File(weights, "r+") as file:
        change(file)
    with pytest.raises(InputError, match=complaint):
        hdf5.read_shapes(weights)


@pytest.mark.parametrize("name", ["iter", "current_step", "history"])
def test_a_state_that_lacks_something_is_refused(state, name):
    with h5py.File(state, "r+") as file:
        del file[name]
    with pytest.raises(InputError, match=f"'{name}'"):
        hdf5.read_solver_state(state)


def test_a_truncated_or_damaged_file_is_refused_or_read_and_never_more(weights):
    whole = weights.read_bytes()
    random = np.random.default_rng(7)
    for _ in range(200):
        damaged = bytearray(whole)
        for at in random.integers(8, len(whole), random.integers(1, 6)):
            damaged[at] = random.integers(256)
        length = len(whole) if random.integers(2) else int(random.integers(8, len(whole)))
        weights.write_bytes(damaged[:length])
        try:
            hdf5.read_shapes(weights)
        except InputError:
            pass


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    assert not hdf5.is_hdf5(tmp_path / "no") and not hdf5.is_hdf5(tmp_path)
    with pytest.raises(InputError, match="No such file"):
        hdf5.read_shapes(tmp_path / "no")


def test_without_h5py_it_is_asked_for(weights, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(InputError, match="h5py") as caught:
        hdf5.read_shapes(weights)
    assert "pip install h5py" in str(caught.value) and os.path.exists(weights)
