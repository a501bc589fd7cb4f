"""Shapes that are counted from a net's layers, against those of the net that pycaffe builds."""

import pytest

from amcaffe.nets.experiment import Experiment
from amcaffe.nets.heads import MARGINS
from amcaffe.nets.layer_state import split_state
from amcaffe.nets.reading import TEST, TRAIN, layers_in, read_net
from amcaffe.nets.rendering import render_files
from amcaffe.nets.shapes import count, net_blobs
from amcaffe.nets.weights import net_shapes

INPUT = """
layer { name: "input" type: "Input" top: "data" top: "label"
  input_param { shape { dim: 3 dim: 3 dim: 29 dim: 24 } shape { dim: 3 } } }
"""
ODD = """
layer { name: "c1" type: "Convolution" bottom: "data" top: "c1" convolution_param {
  num_output: 6 kernel_h: 3 kernel_w: 5 stride: 2 pad_h: 1 pad_w: 0 dilation: 2 group: 3 } }
layer { name: "d1" type: "Deconvolution" bottom: "data" top: "d1" convolution_param {
  num_output: 4 kernel_size: 4 stride: 2 pad: 1 bias_term: false } }
layer { name: "p1" type: "Pooling" bottom: "c1" top: "p1" pooling_param {
  kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "p2" type: "Pooling" bottom: "c1" top: "p2" pooling_param { global_pooling: true } }
layer { name: "p3" type: "Pooling" bottom: "c1" top: "p3" pooling_param {
  kernel_size: 2 stride: 3 pad: 1 } }
layer { name: "bn" type: "BatchNorm" bottom: "p1" top: "bn" }
layer { name: "sc" type: "Scale" bottom: "bn" top: "bn" scale_param { bias_term: true } }
layer { name: "pr" type: "PReLU" bottom: "bn" top: "bn" }
layer { name: "ps" type: "PReLU" bottom: "p2" top: "p2" prelu_param { channel_shared: true } }
layer { name: "sl" type: "Slice" bottom: "data" top: "a" top: "b" slice_param { slice_point: 2 } }
layer { name: "co" type: "Concat" bottom: "b" bottom: "a" top: "co" }
layer { name: "fl" type: "Flatten" bottom: "bn" top: "fl" }
layer { name: "fc" type: "InnerProduct" bottom: "bn" top: "fc" inner_product_param {
  num_output: 7 } }
layer { name: "no" type: "Normalize" bottom: "fc" top: "no" }
layer { name: "el" type: "Eltwise" bottom: "fc" bottom: "no" top: "el" }
layer { name: "ni" type: "NormalizedInnerProduct" bottom: "el" top: "ni"
  normalized_inner_product_param { num_output: 5 } }
layer { name: "lo" type: "SoftmaxWithLoss" bottom: "ni" bottom: "label" top: "lo" }
"""


def compare(caffe, path, phase):
    net = caffe.Net(str(path), phase)
    layers = layers_in(read_net(path), phase)
    given = {name: net.blobs[name].data.shape for name in layers[0].top}
    built = net_shapes(net)
    checked = 0
    for layer, (tops, weights) in zip(layers, net_blobs(layers, given)):
        found = split_state(layer.type, built[layer.name].shapes)[0]
        assert list(map(count, weights)) == list(map(count, found)), layer.name
        for name, shape in zip(layer.top, tops):
            if shape is None:  # small, and not said to be known
                assert net.blobs[name].data.size <= 32, f"{layer.name}: {name}"
            else:
                assert count(shape) == net.blobs[name].data.size, f"{layer.name}: {name}"
            checked += 1
    return checked


@pytest.mark.parametrize("name", MARGINS)
def test_they_are_those_of_every_recipe(patched_caffe, tiny_faces, monkeypatch, name):
    monkeypatch.chdir(tiny_faces.folder)
    _, path = tiny_faces.render_one(name, depth=10)
    for phase in (TRAIN, TEST):
        assert compare(patched_caffe, path, phase) > 15


def test_they_are_those_of_other_layers(patched_caffe, tmp_path):
    path = tmp_path / "odd.prototxt"
    path.write_text(INPUT + ODD)
    assert compare(patched_caffe, path, TEST) == 20


def test_what_is_not_known_stays_unknown_and_what_is_known_goes_on(patched_caffe, tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(render_files(Experiment(), "net", ("am-softmax",))["face_train_test.prototxt"])
    layers = layers_in(read_net(path), TRAIN)
    found = net_blobs(layers, {"data": (256, 3, None, None), "label": (256,)})
    shapes = dict(zip((layer.name for layer in layers), found))
    assert shapes["conv1_1"] == ([(256, 64, None, None)], [(64, 3, 3, 3), (64,)])
    assert shapes["fc5"] == ([(256, 512)], [(512, None), (512,)])
    assert shapes["fc6_l2"] == ([(256, 10516)], [(10516, 512)])
    assert count((512, None)) == 0
