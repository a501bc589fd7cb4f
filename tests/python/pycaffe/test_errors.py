"""What ended the process under Boost.Python is an exception. (A test that fails here takes
pytest down with it, which is a failure that nobody overlooks.)"""

import numpy as np
import pytest


@pytest.fixture
def error(pycaffe):
    """The exception, and a RuntimeError as older code expects it."""
    assert issubclass(pycaffe._caffe.CaffeError, RuntimeError)
    return pycaffe._caffe.CaffeError


def test_a_fault_of_a_prototxt_is_told_by_line_and_column(pycaffe, error, write):
    path = write("name: 'x'\nlayer { name: 'a' typo: 'b' }\n")
    with pytest.raises(error, match=rf"{path}:2:\d+: .*no field named \"typo\""):
        pycaffe.Net(path, pycaffe.TEST)


@pytest.mark.parametrize("content", ["layer {", "\x00\xff", "name: 'a' name: 3"])
def test_what_is_no_prototxt_is_refused(pycaffe, error, write, content):
    path = write(content)
    with pytest.raises(error, match=path):
        pycaffe.Net(path, pycaffe.TEST)
    with pytest.raises(error, match=path):
        pycaffe.SGDSolver(path)


def test_files_that_are_missing_or_folders(pycaffe, error, net, net_file, tmp_path):
    uses = (
        lambda path: pycaffe.Net(path, pycaffe.TEST),
        lambda path: pycaffe.Net(net_file, pycaffe.TEST, weights=path),
        lambda path: pycaffe.Net(net_file, path, pycaffe.TEST),
        net.copy_from,
        net.load_hdf5,
        pycaffe.get_solver,
    )
    for path in (str(tmp_path / "missing"), str(tmp_path)):
        for use in uses:
            with pytest.raises(error, match=f"Could not open file {path}"):
                use(path)


def test_a_layer_type_that_is_not_there_is_named(pycaffe, error, write):
    path = write("layer { name: 'a' type: 'NoSuchLayer' top: 'x' }")
    with pytest.raises(error, match="Unknown layer type: NoSuchLayer .*Convolution"):
        pycaffe.Net(path, pycaffe.TEST)


@pytest.mark.parametrize(
    "layer, words",
    [
        ("type: 'ReLU' bottom: 'nowhere' top: 'x'", "Unknown bottom blob 'nowhere'"),
        ("type: 'InnerProduct' bottom: 'data' top: 'x'", "Check failed"),
        ("type: 'Concat' bottom: 'data' top: 'x' concat_param { axis: 9 }", "axis 9 out of range"),
        ("type: 'EuclideanLoss' bottom: 'data' top: 'x'", "takes 2 bottom blob"),
    ],
)
def test_faults_of_a_net(pycaffe, error, write, layer, words):
    path = write(f"input: 'data' input_shape {{ dim: 2 }} layer {{ name: 'a' {layer} }}")
    with pytest.raises(error, match=words):
        pycaffe.Net(path, pycaffe.TEST)


@pytest.mark.parametrize("phase", [2, -1])
def test_a_phase_that_is_none(pycaffe, net_file, phase):
    with pytest.raises(ValueError, match=f"phase {phase} is neither"):
        pycaffe.Net(net_file, phase)


def test_weights_of_another_shape_name_the_layer(pycaffe, error, net, net_file, write, tmp_path):
    net.save(str(tmp_path / "weights"))
    with open(net_file) as file:
        wider = write(file.read().replace("num_output: 4", "num_output: 5"), "wider.prototxt")
    with pytest.raises(error, match="layer 'ip'; shape mismatch"):
        pycaffe.Net(wider, pycaffe.TEST, weights=str(tmp_path / "weights"))


def test_files_that_hold_no_weights(error, net, write):
    with pytest.raises(error, match="Check failed"):
        net.copy_from(write("\x0a\xff not a caffemodel", "weights.caffemodel"))
    with pytest.raises(error, match="Couldn't open|Check failed"):
        net.load_hdf5(write("no HDF5 either", "weights.h5"))


def test_a_net_that_cannot_be_saved(error, net, tmp_path):
    with pytest.raises(error, match="Check failed"):
        net.save(str(tmp_path / "no" / "folder"))


@pytest.mark.parametrize("shape", [(-1,), (2, -3), (1,) * 33, (2**20, 2**20)])
def test_impossible_shapes_leave_a_blob_as_it_was(error, net, shape):
    blob = net.blobs["data"]
    with pytest.raises(error, match="blob"):
        blob.reshape(*shape)
    assert tuple(blob.shape) == (2, 3)
    with pytest.raises(error):
        net.params["ip"].add_blob(*shape)
    net.forward()


def test_shapes_that_do_not_fit_stop_forward_and_the_net_goes_on_when_they_do(error, net):
    net.blobs["data"].reshape(2, 5)
    with pytest.raises(error, match="Input size incompatible"):
        net.forward()
    net.blobs["data"].reshape(1, 3)
    assert net.forward()["ip"].shape == (1, 4)


@pytest.mark.parametrize("start, end", [(-1, 1), (0, 99)])
def test_layers_that_are_not_there(error, net, start, end):
    with pytest.raises(error, match="Check failed"):
        net._forward(start, end)
    with pytest.raises(error, match="Check failed"):
        net._backward(end, start)
    with pytest.raises(error, match="Invalid layer id"):
        net._top_ids(99)
    with pytest.raises(ValueError):
        net.forward(start="no such layer")


