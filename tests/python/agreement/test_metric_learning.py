"""The heads against pytorch-metric-learning's losses, an implementation by other people."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
losses = pytest.importorskip(
    "pytorch_metric_learning.losses", reason="pytorch-metric-learning is not installed"
)

from agreement.agree import assert_agrees
from agreement.equations import parameter
from agreement.heads import FusedLoss, head_inputs, per_length

# Of SphereFaceLoss, which hands SciPy a tensor.
pytestmark = pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning")

# Name: our head, and theirs of (classes, dim).
HEADS = {
    "CosFace": (
        dict(m3=0.35, scale=30),
        lambda *sizes: losses.CosFaceLoss(*sizes, margin=parameter(0.35), scale=30),
    ),
    "ArcFace": (
        dict(m2=0.5, m3=0, scale=30, bound="MONOTONE"),
        lambda *sizes: losses.ArcFaceLoss(*sizes, margin=math.degrees(parameter(0.5)), scale=30),
    ),
    "NormFace": (
        dict(m3=0, scale=20),
        lambda *sizes: losses.NormalizedSoftmaxLoss(*sizes, temperature=0.05),
    ),
    "SphereFace": (
        dict(m1=4, m3=0, scale=1, normalize_feature=False, bound="MONOTONE"),
        lambda *sizes: losses.SphereFaceLoss(*sizes, margin=4, scale=1),
    ),
}
SPHEREFACE = """
layer {{ name: "loss" type: "MarginInnerProduct" bottom: "f" bottom: "label" top: "logits"
  margin_inner_product_param {{ num_output: {classes} type: QUADRUPLE base: 0 }} }}
layer {{ name: "softmax" type: "SoftmaxWithLoss" bottom: "logits" bottom: "label" top: "loss" }}
"""


def by_their_loss(theirs, feature, weight, label):
    """(loss, gradient by the features, gradient by the weights) in double precision."""
    head = theirs(len(weight), feature.shape[1]).double()
    with torch.no_grad():
        head.W.copy_(torch.tensor(weight.T, dtype=torch.float64))
    feature = torch.tensor(feature, dtype=torch.float64, requires_grad=True)
    loss = head(feature, torch.tensor(label))
    loss.backward()
    return float(loss.detach()), feature.grad.numpy(), head.W.grad.numpy().T


def inputs_of(seed, precision):
    random = np.random.default_rng(seed)
    rows, classes, dim = random.integers([1, 1, 2], [17, 70, 40])
    print(f"seed {seed}: {rows} rows, {classes} classes, {dim} features")
    return head_inputs(random, rows, classes, dim, precision, ignored=False)


def assert_is_theirs(precision, found, exact, feature, weight):
    found, exact = (
        per_length([results[0], None, *results[1:]], feature, weight) for results in (found, exact)
    )
    for part, whole in zip(found, exact):
        if whole is not None:
            assert_agrees(part, whole, precision, floor=1)


@pytest.mark.parametrize("memory_mb", [64, 0])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", HEADS)
def test_the_fused_loss_is_theirs(make_net, precision, name, seed, memory_mb):
    ours, theirs = HEADS[name]
    inputs = inputs_of(seed, precision)
    loss, _, *gradients = FusedLoss(**ours, memory_mb=memory_mb).by_layer(make_net, *inputs)
    assert_is_theirs(precision, [loss, *gradients], by_their_loss(theirs, *inputs), *inputs[:2])


@pytest.mark.parametrize("seed", range(5))
def test_sphereface_is_theirs(make_net, precision, seed):
    feature, weight, label = inputs_of(seed, precision)
    net = make_net(SPHEREFACE.format(classes=len(weight)), {"f": feature, "label": label})
    net.set_weight("loss", weight)
    found = [*net.forward("loss"), *net.backward("f", ("loss", 0))]
    exact = by_their_loss(HEADS["SphereFace"][1], feature, weight, label)
    assert_is_theirs(precision, found, exact, feature, weight)
