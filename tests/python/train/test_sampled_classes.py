"""What a solver does to the weights of classes that MarginSoftmaxLoss did not sample."""

import numpy as np
import pytest

CLASSES, SAMPLED, LR, MOMENTUM, DECAY = 40, 4, 0.5, 0.9, 0.01

NET = f"""
layer {{ name: "data" type: "DummyData" top: "feature" top: "label" dummy_data_param {{
  shape {{ dim: 3 dim: 5 }} shape {{ dim: 3 }}
  data_filler {{ type: "gaussian" }} data_filler {{ type: "constant" value: 7 }} }} }}
layer {{ name: "loss" type: "MarginSoftmaxLoss" bottom: "feature" bottom: "label" top: "loss"
  margin_softmax_loss_param {{ num_output: {CLASSES} weight_filler {{ type: "gaussian" std: 1 }}
    scale: 1 sample_rate: {SAMPLED / CLASSES} }} }}
"""


@pytest.fixture
def solver(patched_caffe, tmp_path):
    def make(momentum=MOMENTUM, decay=DECAY, seed=3):
        (tmp_path / "net.prototxt").write_text(NET)
        (tmp_path / "solver.prototxt").write_text(
            f'net: "{tmp_path}/net.prototxt" base_lr: {LR} lr_policy: "fixed" '
            f"momentum: {momentum} weight_decay: {decay} random_seed: {seed} max_iter: 9\n"
        )
        return patched_caffe.SGDSolver(str(tmp_path / "solver.prototxt"))

    return make


def weights_of(solver, steps):
    """Copies of the weight before each step and after the last."""
    weight = solver.net.params["loss"][0]
    found = [weight.data.copy()]
    for _ in range(steps):
        solver.step(1)
        found.append(weight.data.copy())
    return found


def test_without_momentum_and_decay_only_sampled_rows_move(solver):
    for before, after in zip(*(lambda w: (w, w[1:]))(weights_of(solver(0, 0), 4))):
        moved = np.flatnonzero((before != after).any(axis=1))
        assert len(moved) == SAMPLED and 7 in moved


def test_other_rows_go_on_by_momentum_and_decay(solver):
    first, second, third = weights_of(solver(), 2)
    expected = second + MOMENTUM * (second - first) - LR * DECAY * second
    untouched = np.isclose(third, expected, rtol=0, atol=1e-6).all(axis=1)
    assert untouched.sum() == CLASSES - SAMPLED and not untouched[7]
    assert not np.allclose(third[untouched], second[untouched], rtol=0, atol=1e-4)


def test_a_run_is_repeated_by_its_seed(solver):
    once, again, other = (weights_of(solver(seed=seed), 3)[-1] for seed in (3, 3, 4))
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()
