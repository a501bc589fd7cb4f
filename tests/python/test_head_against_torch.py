"""The head of a net, from fc5 to the loss, against PyTorch's autograd.

The PyTorch side is written from the papers' equations: AM-Softmax (arXiv 1801.05599, equation 7,
with the guard of its released code where the layer has it) and ArcFace (arXiv 1801.07698,
equation 4). It shares no code with the layers.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

ROWS, FEATURES, CLASSES = 6, 16, 11
SCALE = 30.0
TOLERANCE = 1e-5  # relative to the largest element, in float32

GUARDED = 'type: "LabelSpecificAdd" label_specific_add_param { bias: -0.35 }'
PAPER = 'type: "LabelSpecificAdd" label_specific_add_param { bias: -0.35 unconditional: true }'
ARCFACE = 'type: "CombinedMargin" combined_margin_param { m1: 1 m2: 1.5 m3: 0 bound: MONOTONE }'
CLAMPED = 'type: "CombinedMargin" combined_margin_param { m1: 1 m2: 0.3 m3: 0.2 }'

STOCK_COSINES = f"""
layer {{ name: "norm1" type: "Normalize" bottom: "fc5" top: "norm1" }}
layer {{ name: "fc6_l2" type: "InnerProduct" bottom: "norm1" top: "fc6"
  inner_product_param {{ num_output: {CLASSES} normalize: true bias_term: false
    weight_filler {{ type: "xavier" }} }} }}
"""
EXACT_COSINES = f"""
layer {{ name: "fc6_l2" type: "NormalizedInnerProduct" bottom: "fc5" top: "fc6"
  normalized_inner_product_param {{ num_output: {CLASSES}
    weight_filler {{ type: "xavier" }} }} }}
"""


def head(cosines, margin, in_place=False):
    """Text of a net from the inputs fc5 and label to softmax_loss."""
    margined = "fc6" if in_place else "fc6_margin"
    return f"""
force_backward: true
layer {{ name: "input" type: "Input" top: "fc5" top: "label"
  input_param {{ shape {{ dim: {ROWS} dim: {FEATURES} }} shape {{ dim: {ROWS} }} }} }}
{cosines}
layer {{ name: "label_specific_margin" {margin}
  bottom: "fc6" bottom: "label" top: "{margined}" }}
layer {{ name: "fc6_margin_scale" type: "Scale" bottom: "{margined}" top: "fc6_margin_scale"
  param {{ lr_mult: 0 decay_mult: 0 }}
  scale_param {{ filler {{ type: "constant" value: {SCALE} }} }} }}
layer {{ name: "softmax_loss" type: "SoftmaxWithLoss" bottom: "fc6_margin_scale" bottom: "label"
  top: "softmax_loss" loss_param {{ ignore_label: -1 }} }}
