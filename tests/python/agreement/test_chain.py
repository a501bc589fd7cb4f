"""The head as a chain of layers, as released nets have it, against PyTorch's autograd."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from agreement import equations
from agreement.agree import assert_agrees
from agreement.equations import parameter
from agreement.heads import head_inputs

SCALE = 10

CHAIN = """
layer {{ name: "norm1" type: "Normalize" bottom: "f" top: "norm1" }}
layer {{ name: "fc6" type: "InnerProduct" bottom: "norm1" top: "fc6"
  inner_product_param {{ num_output: {classes} normalize: true bias_term: false }} }}
layer {{ name: "margin" {margin} bottom: "fc6" bottom: "label" top: "{margined}" }}
layer {{ name: "scale" type: "Scale" bottom: "{margined}" top: "scaled"
  scale_param {{ filler {{ value: {scale} }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "scaled" bottom: "label" top: "loss"
  loss_param {{ ignore_label: -1 }} }}
"""


def combined(m1, m2, m3, bound):
    margin = (*map(parameter, (m1, m2, m3)), bound)
    return lambda x, precision: equations.combined_margin(x, *margin, precision)


MARGINS = {
    'type: "LabelSpecificAdd" label_specific_add_param { bias: -0.35 }':
        lambda x, _: equations.released_am_softmax(x, parameter(-0.35)),
    'type: "LabelSpecificAdd" label_specific_add_param { bias: -0.35 unconditional: true }':
        lambda x, _: x + parameter(-0.35),
    'type: "CombinedMargin" combined_margin_param { m1: 1 m2: 1.5 m3: 0 bound: MONOTONE }':
        combined(1, 1.5, 0, "MONOTONE"),
    'type: "CombinedMargin" combined_margin_param { m1: 1 m2: 0.3 m3: 0.2 }':
        combined(1, 0.3, 0.2, "CLAMP"),
}  # fmt: skip
NAMES = ["released", "paper", "arcface", "clamped"]


@pytest.fixture
def inputs(precision):
    return head_inputs(np.random.default_rng(1), 12, 11, 16, precision)


def by_layers(make_net, margin, feature, weight, label, in_place=False):
    """(loss, gradient by the features, gradient by the weight)."""
    text = CHAIN.format(
        classes=len(weight), margin=margin, margined="fc6" if in_place else "margined", scale=SCALE
    )
    net = make_net(text, {"f": feature, "label": label})
    net.set_weight("fc6", weight)
    return [*net.forward("loss"), *net.backward("f", ("fc6", 0))]


def by_autograd(margin, feature, weight, label, precision):
    """With the gradient at InnerProduct's normalised weight: not through its normalisation."""
    feature = torch.tensor(feature, dtype=torch.float64, requires_grad=True)
    weight = equations.unit(torch.tensor(weight, dtype=torch.float64)).requires_grad_()
    label = torch.tensor(label)
    # 1e-12: Normalize's own.
    cosine = feature / torch.sqrt((feature**2).sum(1, keepdim=True) + 1e-12) @ weight.T
    logits = SCALE * equations.on_targets(cosine, label, lambda x: margin(x, precision))
    loss = equations.softmax_loss(logits, label)
    loss.backward()
    return [loss.detach().numpy(), feature.grad.numpy(), weight.grad.numpy()]


@pytest.mark.parametrize("margin", MARGINS, ids=NAMES)
def test_loss_and_gradients(make_net, precision, inputs, margin):
    exact = by_autograd(MARGINS[margin], *inputs, precision)
    for found, expected in zip(by_layers(make_net, margin, *inputs), exact):
        assert np.abs(expected).max() > 0.01  # a gradient worth comparing
        assert_agrees(found, expected, precision)


@pytest.mark.parametrize("margin", MARGINS, ids=NAMES)
def test_a_margin_in_place_changes_nothing(make_net, inputs, margin):
    apart = by_layers(make_net, margin, *inputs)
    for found, expected in zip(by_layers(make_net, margin, *inputs, in_place=True), apart):
        np.testing.assert_array_equal(found, expected)
