"""Training that was interrupted and resumed is training that was not, to the last bit.

For the layers that keep a number from pass to pass: annealed margins and a running scale.
"""

import numpy as np
import pytest

DATA = """
layer { name: "data" type: "DummyData" top: "x" top: "label" dummy_data_param {
  data_filler { value: 0.25 } data_filler { value: 1 } shape { dim: 2 dim: 3 } shape { dim: 2 } } }
"""
COSINES = """
layer { name: "fc" type: "NormalizedInnerProduct" bottom: "x" top: "fc"
  normalized_inner_product_param { num_output: 3 weight_filler { type: "gaussian" } } }
"""
LOSS = """
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "logits" bottom: "label" top: "loss" }
"""
# The number that is kept is the top n, or, without one, the last blob of the layer `margin`.
HEADS = {
    "LabelSpecificAdd": COSINES
    + """
layer { name: "margin" type: "LabelSpecificAdd" bottom: "fc" bottom: "label" top: "logits" top: "n"
  label_specific_add_param { bias_base: 0 bias_gamma: -0.0625 bias_min: -1 unconditional: true } }
""",
    "LabelSpecificMargin": COSINES
    + """
layer { name: "margin" type: "LabelSpecificMargin" bottom: "fc" bottom: "label"
  top: "logits" top: "n" label_specific_margin_param { margin_base: 2 gamma: 1.5 } }
""",
    "MarginInnerProduct": """
layer { name: "margin" type: "MarginInnerProduct" bottom: "x" bottom: "label"
  top: "logits" top: "n" param { lr_mult: 2 }
  margin_inner_product_param { num_output: 3 weight_filler { type: "gaussian" } type: QUADRUPLE
    base: 10 gamma: 0.25 } }
""",
    "MarginSoftmaxLoss": """
layer { name: "margin" type: "MarginSoftmaxLoss" bottom: "x" bottom: "label" top: "loss"
  param { lr_mult: 2 } margin_softmax_loss_param { num_output: 3 m2: 0.5 anneal_iter: 32
    start_scale: 8 weight_filler { type: "gaussian" } } }
""",
    "ChannelScale": """
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc"
  inner_product_param { num_output: 3 weight_filler { type: "gaussian" } } }
layer { name: "unit" type: "Normalize" bottom: "fc" top: "unit" top: "length" }
layer { name: "scale" type: "ChannelScale" bottom: "unit" bottom: "length" top: "logits" top: "n"
  channel_scale_param { global_scale: true init_global_scale: 9 } }
""",
}


@pytest.mark.parametrize("kind", sorted(HEADS))
def test_a_resumed_run_is_the_uninterrupted_one(patched_caffe, tmp_path, kind):
    loss = "" if "Loss" in kind else LOSS
    (tmp_path / "net.prototxt").write_text(DATA + HEADS[kind] + loss)
    (tmp_path / "solver.prototxt").write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 0.125 momentum: 0.5 weight_decay: 0.25 '
        f'lr_policy: "fixed" iter_size: 2 random_seed: 1 snapshot_prefix: "{tmp_path}/s" '
        "solver_mode: CPU"
    )
    straight = patched_caffe.get_solver(str(tmp_path / "solver.prototxt"))
    straight.step(3)
    straight.snapshot()
    resumed = patched_caffe.get_solver(str(tmp_path / "solver.prototxt"))
    resumed.restore(str(tmp_path / "s_iter_3.solverstate"))

    def number(net):
        return (net.blobs["n"] if "n" in net.blobs else net.params["margin"][-1]).data.item()

    kept = [number(straight.net)]
    for _ in range(2):
        straight.step(1)
        resumed.step(1)
        kept.append(number(straight.net))
        assert number(resumed.net) == kept[-1]
        for name, blobs in straight.net.params.items():
            for mine, its in zip(blobs, resumed.net.params[name]):
                np.testing.assert_array_equal(mine.data, its.data)
    assert len(set(kept)) == 3  # it moves with every iteration