"""


def am_softmax(cosine, guarded):
    if guarded:
        return torch.where(cosine > 0.35, cosine - 0.35, cosine)
    return cosine - 0.35


def arcface(cosine, m2, m3):
    """cos(theta + m2) - m3 by the angle's addition theorem, insightface's line past pi."""
    sine = torch.sqrt(1 - cosine**2)
    rotated = cosine * np.cos(m2) - sine * np.sin(m2)
    past_pi = cosine < np.cos(np.pi - m2)
    return torch.where(past_pi, cosine - m2 * np.sin(m2), rotated) - m3


MARGINS = {
    GUARDED: lambda cosine: am_softmax(cosine, guarded=True),
    PAPER: lambda cosine: am_softmax(cosine, guarded=False),
    ARCFACE: lambda cosine: arcface(cosine, 1.5, 0),
    CLAMPED: lambda cosine: arcface(cosine, 0.3, 0.2),
}


def torch_head(fc5, label, weight, margin, project):
    """(loss, gradient by fc5, gradient by the weight) in double precision.

    project: the weight is normalised beforehand and its gradient taken at the normalised one, as
    InnerProduct with normalize does; otherwise the gradient goes through the normalisation.
    """
    fc5 = torch.tensor(fc5, dtype=torch.float64, requires_grad=True)
    weight = torch.tensor(weight, dtype=torch.float64)
    if project:
        weight = weight / weight.norm(dim=1, keepdim=True)
    weight.requires_grad_()
    unit_weight = weight if project else weight / weight.norm(dim=1, keepdim=True)
    logits = (fc5 / fc5.norm(dim=1, keepdim=True)) @ unit_weight.T
    kept = torch.tensor(label >= 0)
    target = torch.nn.functional.one_hot(torch.tensor(label.clip(0)), CLASSES).bool()
    logits = torch.where(target & kept[:, None], MARGINS[margin](logits), logits)
    log_probability = torch.log_softmax(SCALE * logits, dim=1)[target]
    loss = -log_probability[kept].mean()
    loss.backward()
    return loss.item(), fc5.grad.numpy(), weight.grad.numpy()


@pytest.fixture
def inputs():
    """Features on both sides of what the margins tell apart: a cosine of 0.35, an angle of pi."""
    random = np.random.default_rng(0)
    weight = random.normal(size=(CLASSES, FEATURES)).astype(np.float32)
    label = np.array([0, 3, 10, -1, 5, 5])
    cosine = np.array([0.9, 0.6, 0.1, 0.5, -0.4, 0.3])
    along = weight[label] / np.linalg.norm(weight[label], axis=1, keepdims=True)
    across = random.normal(size=(ROWS, FEATURES))
    across -= (across * along).sum(1, keepdims=True) * along
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    unit = cosine[:, None] * along + np.sqrt(1 - cosine[:, None] ** 2) * across
    length = random.uniform(0.5, 5, size=(ROWS, 1))
    return (length * unit).astype(np.float32), label, weight


def run_head(caffe, tmp_path, text, inputs):
    """(loss, gradient by fc5, gradient by the weight) of a net."""
    fc5, label, weight = inputs
    path = tmp_path / "head.prototxt"
    path.write_text(text)
    net = caffe.Net(str(path), caffe.TRAIN)
    net.blobs["fc5"].data[...] = fc5
    net.blobs["label"].data[...] = label
    net.params["fc6_l2"][0].data[...] = weight
    net.clear_param_diffs()
    loss = net.forward()["softmax_loss"]
    net.backward()
    return float(loss), net.blobs["fc5"].diff.copy(), net.params["fc6_l2"][0].diff.copy()


def assert_close(found, expected):
    largest = np.abs(expected).max()
    assert largest > 0.01  # a gradient worth comparing
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * largest)


@pytest.mark.parametrize("margin", MARGINS, ids=["released", "paper", "arcface", "clamped"])
@pytest.mark.parametrize("project", [True, False], ids=["stock chain", "exact"])
def test_loss_and_gradients_agree_with_autograd(patched_caffe, tmp_path, inputs, margin, project):
    text = head(STOCK_COSINES if project else EXACT_COSINES, margin)
    found = run_head(patched_caffe, tmp_path, text, inputs)
    expected = torch_head(*inputs, margin, project)
    assert found[0] == pytest.approx(expected[0], rel=TOLERANCE)
    assert_close(found[1], expected[1])
    assert_close(found[2], expected[2])


@pytest.mark.parametrize("margin", MARGINS, ids=["released", "paper", "arcface", "clamped"])
@pytest.mark.parametrize("cosines", [STOCK_COSINES, EXACT_COSINES], ids=["stock chain", "exact"])
def test_a_margin_in_place_changes_nothing(patched_caffe, tmp_path, inputs, margin, cosines):
    apart = run_head(patched_caffe, tmp_path, head(cosines, margin), inputs)
    in_place = run_head(patched_caffe, tmp_path, head(cosines, margin, in_place=True), inputs)
    for one, other in zip(apart, in_place):
        np.testing.assert_array_equal(one, other)
