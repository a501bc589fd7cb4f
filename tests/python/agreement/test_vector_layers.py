"""The layers that normalise, multiply or scale vectors, each alone, against PyTorch's autograd."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from agreement import equations
from agreement.agree import assert_agrees
from agreement.heads import head_inputs


def flag(value):
    return str(value).lower()


def compare(make_net, precision, text, inputs, equation, weights=None, skip=()):
    """All outputs and gradients of layers, from random gradients of their outputs.

    Args:
        text: layers; outputs are named y, or y0, y1, ...
        inputs: {name: array}; those of whole numbers are labels.
        equation: of the inputs and the weights as tensors; a tuple of the outputs.
        weights: {layer: array} of each one's first blob.
        skip: inputs without a gradient.
    """
    weights = weights or {}
    tensors = {
        name: torch.tensor(values, dtype=torch.float64, requires_grad=True)
        for name, values in {**inputs, **weights}.items()
        if values.dtype.kind == "f"
    }
    labels = {k: torch.tensor(v) for k, v in inputs.items() if v.dtype.kind != "f"}
    exact = equation(*({**tensors, **labels}[name] for name in (*inputs, *weights)))
    random = np.random.default_rng(1)
    diffs = [random.normal(size=tuple(part.shape)).astype(precision) for part in exact]
    torch.autograd.backward(exact, [torch.tensor(diff, dtype=torch.float64) for diff in diffs])

    net = make_net(text, inputs)
    for layer, values in weights.items():
        net.set_weight(layer, values)
    tops = ["y"] if len(exact) == 1 else [f"y{k}" for k in range(len(exact))]
    for top, found, whole in zip(tops, net.forward(*tops), exact):
        assert_agrees(found, whole.detach(), precision, floor=1, what=top)
    wanted = [name for name in tensors if name not in skip]
    blobs = [(name, 0) if name in weights else name for name in wanted]
    for name, found in zip(wanted, net.backward(*blobs, **dict(zip(tops, diffs)))):
        # As if each vector had length one: the shorter it is, the larger its gradient.
        gradient = tensors[name].grad
        whole = torch.zeros_like(tensors[name]) if gradient is None else gradient
        length = tensors[name].detach().abs().amax(dim=1, keepdim=True)
        assert_agrees(found * length.numpy(), whole * length, precision, floor=1, what=name)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["L2", "L1"])
def test_normalize_with_the_norms_gradient(make_net, precision, kind, seed):
    random = np.random.default_rng(seed)
    shape = (1, 1, 1, 1) if seed == 0 else tuple(random.integers(1, [6, 40, 4, 4]))
    print(f"seed {seed}: {shape}")
    x = (random.normal(size=shape) * np.exp(random.uniform(-2, 2, (shape[0], 1, 1, 1)))).astype(
        precision
    )
    text = (
        'layer { name: "n" type: "Normalize" bottom: "x" top: "y0" top: "y1" '
        f'normalize_param {{ normalize_type: "{kind}" bp_norm: true }} }}'
    )

    def equation(x):
        if kind == "L2":
            norm = torch.sqrt((x**2).sum(1, keepdim=True) + 1e-12)
        else:
            norm = x.abs().sum(1, keepdim=True) + 1e-6
        return x / norm, norm

    compare(make_net, precision, text, {"x": x}, equation)


def test_normalize_without_the_norms_gradient(make_net, precision):
    x = np.random.default_rng(0).normal(size=(4, 5, 2, 3)).astype(precision)
    text = 'layer { name: "n" type: "Normalize" bottom: "x" top: "y" }'
    compare(
        make_net, precision, text, {"x": x},
        lambda x: (x / torch.sqrt((x**2).sum(1, keepdim=True) + 1e-12),),
    )  # fmt: skip


def test_a_fixed_gradient_is_not_divided_by_the_norm(make_net, precision):
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(precision)
    text = (
        'layer { name: "n" type: "Normalize" bottom: "x" top: "y" '
        "normalize_param { fix_gradient: true } }"
    )

    def equation(x):
        norm = x.detach().norm(dim=1, keepdim=True)
        return (x.detach() / norm + norm * (x / x.norm(dim=1, keepdim=True) - x.detach() / norm),)

    compare(make_net, precision, text, {"x": x}, equation)


def inner_products(normalize_input):
    if normalize_input:
        return lambda f, w: (equations.unit(f) @ equations.unit(w).T,)
    return lambda f, w: (f @ equations.unit(w).T,)


def normalized_inner_product(classes, normalize_input):
    return (
        'layer { name: "fc" type: "NormalizedInnerProduct" bottom: "f" top: "y" '
        f"normalized_inner_product_param {{ num_output: {classes} "
        f"normalize_input: {flag(normalize_input)} }} }}"
    )


@pytest.mark.parametrize("normalize_input", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_normalized_inner_product(make_net, precision, seed, normalize_input):
    random = np.random.default_rng(seed)
    rows, classes, dim = (1, 1, 1) if seed == 0 else random.integers(1, [17, 70, 40])
    print(f"seed {seed}: {rows} rows, {classes} classes, {dim} features")
    feature, weight, _ = head_inputs(random, rows, classes, dim, precision)
    compare(
        make_net, precision, normalized_inner_product(classes, normalize_input), {"f": feature},
        inner_products(normalize_input), {"fc": weight},
    )  # fmt: skip


@pytest.mark.parametrize("length", [1e-15, 1e15, 0])
def test_normalized_inner_product_of_tiny_huge_and_zero_vectors(make_net, precision, length):
    feature, weight, _ = head_inputs(np.random.default_rng(2), 6, 9, 8, precision)
    for vectors in (feature, weight):
        vectors[::2] *= precision(length)
    compare(
        make_net, precision, normalized_inner_product(9, True), {"f": feature},
        inner_products(True), {"fc": weight},
    )  # fmt: skip


MARGIN_TYPES = {1: "SINGLE", 2: "DOUBLE", 3: "TRIPLE", 4: "QUADRUPLE"}


@pytest.mark.parametrize("strength", [0, 5])
@pytest.mark.parametrize("m", MARGIN_TYPES)
@pytest.mark.parametrize("seed", range(5))
def test_margin_inner_product(make_net, precision, seed, m, strength):
    random = np.random.default_rng(seed)
    rows, classes, dim = (1, 1, 1) if seed == 0 else random.integers(1, [17, 70, 40])
    print(f"seed {seed}: {rows} rows, {classes} classes, {dim} features")
    feature, weight, label = head_inputs(random, rows, classes, dim, precision)
    text = (
        'layer { name: "fc" type: "MarginInnerProduct" bottom: "f" bottom: "label" top: "y" '
        f"margin_inner_product_param {{ num_output: {classes} type: {MARGIN_TYPES[m]} "
        f"base: {strength} }} }}"
    )

    def equation(f, label, w):
        cosine = equations.unit(f) @ equations.unit(w).T
        margined = equations.on_targets(
            cosine, label, lambda x: equations.a_softmax(x, m, strength)
        )
        return (f.norm(dim=1, keepdim=True) * margined,)

    compare(make_net, precision, text, {"f": feature, "label": label}, equation, {"fc": weight})


@pytest.mark.parametrize("seed", range(4))
def test_channel_scale(make_net, precision, seed):
    random = np.random.default_rng(seed)
    shape = (1, 1, 1, 1) if seed == 0 else tuple(random.integers(1, [6, 40, 4, 4]))
    print(f"seed {seed}: {shape}")
    x = random.normal(size=shape).astype(precision)
    s = random.normal(size=(shape[0], 1, *shape[2:])).astype(precision)
    text = 'layer { name: "s" type: "ChannelScale" bottom: "x" bottom: "s" top: "y" }'
    compare(make_net, precision, text, {"x": x, "s": s}, lambda x, s: (x * s,))


@pytest.mark.parametrize(
    "option, equation",
    [
        ("do_forward", lambda x, s: (x.detach() + s.detach() * (x - x.detach())
                                     + x.detach() * (s - s.detach()),)),
        ("do_backward_feature", lambda x, s: (x.detach() * s + (x - x.detach()),)),
        ("do_backward_scale", lambda x, s: (x * s.detach(),)),
    ],
)  # fmt: skip
def test_channel_scale_without_one_direction(make_net, precision, option, equation):
    random = np.random.default_rng(0)
    x, s = (random.normal(size=(3, size)).astype(precision) for size in (5, 1))
    text = (
        'layer { name: "s" type: "ChannelScale" bottom: "x" bottom: "s" top: "y" '
        f"channel_scale_param {{ {option}: false }} }}"
    )
    compare(make_net, precision, text, {"x": x, "s": s}, equation)
