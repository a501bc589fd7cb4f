"""The fused loss against PyTorch's autograd, against the chain of layers, and by invariants."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from agreement.agree import assert_agrees
from agreement.heads import FusedLoss, head_inputs, per_length

BOUNDS = ("CLAMP", "MONOTONE")
MARGINS = [(1, 0, 0), (1, 0, 0.35), (1, 0.5, 0), (1, 0.3, 0.2), (0.9, 0.4, 0.15), (4, 0, 0)]
PARTS = ("loss", "statistics", "gradient by features", "gradient by weights")
CHAIN = """
layer {{ name: "loss" type: "NormalizedInnerProduct" bottom: "f" top: "cosine"
  normalized_inner_product_param {{ num_output: {classes} }} }}
layer {{ name: "margin" type: "CombinedMargin" bottom: "cosine" bottom: "label" top: "margined"
  combined_margin_param {{ m1: {m1} m2: {m2} m3: {m3} bound: {bound} }} }}
layer {{ name: "scale" type: "Scale" bottom: "margined" top: "logits"
  param {{ lr_mult: 0 }} scale_param {{ filler {{ type: "constant" value: {scale} }} }} }}
layer {{ name: "softmax" type: "SoftmaxWithLoss" bottom: "logits" bottom: "label" top: "loss"
  loss_param {{ ignore_label: -1 }} }}
"""
A_SOFTMAX = """
layer {{ name: "loss" type: "MarginInnerProduct" bottom: "f" bottom: "label" top: "logits"
  margin_inner_product_param {{ num_output: {classes} type: QUADRUPLE base: 5 }} }}
layer {{ name: "softmax" type: "SoftmaxWithLoss" bottom: "logits" bottom: "label" top: "loss"
  loss_param {{ ignore_label: -1 }} }}
