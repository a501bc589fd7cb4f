"""Weights into a net: what Caffe is given to copy, whether or not it tells weights from state."""

from types import SimpleNamespace

import numpy as np
import pytest

from amcaffe.errors import InputError
from amcaffe.nets.loading import load_weights

pytestmark = pytest.mark.usefixtures("stock_caffe")


class Net:
    """What is used of pycaffe's: layers {name: (type, [array])}, and what it was given."""

    def __init__(self, layers):
        self._layer_names = list(layers)
        self.layers = [SimpleNamespace(type=kind) for kind, _ in layers.values()]
        self.params = {
            name: [SimpleNamespace(data=np.asarray(array, np.float32)) for array in arrays]
            for name, (_, arrays) in layers.items()
            if arrays
        }
        self.given = None

    def copy_from(self, path):
        """Refuses what an unpatched Caffe does: another number of blobs."""
        self.path, self.given = path, blobs_of(path)
        for name, arrays in self.given.items():
            if name in self._layer_names:
                assert len(arrays) == len(self.params.get(name, ())), name


def write(path, layers):
    """A file of layers {name: (type, [array])}, in HDF5 where its name ends so."""
    if path.suffix == ".h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            for name, (_, arrays) in layers.items():
                group = file.create_group(f"data/{name}")
                for number, array in enumerate(arrays):
                    group[str(number)] = np.asarray(array, np.float32)
        return path
    from caffe.proto import caffe_pb2

    model = caffe_pb2.NetParameter()
    for name, (kind, arrays) in layers.items():
        layer = model.layer.add(name=name, type=kind)
        for array in arrays:
            blob = layer.blobs.add()
            blob.shape.dim.extend(np.shape(array))
            blob.data.extend(np.ravel(array))
    path.write_bytes(model.SerializeToString())
    return path


def blobs_of(path):
    if str(path).endswith(".h5"):
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "r") as file:
            return {
                name: [group[str(number)][()].tolist() for number in range(len(group))]
                for name, group in file["data"].items()
            }
    from caffe.proto import caffe_pb2

    with open(path, "rb") as file:
        model = caffe_pb2.NetParameter.FromString(file.read())
    return {
        layer.name: [np.reshape(blob.data, tuple(blob.shape.dim)).tolist() for blob in layer.blobs]
        for layer in model.layer
    }


FC5 = ("InnerProduct", [[[1.0, 2.0]], [3.0]])
COUNTING = ("MarginInnerProduct", [[[5.0], [6.0]], [40.0]])
CONSTANT = ("MarginInnerProduct", [[[5.0], [6.0]]])
PLAIN = ("InnerProduct", [[[5.0], [6.0]]])
MARGIN = ("LabelSpecificAdd", [[40.0]])
NET_COUNTING = ("MarginInnerProduct", [[[0.0], [0.0]], [7.0]])
both = pytest.mark.parametrize("name", ["w.caffemodel", "w.caffemodel.h5"])


@both
def test_a_file_that_caffe_copies_rightly_is_given_as_it_is(tmp_path, name):
    path = write(tmp_path / name, {"fc5": FC5})
    net = Net({"data": ("Input", []), "fc5": FC5})
    assert load_weights(net, path, whole=True, schedules_begin=True) == []
    assert net.path == str(path)


@both
def test_a_schedule_begins_whether_or_not_the_file_has_a_count(tmp_path, name):
    for number, source in enumerate((COUNTING, CONSTANT)):
        path = write(tmp_path / f"{number}{name}", {"fc5": FC5, "fc6": source})
        net = Net({"fc5": FC5, "fc6": NET_COUNTING})
        assert load_weights(net, path, whole=False, schedules_begin=True) == []
        assert net.given["fc6"] == [[[5], [6]], [7]]
        assert net.given["fc5"] == [[[1, 2]], [3]]


def test_a_plain_classifier_begins_a_schedule_too(tmp_path):
    path = write(tmp_path / "w", {"fc5": FC5, "fc6": PLAIN})
    net = Net({"fc5": FC5, "fc6": NET_COUNTING})
    load_weights(net, path, whole=False, schedules_begin=True)
    assert net.given["fc6"] == [[[5], [6]], [7]]


@both
def test_a_count_is_left_out_where_the_net_keeps_none(tmp_path, name):
    path = write(tmp_path / name, {"fc5": FC5, "fc6": COUNTING})
    net = Net({"fc5": FC5, "fc6": CONSTANT})
    load_weights(net, path, whole=True)
    assert net.given["fc6"] == [[[5], [6]]]


@both
def test_a_test_takes_the_state_that_the_file_has(tmp_path, name):
    path = write(tmp_path / name, {"fc5": FC5, "fc6": COUNTING})
    net = Net({"fc5": FC5, "fc6": NET_COUNTING})
    load_weights(net, path, whole=True)
    assert net.given["fc6"] == [[[5], [6]], [40]]
    path = write(tmp_path / f"some.{name}", {"fc6": COUNTING, "fc7": CONSTANT})
    net = Net({"fc6": NET_COUNTING, "fc7": NET_COUNTING})
    load_weights(net, path, whole=True)
    assert net.given == {"fc6": [[[5], [6]], [40]], "fc7": [[[5], [6]], [7]]}


def test_a_layer_of_state_alone_begins_too(tmp_path):
    for number, blobs in enumerate(([[40.0]], [])):
        path = write(tmp_path / str(number), {"fc5": FC5, "m": ("LabelSpecificAdd", blobs)})
        net = Net({"fc5": FC5, "m": ("LabelSpecificAdd", [[3.0]])})
        load_weights(net, path, whole=False, schedules_begin=True)
        assert net.given.get("m", [[3]]) == [[3]]


@both
def test_a_fresh_layer_is_not_taken_whatever_its_shape(tmp_path, name):
    path = write(tmp_path / name, {"fc5": FC5, "fc6": PLAIN, "other": FC5})
    net = Net({"fc5": FC5, "fc6": ("InnerProduct", [[[0.0]] * 9])})
    assert load_weights(net, path, whole=False, fresh=("fc6",), schedules_begin=True) == []
    assert set(net.given) == {"fc5"}


def test_a_fresh_layer_has_weights_in_the_net(tmp_path):
    path = write(tmp_path / "w", {"fc5": FC5})
    net = Net({"data": ("Input", []), "fc5": FC5, "m": MARGIN})
    for name in ("data", "m", "fc7"):
        with pytest.raises(InputError, match=rf"no layer {name} with weights") as caught:
            load_weights(net, path, whole=False, fresh=(name,))
        assert "of fc5" in str(caught.value) and net.given is None
