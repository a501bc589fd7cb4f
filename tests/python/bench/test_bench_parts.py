"""What the benchmarks are made of: the problem, the products, the memory, ratios."""

import ctypes
import io
import json
import mmap
import sys
import types

import numpy as np
import pytest

from bench import gpu, machine, products, worker
from bench.caffe_heads import CaffeHead
from bench.meter import Meter
from bench.problem import FEATURE_LENGTH, TARGET_COSINE, Shape, fill
from bench.table import Row

SHAPE = Shape(5, 7, 11)


def test_a_features_cosine_with_its_class_is_above_the_margin():
    weight = np.zeros((SHAPE.classes, SHAPE.dim), np.float32)
    feature, label = fill(weight, SHAPE)
    length = np.linalg.norm(feature, axis=1)
    cosine = (feature * weight[label]).sum(1) / length / np.linalg.norm(weight[label], axis=1)
    np.testing.assert_allclose(length, FEATURE_LENGTH, rtol=1e-5)
    np.testing.assert_allclose(cosine, TARGET_COSINE, rtol=1e-5)
    again = np.zeros_like(weight)
    assert all(map(np.array_equal, (weight, feature, label), (again, *fill(again, SHAPE))[:1]))


class HostDriver:
    """CUDA's driver with the host's memory as the GPU's."""

    def __init__(self):
        self.memory = []

    def cuMemAlloc_v2(self, address, size):
        self.memory.append(ctypes.create_string_buffer(size.value))
        address._obj.value = ctypes.addressof(self.memory[-1])

    def cuMemcpyHtoD_v2(self, target, source, size):
        ctypes.memmove(target.value, source, size.value)

    def cuMemFree_v2(self, address):
        pass

    def cuCtxSynchronize(self):
        pass