def test_input_arrays_are_checked(pycaffe, write):
    net = pycaffe.Net(
        write(
            "layer { name: 'm' type: 'MemoryData' top: 'x' top: 'y' memory_data_param "
            "{ batch_size: 2 channels: 1 height: 2 width: 3 } }"
        ),
        pycaffe.TEST,
    )
    good, labels = np.ones((4, 1, 2, 3), np.float32), np.zeros(4, np.float32)
    net.set_input_arrays(good, labels)
    net.forward()
    for bad, words in (
        (good.astype(float), "float32"),
        (good[:, :, :, ::-1], "contiguous"),
        (good[0], "4-d"),
        (np.ones((4, 2, 2, 3), np.float32), "channels 1, not 2"),
        (good[:3].copy(), "first dimension"),
    ):
        with pytest.raises(RuntimeError, match=words):
            net.set_input_arrays(bad, labels)


@pytest.mark.parametrize(
    "text, words",
    [
        ("base_lr: 0.1", "SolverParameter must specify a train net"),
        ("net: '/nowhere/net.prototxt'", "/nowhere/net.prototxt"),
        ("train_net_param { } type: 'NoSuchSolver'", "Unknown solver type: NoSuchSolver"),
    ],
)
def test_faults_of_a_solver(pycaffe, error, write, text, words):
    with pytest.raises(error, match=words):
        pycaffe.get_solver(write(text, "solver.prototxt"))


def test_a_fault_of_a_solvers_net_is_told_by_its_line(pycaffe, error, write):
    net = write("name: 'x'\n\nlayer { nme: 'a' }\n")
    with pytest.raises(error, match=f"{net}:3:"):
        pycaffe.get_solver(write(f"net: '{net}'", "solver.prototxt"))


def test_a_state_that_is_none(error, solver, write):
    with pytest.raises(error, match="Check failed"):
        solver().restore(write("nothing", "x.solverstate"))
    with pytest.raises(error, match="Could not open"):
        solver().solve("/nowhere/x.solverstate")


def test_without_a_gpu_its_mode_is_an_exception(pycaffe, error, net):
    if hasattr(pycaffe._caffe.Blob, "_gpu_data_ptr"):
        pytest.skip("this Caffe is built with CUDA")
    pycaffe.set_mode_gpu()
    try:
        with pytest.raises(error, match="Cannot use GPU in CPU-only Caffe"):
            net.forward()
        with pytest.raises(error, match="Cannot use GPU in CPU-only Caffe"):
            pycaffe.set_device(0)
    finally:
        pycaffe.set_mode_cpu()
    net.forward()


def test_nccl_that_is_not_there_says_how_to_get_it(pycaffe, error, solver):
    if pycaffe.has_nccl():
        assert isinstance(pycaffe.NCCL.new_uid(), bytes)
        return
    for use in (lambda: pycaffe.NCCL(solver(), "uid"), lambda: pycaffe.NCCL.new_uid()):
        with pytest.raises(error, match="-DUSE_NCCL=ON"):
            use()


def test_the_log_may_be_initialised_twice(run_python):
    run_python("import caffe; caffe.init_log(2); caffe.init_log(2, True); caffe.log('x')")


@pytest.mark.parametrize(
    "dimension, kind", [("a", TypeError), (2.5, TypeError), (2**40, OverflowError)]
)
def test_a_dimension_that_is_no_int_is_named(net, dimension, kind):
    blob = net.blobs["data"]
    for reshape in (blob.reshape, net.params["ip"].add_blob):
        with pytest.raises(kind, match=f"dimension 1 .*{dimension}"):
            reshape(2, dimension)
    assert tuple(blob.shape) == (2, 3)


def test_a_path_that_is_none(pycaffe, net_file, solver, tmp_path, net):
    with pytest.raises(TypeError, match="not int"):
        solver().solve(3)
    with pytest.raises(TypeError, match="not int"):
        pycaffe.Net(net_file, pycaffe.TEST, weights=3)
    with pytest.raises(TypeError, match="stage must be a str, not 3"):
        pycaffe.Net(net_file, pycaffe.TEST, stages=[3])
    net.save(str(tmp_path / "weights"))
    pycaffe.Net(net_file, pycaffe.TEST, weights=tmp_path / "weights")


@pytest.mark.parametrize("value", [None, 3])
def test_vectors_take_their_own_elements_only(pycaffe, net, value):
    before = len(net.layers)
    for use in (
        lambda: net.layers.__setitem__(0, value),
        lambda: net.layers.append(value),
        lambda: net.layers.extend([net.layers[0], value]),
        lambda: pycaffe._caffe.NetVec([value]),
        lambda: pycaffe._caffe.RawBlobVec([value]),
        lambda: net.params["ip"].append(value),
    ):
        with pytest.raises(TypeError, match=f"{value} of type .* is no element"):
            use()
    assert len(net.layers) == before
    net.forward()


def test_a_layer_is_not_set_up_with_too_few_blobs(pycaffe, error, net):
    layer, none = net.layers[1], pycaffe._caffe.RawBlobVec()
    for method in (layer.setup, layer.reshape):
        with pytest.raises(error, match="takes 1 bottom"):
            method(none, none)
    net.forward()
