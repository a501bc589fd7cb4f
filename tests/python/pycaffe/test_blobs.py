import gc
import weakref

import numpy as np
import pytest


def address(array):
    return array.__array_interface__["data"][0]


def test_data_is_the_blobs_own_memory(net):
    blob = net.blobs["data"]
    assert address(blob.data) == address(blob.data)
    assert address(blob.data) != address(blob.diff)
    assert blob.data.dtype == np.float32 and blob.data.flags.writeable
    blob.data[1, 2] = 5
    assert net.blobs["data"].data[1, 2] == 5


def test_what_is_written_is_what_the_net_reads_and_its_result_needs_no_copy(net):
    result = net.blobs["ip"].data
    net.blobs["data"].data[...] = [[1, 2, 3], [0, 0, 1]]
    assert net.forward()["ip"].tolist() == [[12] * 4, [2] * 4]
    assert result.tolist() == [[12] * 4, [2] * 4]


def test_an_array_outlives_its_net(pycaffe, net_file):
    net = pycaffe.Net(net_file, pycaffe.TEST)
    net.blobs["data"].data[...] = 1
    weights, result, gone = net.params["ip"][0].data, net.forward()["ip"], weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None
    assert weights.sum() == 24 and result.sum() == 48


def test_an_array_outlives_the_growth_of_its_blob(net):
    data = net.blobs["data"].data
    data[...] = 7
    net.blobs["data"].reshape(200, 300)
    net.blobs["data"].data[...] = 1
    assert (data == 7).all()


def test_shapes_are_sequences_of_int(net):
    blob = net.blobs["data"]
    assert tuple(blob.shape) == blob.data.shape == (2, 3)
    assert blob.shape == [2, 3] and blob.shape[-1] == 3 and list(blob.shape[:1]) == [2]
    assert (blob.num, blob.channels, blob.height, blob.width, blob.count) == (2, 3, 1, 1, 6)
    with pytest.raises(IndexError):
        blob.shape[2]
    blob.reshape()
    assert blob.data.shape == () and blob.count == 1
    blob.reshape(np.int64(4), 1)
    assert np.zeros(blob.shape).shape == (4, 1)


def test_one_blob_is_equal_to_itself_however_it_is_reached(net):
    layer = net.layers[list(net._layer_names).index("ip")]
    assert net.params["ip"][0] == layer.blobs[0] != layer.blobs[1]
    assert layer.blobs[0] in layer.blobs
    assert len({net.params["ip"][0], layer.blobs[0]}) == 1


def test_vectors_refer_to_the_layers_own(net):
    blobs = net.params["ip"]
    assert len(blobs) == 2
    blobs.add_blob(5, 1)
    assert len(net.layers[list(net._layer_names).index("ip")].blobs) == 3
    assert blobs[2].data.shape == (5, 1)
    del blobs[2]
    blobs[1] = blobs[0]
    assert net.params["ip"][1].data.shape == (4, 3)


def test_attributes_may_be_set_on_nets(net):
    net.note = "mine"
    assert net.note == "mine"
