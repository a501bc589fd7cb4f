"""benchmarks/iteration.py on a batch of one image."""

import json

import pytest

from bench.problem import Shape
from bench.training import Training


def test_an_iteration_with_the_solvers_update_is_measured(patched_caffe, benchmark_run, tmp_path):
    done = benchmark_run("iteration", "--shapes", "1x8x20", "--implementations", "chain")
    assert done.returncode == 0, done.stderr
    (record,) = json.loads((tmp_path / "out/iteration.json").read_text())
    assert record["implementation"] == "chain" and record["classes"] == 20
    # Of weights, gradients and momentum: 20 convolutions' 4 MB each on average.
    assert record["peak_bytes"] > 100e6
    assert done.stdout == (tmp_path / "out/iteration.md").read_text()


def test_pytorch_trains_the_same_net(patched_caffe):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from bench.torch_training import TorchTraining

    shape = Shape(1, 8, 20)
    caffe, torch = Training("fused", shape, "cpu"), TorchTraining("torch", shape, "cpu")
    blobs = [blob.data.shape for layer in caffe._net.params.values() for blob in layer]
    parameters = [tuple(parameter.shape) for parameter in torch._net.parameters()]
    assert parameters + [tuple(torch._weight.shape)] == blobs
    before = torch._weight.detach().clone()
    for _ in range(2):
        torch.clear()
        torch.forward()
        torch.backward()
    assert 0 < float(torch._loss.detach()) and not torch._weight.equal(before)
