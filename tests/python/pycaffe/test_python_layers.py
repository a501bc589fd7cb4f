import gc
import subprocess
import traceback
import weakref

import pytest


def test_forward_and_backward_are_the_methods(python_net):
    net = python_net("Times", "3")
    net.blobs["data"].data[...] = 2
    assert (net.forward()["py"] == 6).all()
    net.blobs["py"].diff[...] = 5
    net.backward()
    assert (net.blobs["data"].diff == 15).all()
    net.blobs["data"].reshape(7, 1)
    assert net.forward()["py"].shape == (7, 1)


def test_the_layer_of_a_net_is_the_object_itself(python_net, python_layers):
    layer = python_net("Times", "3").layers[1]
    assert type(layer) is python_layers.Times and layer.type == "Python"
    assert (layer.factor, layer.param_str, layer.phase) == (3, "3", 0)


def test_a_net_keeps_its_layers_and_frees_them(python_net):
    net = python_net("Times", "3")
    gone = weakref.ref(net.layers[1])
    gc.collect()
    assert gone() is not None
    net.forward()
    del net
    gc.collect()
    assert gone() is None


def test_a_top_that_a_layer_keeps_is_the_nets(python_net):
    net = python_net("KeepsTops", "1")
    kept = net.layers[1].kept
    assert kept == net.blobs["py"]
    array = kept.data
    del net, kept
    gc.collect()
    array[...] = 1


@pytest.mark.parametrize("method", ["setup", "reshape", "forward", "backward"])
def test_an_exception_reaches_the_caller_with_its_traceback(python_net, method):
    with pytest.raises(KeyError, match=f"from {method}") as caught:
        net = python_net("Raises", method)
        net.forward()
        net.backward()
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[-2:] == [method, "_maybe"]


def test_caffes_own_error_inside_a_layer_is_an_exception_there(pycaffe, python_net):
    with pytest.raises(pycaffe._caffe.CaffeError, match="cannot be negative"):
        python_net("CannotShape", "1")


@pytest.mark.parametrize(
    "layer, kind, words",
    [
        ("NoSuchLayer", AttributeError, "NoSuchLayer"),
        ("NotALayer", TypeError, "python_layers.NotALayer is no subclass of caffe.Layer"),
        ("ForgetsInit", TypeError, "__init__"),
        ("Incomplete", NotImplementedError, "Incomplete has no method reshape"),
    ],
)
def test_classes_that_are_no_layers(python_net, layer, kind, words):
    with pytest.raises(kind, match=words):
        python_net(layer, "1")


def test_a_module_that_is_missing(pycaffe, python_layers, write):
    path = write(
        "layer { name: 'a' type: 'Python' top: 'x' "
        "python_param { module: 'no_such_module' layer: 'L' } }"
    )
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        pycaffe.Net(path, pycaffe.TEST)


def test_the_command_line_says_where_python_layers_run(python_layers, write, caffe_program):
    net = write(
        "layer { name: 'mine' type: 'Python' top: 'x' "
        "python_param { module: 'python_layers' layer: 'Times' } }"
    )
    done = subprocess.run(
        [caffe_program, "time", "-model", net, "-iterations", "1"], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "Layer mine is written in Python (python_layers.Times)" in done.stderr
    assert "caffe.get_solver" in done.stderr
