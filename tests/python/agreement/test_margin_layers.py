"""The layers that put a margin on a target's cosine, each alone, against PyTorch's autograd."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from agreement import equations
from agreement.agree import assert_agrees
from agreement.equations import parameter

BOUNDS = ("CLAMP", "MONOTONE")
ARCFACE_DEGREES = 28.6479


def combined(m1, m2, m3, bound):
    text = (
        'type: "CombinedMargin" combined_margin_param '
        f"{{ m1: {m1} m2: {m2} m3: {m3} bound: {bound} }}"
    )
    m1, m2, m3 = map(parameter, (m1, m2, m3))
    return text, lambda x, precision: equations.combined_margin(x, m1, m2, m3, bound, precision)


def cosin_add_m(m):
    text = f'type: "CosinAddm" cosin_add_m_param {{ m: {m} }}'
    m = parameter(m)
    return text, lambda x, precision: equations.combined_margin(x, 1, m, 0, "MONOTONE", precision)


def label_specific_margin(margin, kind, bound):
    text = (
        'type: "LabelSpecificMargin" label_specific_margin_param '
        f"{{ margin_base: {margin} gamma: 0 margin_max: 360 type: {kind} bound: {bound} }}"
    )
    margin = parameter(margin)
    margins = (1, math.radians(margin), 0) if kind == "HARD" else (margin, 0, 0)
    return text, lambda x, precision: equations.combined_margin(x, *margins, bound, precision)


def label_specific_add(bias, unconditional):
    text = (
        'type: "LabelSpecificAdd" label_specific_add_param '
        f"{{ bias: {bias} unconditional: {str(unconditional).lower()} }}"
    )
    bias = parameter(bias)
    if unconditional:
        return text, lambda x, precision: x + bias
    return text, lambda x, precision: equations.released_am_softmax(x, bias)


LAYERS = {
    "LabelSpecificAdd": label_specific_add(-0.35, True),
    "LabelSpecificAdd released": label_specific_add(-0.35, False),
    **{
        f"CombinedMargin {margin} {bound}": combined(*margin, bound)
        for margin in [
            (1, 0, 0.35), (1, 0.5, 0), (1, 0.3, 0.2), (0.9, 0.4, 0.15), (2, 0.25, 0), (4, 0, 0),
            (4, 0.5, 0.35), (1, 2.8, 0), (1, -0.3, 0.1),
        ]
        for bound in BOUNDS
    },
    "CosinAddm 0.5": cosin_add_m(0.5),
    "CosinAddm 1.5": cosin_add_m(1.5),
    **{
        f"LabelSpecificMargin {margin} {kind} {bound}": label_specific_margin(margin, kind, bound)
        for margin, kind in [(ARCFACE_DEGREES, "HARD"), (1.35, "SOFT"), (4, "SOFT")]
        for bound in BOUNDS
    },
}  # fmt: skip

# Both ends, what rounding makes of them, the clip, and zeros of both signs.
ADVERSARIAL = [
    1, -1, 1 + 2e-7, -1 - 2e-7, 1.5, -1.5, 1 - 1e-4, -1 + 1e-4, 1 - 1e-7, -1 + 1e-7, 0.99995,
    -0.99995, 0.9997, -0.9997, 0.0, -0.0, 1e-30, -1e-30, 0.35, 0.36, -0.35, 0.7071, -0.7071,
]  # fmt: skip


def by_autograd(cosine, label, top_diff, margin, precision, dtype=torch.float64):
    x = torch.tensor(cosine, dtype=dtype, requires_grad=True)
    y = equations.on_targets(x, torch.tensor(label), lambda t: margin(t, precision))
    y.backward(torch.tensor(top_diff, dtype=dtype))
    return y.detach().numpy(), x.grad.numpy()


def by_layer(make_net, layer, cosine, label, top_diff):
    text = f'layer {{ name: "margin" {layer} bottom: "x" bottom: "label" top: "y" }}'
    net = make_net(text, {"x": cosine, "label": label})
    (y,) = net.forward("y")
    return y, net.backward("x", y=top_diff)[0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", LAYERS)
def test_a_margin_and_its_gradient_at_fuzzed_cosines(make_net, precision, name, seed):
    layer, margin = LAYERS[name]
    random = np.random.default_rng(seed)
    rows, classes = random.integers(1, 30, 2) if seed else (1, 1)
    print(f"seed {seed}: {rows} x {classes}")
    cosine = random.uniform(-0.999, 0.999, (rows, classes)).astype(precision)
    label = random.integers(-1, classes, rows)
    top_diff = random.normal(size=cosine.shape).astype(precision)
    found = by_layer(make_net, layer, cosine, label, top_diff)
    exact = by_autograd(cosine, label, top_diff, margin, precision)
    for part, whole in zip(found, exact):
        assert_agrees(part, whole, precision, floor=1, what=name)


@pytest.mark.parametrize("name", LAYERS)
def test_a_margin_and_its_gradient_at_the_ends(make_net, precision, name):
    layer, margin = LAYERS[name]
    random = np.random.default_rng(0)
    cosine = random.uniform(-1, 1, (len(ADVERSARIAL), 3)).astype(precision)
    label = np.arange(len(ADVERSARIAL)) % 3
    cosine[np.arange(len(label)), label] = ADVERSARIAL
    top_diff = random.normal(size=cosine.shape).astype(precision)
    found = by_layer(make_net, layer, cosine, label, top_diff)
    exact = by_autograd(cosine, label, top_diff, margin, precision)
    single = by_autograd(cosine, label, top_diff, margin, precision, torch.float32)
    for part, whole, rough in zip(found, exact, single):
        assert_agrees(part, whole, precision, rough, floor=1, what=name)


@pytest.mark.parametrize("m2", [0.1, 0.5, 1.5, 2.3])
@pytest.mark.parametrize("kind", ["CombinedMargin", "CosinAddm", "LabelSpecificMargin"])
def test_arcface_is_insightfaces(make_net, precision, kind, m2):
    degrees = math.degrees(m2)
    layer = {
        "CombinedMargin": combined(1, m2, 0, "MONOTONE")[0],
        "CosinAddm": cosin_add_m(m2)[0],
        "LabelSpecificMargin": label_specific_margin(degrees, "HARD", "MONOTONE")[0],
    }[kind]
    rounded = parameter(m2) if kind != "LabelSpecificMargin" else math.radians(parameter(degrees))
    cosine = np.linspace(-0.9998, 0.9998, 101).astype(precision)[:, None]
    label, top_diff = np.zeros(101, int), np.ones((101, 1))
    margin = lambda x, _: equations.insightface(x, rounded)
    found = by_layer(make_net, layer, cosine, label, top_diff)
    exact = by_autograd(cosine, label, top_diff, margin, precision)
    single = by_autograd(cosine, label, top_diff, margin, precision, torch.float32)
    for part, whole, rough in zip(found, exact, single):
        assert_agrees(part, whole, precision, rough, floor=1)


@pytest.mark.parametrize("name", LAYERS)
def test_rows_to_ignore_pass(make_net, precision, name):
    cosine = np.linspace(-1, 1, 12).reshape(4, 3).astype(precision)
    top_diff = np.arange(12.0).reshape(4, 3)
    found = by_layer(make_net, LAYERS[name][0], cosine, np.array([-1, -2, -1, -7]), top_diff)
    np.testing.assert_array_equal(found[0], cosine)
    np.testing.assert_array_equal(found[1], top_diff)