"""


def assert_fused_agrees(make_net, precision, fused, inputs, ill_conditioned=False):
    """The layer's loss, statistics and gradients are autograd's."""
    feature, weight, label = inputs
    found = fused.by_layer(make_net, *inputs)
    exact = fused.by_autograd(*inputs, precision)
    single = fused.by_autograd(*inputs, precision, torch.float32) if ill_conditioned else 4 * [None]
    if ill_conditioned:
        single = per_length(single, feature, weight)
    found, exact = (per_length(results, feature, weight) for results in (found, exact))
    if not (label >= 0).any() or len(weight) == 1:
        # A mean over no row, or over no other class, is nothing to compare.
        found[1], exact[1] = np.zeros(3), np.zeros(3)
    # At the ends terms as large as the scale cancel in a gradient.
    floor = max(fused.scale, 1) if ill_conditioned else 1
    for name, part, whole, rough in zip(PARTS, found, exact, single):
        assert_agrees(part, whole, precision, rough, floor, what=name)


def fuzzed(seed, precision, **options):
    random = np.random.default_rng(seed)
    rows, classes, dim = (1, 1, 1) if seed == 0 else random.integers(1, [17, 70, 40])
    print(f"seed {seed}: {rows} rows, {classes} classes, {dim} features")
    return head_inputs(random, rows, classes, dim, precision, **options)


@pytest.mark.parametrize("memory_mb", [64, 0])
@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("margin", MARGINS, ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_fuzzed_shapes(make_net, precision, seed, margin, bound, memory_mb):
    m1, m2, m3 = margin
    fused = FusedLoss(m1, m2, m3, bound, memory_mb=memory_mb)
    inputs = fuzzed(seed, precision)
    # In one dimension every cosine is 1 or -1.
    assert_fused_agrees(make_net, precision, fused, inputs, inputs[0].shape[1] == 1)


@pytest.mark.parametrize("memory_mb", [64, 0])
@pytest.mark.parametrize(
    "options",
    [
        dict(scale=1), dict(scale=64), dict(scale=0.5, m3=-0.2), dict(normalize_feature=False),
        dict(normalize_feature=False, scale=1, m1=4, m3=0, bound="MONOTONE"),
        dict(normalize_feature=False, scale=2, m2=0.5, bound="MONOTONE"),
        *(dict(normalization=name) for name in ("FULL", "BATCH_SIZE", "NONE")),
        dict(loss_weight=2.5), dict(train=False), dict(train=False, normalize_feature=False),
        dict(train=False, transform_test=True), dict(ignore_label=5),
        dict(unconditional=False), dict(unconditional=False, normalize_feature=False, scale=1),
        dict(train=False, unconditional=False, base=3), dict(base=2.5, m2=0.5, bound="MONOTONE"),
        dict(base=5, normalize_feature=False, scale=1, m1=4, m3=0, bound="MONOTONE"),
        dict(m1=1.25, m2=0.25, m3=0.125, scale=20, annealing="iteration: 3 anneal_iter: 6 "
             "m1: 1.5 m2: 0.5 m3: 0.25 start_scale: 8 scale: 32"),
        dict(m1=1.5, m2=0, m3=0.25, scale=8, annealing="anneal_iter: 6 start_m1: 1.5 m1: 1 "
             "m2: 0.5 start_m3: 0.25 m3: 0.5 start_scale: 8 scale: 32"),
    ],
    ids=lambda options: " ".join(f"{name}={value}" for name, value in options.items()),
)  # fmt: skip
def test_each_parameter(make_net, precision, options, memory_mb):
    fused = FusedLoss(memory_mb=memory_mb, **options)
    inputs = head_inputs(np.random.default_rng(7), 9, 37, 12, precision)
    inputs[2][4:6] = [-1, 5]
    ill_conditioned = fused.scale > 30 or not fused.normalize_feature
    assert_fused_agrees(make_net, precision, fused, inputs, ill_conditioned)


@pytest.mark.parametrize("memory_mb", [2, 1, 0])
def test_classes_in_several_blocks(make_net, precision, memory_mb):
    """More cosines than a MiB holds, so that the classes are taken in blocks."""
    fused = FusedLoss(m2=0.3, m3=0.2, memory_mb=memory_mb)
    inputs = head_inputs(np.random.default_rng(3), 37, 10007, 5, precision)
    assert_fused_agrees(make_net, precision, fused, inputs, ill_conditioned=True)


@pytest.mark.parametrize("memory_mb", [64, 0])
@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("cosine", [1, -1, 1 - 1e-4, -1 + 1e-4, 1 - 1e-6, -1 + 1e-6, 0])
def test_targets_at_the_ends(make_net, precision, cosine, bound, memory_mb):
    random = np.random.default_rng(11)
    feature, weight, label = head_inputs(random, 6, 9, 8, precision, ignored=False)
    along = weight[label].astype(np.float64)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = random.normal(size=along.shape)
    across -= (across * along).sum(1, keepdims=True) * along
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    feature = (cosine * along + np.sqrt(1 - cosine**2) * across).astype(precision)
    fused = FusedLoss(1, 0.3, 0.2, bound, memory_mb=memory_mb)
    assert_fused_agrees(make_net, precision, fused, (feature, weight, label), ill_conditioned=True)


@pytest.mark.parametrize("memory_mb", [64, 0])
@pytest.mark.parametrize("length", [1e-15, 1e15])
def test_tiny_and_huge_vectors(make_net, precision, length, memory_mb):
    feature, weight, label = head_inputs(np.random.default_rng(5), 6, 9, 8, precision)
    length = precision(length)
    for inputs in ((feature * length, weight, label), (feature, weight * length, label)):
        fused = FusedLoss(m2=0.3, memory_mb=memory_mb)
        assert_fused_agrees(make_net, precision, fused, inputs)


@pytest.mark.parametrize("memory_mb", [64, 0])
@pytest.mark.parametrize("normalize_feature", [True, False])
def test_zero_vectors(make_net, precision, normalize_feature, memory_mb):
    feature, weight, label = head_inputs(np.random.default_rng(6), 6, 9, 8, precision)
    label[:3] = [0, 1, 2]
    weight[[0, 4]] = 0
    fused = FusedLoss(m2=0.3, memory_mb=memory_mb, normalize_feature=normalize_feature)
    assert_fused_agrees(make_net, precision, fused, (feature, weight, label), True)
    feature[1] = 0
    found = fused.by_layer(make_net, feature, weight, label)
    exact = fused.by_autograd(feature, weight, label, precision)
    if normalize_feature:
        # Of a zero feature nothing but zero can be its gradient.
        assert (found[2][1] == 0).all()
        for part, whole in zip(found, exact):
            assert_agrees(part, whole, precision, floor=1)
    assert all(np.isfinite(part).all() for part in found)


@pytest.mark.parametrize("normalization", ["VALID", "FULL", "BATCH_SIZE", "NONE"])
@pytest.mark.parametrize("memory_mb", [64, 0])
def test_a_batch_to_ignore_has_no_loss_and_no_gradient(
    make_net, precision, memory_mb, normalization
):
    feature, weight, _ = head_inputs(np.random.default_rng(8), 4, 5, 3, precision)
    fused = FusedLoss(memory_mb=memory_mb, normalization=normalization)
    loss, _, *gradients = fused.by_layer(make_net, feature, weight, np.array([-1, -1, -3, -1]))
    assert loss == 0 and not any(gradient.any() for gradient in gradients)


@pytest.mark.parametrize("memory_mb", [64, 0])
def test_one_class_costs_nothing(make_net, precision, memory_mb):
    feature, weight, _ = head_inputs(np.random.default_rng(9), 4, 1, 3, precision)
    fused = FusedLoss(m2=0.3, memory_mb=memory_mb)
    loss, _, *gradients = fused.by_layer(make_net, feature, weight, np.zeros(4, int))
    assert abs(loss) <= 1e-6
    assert all(np.abs(gradient).max() <= 1e-6 for gradient in gradients)


@pytest.mark.parametrize("memory_mb", [64, 0])
@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("margin", MARGINS, ids=str)
@pytest.mark.parametrize("seed", range(1, 3))
def test_fused_is_the_chain(make_net, precision, seed, margin, bound, memory_mb):
    feature, weight, label = fuzzed(seed, precision)
    m1, m2, m3 = margin
    # A scale at which psi = -7 gives no probability below the 1e-38 that SoftmaxWithLoss stops at.
    scale = 10
    text = CHAIN.format(classes=len(weight), m1=m1, m2=m2, m3=m3, bound=bound, scale=scale)
    chain = make_net(text, {"f": feature, "label": label})
    chain.set_weight("loss", weight)
    chained = [*chain.forward("loss"), *chain.backward("f", ("loss", 0))]
    fused = FusedLoss(m1, m2, m3, bound, scale, memory_mb=memory_mb)
    loss, _, *gradients = fused.by_layer(make_net, feature, weight, label)
    for found, expected in zip([loss, *gradients], chained):
        assert_agrees(found, expected, precision, floor=1)


@pytest.mark.parametrize("seed", range(1, 3))
def test_fused_is_a_softmaxs_chain(make_net, precision, seed):
    feature, weight, label = fuzzed(seed, precision)
    text = A_SOFTMAX.format(classes=len(weight))
    chain = make_net(text, {"f": feature, "label": label})
    chain.set_weight("loss", weight)
    chained = [*chain.forward("loss"), *chain.backward("f", ("loss", 0))]
    fused = FusedLoss(4, 0, 0, "MONOTONE", 1, normalize_feature=False, base=5)
    loss, _, *gradients = fused.by_layer(make_net, feature, weight, label)
    for found, expected in zip([loss, *gradients], chained):
        assert_agrees(found, expected, precision, floor=1)


def sampled(make_net, seed, inputs):
    """Results of a pass with a tenth of the classes, and which classes have a gradient."""
    found = FusedLoss(m2=0.3, m3=0.1, scale=8, sample_rate=0.1).by_layer(
        make_net, *inputs, seed=seed
    )
    return found, np.flatnonzero(found[3].any(axis=1))


@pytest.mark.parametrize("seed", [1, 2])
def test_a_sampled_pass_is_the_full_one_over_the_sampled_classes(make_net, precision, seed):
    feature, weight, label = inputs = head_inputs(np.random.default_rng(4), 8, 200, 12, precision)
    label[0] = -1
    found, chosen = sampled(make_net, seed, inputs)
    assert len(chosen) == 20 and set(label[label >= 0]) < set(chosen)
    renumbered = np.where(label < 0, -1, np.searchsorted(chosen, label))
    fused = FusedLoss(m2=0.3, m3=0.1, scale=8)
    exact = fused.by_autograd(feature, weight[chosen], renumbered, precision)
    found[3] = found[3][chosen]
    found, exact = (per_length(results, feature, weight[chosen]) for results in (found, exact))
    for name, part, whole in zip(PARTS, found, exact):
        assert_agrees(part, whole, precision, floor=1, what=name)


def test_the_seed_decides_which_classes_are_sampled(make_net, precision):
    inputs = head_inputs(np.random.default_rng(4), 8, 200, 12, precision)
    first, second, other = (sampled(make_net, seed, inputs)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert len(other) == len(first) and (other != first).any()