class HostCuBlas:
    """cuBLAS's two functions of the header, in NumPy."""

    @staticmethod
    def cublasCreate_v2(handle):
        handle._obj.value = 1

    @staticmethod
    def cublasSgemm_v2(handle, op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
        assert (alpha._obj.value, beta._obj.value) == (1, 0)
        left = column_major(a, lda, m, k, op_a)
        right = column_major(b, ldb, k, n, op_b)
        column_major(c, ldc, m, n, 0)[...] = left @ right


def column_major(address, leading, rows, columns, transposed):
    if transposed:
        return column_major(address, leading, columns, rows, 0).T
    floats = (ctypes.c_float * (leading * columns)).from_address(address.value)
    return np.frombuffer(floats, np.float32).reshape(columns, leading).T[:rows]


@pytest.fixture(params=["cpu", "gpu"])
def head_of_products(request, monkeypatch, patched_caffe):
    if request.param == "gpu":
        driver = HostDriver()
        monkeypatch.setattr(gpu, "_driver", lambda: driver)
        monkeypatch.setattr(products, "import_caffe", lambda device: None)
        monkeypatch.setattr(products, "linked_library", lambda caffe: HostCuBlas)
    return products.Products("products", SHAPE, request.param)


def test_the_products_are_those_of_the_head(head_of_products):
    head = head_of_products

    def matrix(array, *shape):
        if isinstance(array, np.ndarray):
            return array
        return column_major(array.address, shape[1], shape[1], shape[0], 0).T

    d, c = SHAPE.dim, SHAPE.classes
    weight = np.zeros((c, d), np.float32)
    feature, _ = fill(weight, SHAPE)
    head.clear()
    head.forward()
    head.backward()
    logits = feature @ weight.T
    for name, expected in [
        ("logits", logits),
        ("feature_gradient", logits @ weight),
        ("weight_gradient", logits.T @ feature),
    ]:
        found = matrix(getattr(head, name), *expected.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4, err_msg=name)
    assert head.outcome() == {}


def test_the_products_are_by_the_library_that_caffe_is_linked_with(patched_caffe):
    fact = products.Products("products", SHAPE, "cpu").facts()["BLAS"]
    library = fact.split(",")[0]
    with open("/proc/self/maps") as maps:
        assert any(line.rstrip().endswith("/" + library) for line in maps)


def touched(mib):
    """Memory of its own, resident, which goes back to the system when closed."""
    memory = mmap.mmap(-1, mib << 20)
    memory.write(b"1" * (mib << 20))
    return memory


def test_the_peak_is_of_what_came_after_and_stays_when_it_is_freed():
    touched(90).close()
    meter = Meter("cpu")
    touched(40).close()
    assert 39 << 20 < meter.peak() < 89 << 20


def test_the_peak_on_the_gpu_is_without_what_others_take_between_turns(monkeypatch):
    used = {"mine": 0, "others": 500}

    class Head:
        def __init__(self, name, shape, device):
            self._bytes = 0 if shape == worker.TINY else 70

        def clear(self):
            pass

        forward = clear

        def backward(self):
            used["mine"] = self._bytes

        outcome = facts = lambda self: {}

    def turns():
        for _ in range(2):
            used["others"] += 9000
            yield "turn\n"

    answers = io.StringIO()
    monkeypatch.setitem(sys.modules, "bench.stand_in", types.SimpleNamespace(Head=Head))
    monkeypatch.setattr(gpu, "memory_used", lambda: sum(used.values()))
    monkeypatch.setattr(worker, "TURN_SECONDS", 0)
    monkeypatch.setattr(sys, "stdin", turns())
    worker._serve("stand_in.Head", "name", SHAPE, "gpu", answers)
    _, *told = map(json.loads, answers.getvalue().splitlines())
    assert [turn["peak_bytes"] for turn in told] == [70, 70]


@pytest.mark.parametrize("tf32, said", [(False, "0"), (True, "1")])
def test_no_variable_makes_one_implementation_multiply_with_less_precision(
    tf32, said, monkeypatch, tmp_path
):
    for name in ("NVIDIA_TF32_OVERRIDE", "CAFFE_ALLOW_TF32", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE"):
        monkeypatch.setenv(name, "1")
    variables = machine.environment(1, tmp_path, tf32)
    assert {n: v for n, v in variables.items() if "TF32" in n} == {"CAFFE_ALLOW_TF32": said}


@pytest.mark.parametrize("tf32", [False, True])
def test_pytorch_and_cublas_go_by_caffes_variable(tf32, monkeypatch):
    modes = []
    cublas = types.SimpleNamespace(
        cublasCreate_v2=HostCuBlas.cublasCreate_v2, cublasSgemm_v2=None,
        cublasSetMathMode=lambda handle, mode: modes.append(mode),
    )  # fmt: skip
    monkeypatch.setenv("CAFFE_ALLOW_TF32", str(int(tf32)))
    products._CuBlas(cublas)
    assert modes == ([3] if tf32 else [])  # CUBLAS_TF32_TENSOR_OP_MATH
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from bench.torch_heads import import_torch

    backends = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [backend.allow_tf32 for backend in backends]
    try:
        for backend in backends:
            backend.allow_tf32 = not tf32
        import_torch("cpu")
        assert [backend.allow_tf32 for backend in backends] == [tf32, tf32]
    finally:
        for backend, value in zip(backends, before):
            backend.allow_tf32 = value


def test_all_implementations_have_one_loss_and_gradient(patched_caffe):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from bench.torch_heads import TorchHead

    heads = [TorchHead("torch", SHAPE, "cpu"), CaffeHead("chain", SHAPE, "cpu")]
    if "MarginSoftmaxLoss" in patched_caffe.layer_type_list():
        heads.append(CaffeHead("fused", SHAPE, "cpu"))
    outcomes = []
    for head in heads:
        for _ in range(2):  # the second pass must not see the first's gradient
            head.clear()
            head.forward()
            head.backward()
        outcomes.append(head.outcome())
    assert outcomes[0]["gradient"] > 0.1
    for outcome in outcomes[1:]:
        assert outcome == pytest.approx(outcomes[0], rel=1e-4)


def test_a_margin_is_added_to_losses_without_one():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from bench.problem import MARGIN, SCALE
    from bench.torch_heads import with_margin

    random = torch.Generator().manual_seed(0)
    logits = SCALE * (2 * torch.rand(9, 6, generator=random, dtype=torch.float64) - 1)
    label = torch.tensor([0, 5, 2, 2, 1, 3, 4, 0, 5])
    logits[0, 0] += 40  # its probability is 1 to seven digits
    logits.requires_grad_()

    def loss(logits):
        return torch.nn.functional.cross_entropy(logits, label, reduction="none")

    margined = logits - SCALE * MARGIN * torch.nn.functional.one_hot(label, 6)
    found, expected = with_margin(loss(logits)), loss(margined)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)
    gradients = [torch.autograd.grad(value.sum(), logits)[0] for value in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-9)


def row(name, totals, **values):
    turns = [{"forward_ms": 1.0, "backward_ms": t - 1, "total_ms": t, "peak_bytes": int(t)}
             for t in totals]  # fmt: skip
    return Row("cpu", SHAPE, name, turns=turns, **values)


def test_a_ratio_is_the_median_over_rounds_of_each_rounds_own():
    fused = row("fused", [10.0])
    rounds = [(10.0, 20.0), (100.0, 400.0), (30.0, 40.0)]
    peer = row("torch", [20.0, 400.0, 40.0], reference=fused, rounds=rounds)
    assert peer.ratio() == ("fused/torch", 0.5, 0.25, 0.75)
    assert peer.record()["total_ms"] == 40
    assert peer.record()["peak_bytes"] == 400
    sampled = row("sampled", [2.0], reference=fused, rounds=[(10.0, 2.0)])
    assert sampled.ratio() == ("sampled/fused", 0.2, 0.2, 0.2)
    assert fused.ratio() is None


@pytest.mark.parametrize("found", [{"loss": 2.1}, {"loss": float("nan")}])
def test_another_loss_than_the_references_is_told(found):
    fused = row("fused", [10.0], outcome={"loss": 2.0, "gradient": 1.0})
    assert "its loss is" in row("torch", [10.0], reference=fused, outcome=found).disagreement()
    assert row("torch", [1.0], reference=fused, outcome={"loss": 2.001}).disagreement() == ""
