"""Every head in a built Caffe: shapes, weights that move between heads, and what they put out."""

import csv

import numpy as np
import pytest

from amcaffe.nets.heads import FUSED, MARGINS, is_fused

ROWS, FEATURES = 12, 8  # of TinyFaces' nets
M = 0.35


def suffix_of(margin):
    return {"am-softmax": ""}.get(margin, "_" + margin.replace("am-softmax-", "").replace("-", "_"))


@pytest.fixture
def open_net(patched_caffe, tiny_faces, monkeypatch):
    """The rendered net of a head, in a phase."""
    # A chain's SoftmaxWithLoss ends at a loss of 87, which ArcFace's usual scale goes beyond.
    tiny_faces.render(margins=MARGINS, m=M, arcface_s=20.0)
    monkeypatch.chdir(tiny_faces.folder)

    def run(margin, phase=patched_caffe.TRAIN):
        patched_caffe.set_random_seed(1)
        return patched_caffe.Net(f"net/face_train_test{suffix_of(margin)}.prototxt", phase)

    return run


def run_head(net, features, labels):
    """The head's outputs, from fc5 on."""
    net.blobs["fc5"].data[...] = features
    for name in net.blobs:
        if name.startswith("label"):  # Caffe's copies of it, one for each reader, too
            net.blobs[name].data[...] = labels
    names = list(net._layer_names)
    net.forward(start=names[names.index("fc5") + 1])
    return {name: net.blobs[name].data.copy() for name in net.outputs}


@pytest.fixture
def inputs(open_net):
    """(classes' weights, features whose target has a cosine above the margin, labels)"""
    random = np.random.default_rng(0)
    classes = open_net("softmax").params["fc6_l2"][0].data.shape[0]
    weights = random.normal(size=(classes, FEATURES)).astype(np.float32)
    labels = np.arange(ROWS) % classes
    along = weights[labels] / np.linalg.norm(weights[labels], axis=1, keepdims=True)
    across = random.normal(size=(ROWS, FEATURES))
    across -= (across * along).sum(1, keepdims=True) * along
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    cosine = np.linspace(M + 0.05, 0.95, ROWS)[:, None]
    unit = cosine * along + np.sqrt(1 - cosine**2) * across
    return weights, random.uniform(0.5, 5, (ROWS, 1)) * unit, labels


@pytest.mark.parametrize("margin", MARGINS)
def test_every_head_loads_in_both_phases_with_weights_for_every_class(
    open_net, patched_caffe, tiny_faces, margin
):
    for phase in (patched_caffe.TRAIN, patched_caffe.TEST):
        net = open_net(margin, phase)
        classes = net.params["fc6" if margin == "a-softmax" else "fc6_l2"][0]
        assert classes.data.shape == (tiny_faces.CLASSES, FEATURES)
        assert np.isfinite(net.forward()["softmax_loss"]).all()
        if is_fused(margin):
            assert net.blobs["statistics"].data.shape == (3,)
        else:
            rows = ROWS if phase == patched_caffe.TRAIN else 32
            assert net.blobs["fc6"].data.shape == (rows, tiny_faces.CLASSES)


def end_annealing(net):
    """Past the end of what a head anneals."""
    for name, blobs in net.params.items():
        if name in ("annealed_margin", "fc6", "fc6_l2") and blobs[-1].data.size == 1:
            blobs[-1].data[...] = 1e6


def class_weight(net):
    return net.params["fc6_l2" if "fc6_l2" in net.params else "fc6"][0].data


def all_angles(features, labels, classes):
    """Some of the rows with another label: targets on both sides of a guard and of pi."""
    return features, np.where(np.arange(len(labels)) % 3, labels, (labels + 1) % classes)


@pytest.mark.parametrize(
    "chain, end",
    [*((chain, True) for chain in FUSED),
     *((chain, False) for chain in FUSED if not chain.endswith("-chain"))],
)  # fmt: skip
def test_a_chain_and_its_fused_loss_have_the_same_loss_and_gradients(open_net, inputs, chain, end):
    """In the first pass, and past the end of annealing, which the -chain of a head has not."""
    weights, features, labels = inputs
    features, labels = all_angles(features, labels, len(weights))
    found = []
    for margin in (chain, FUSED[chain]):
        net = open_net(margin)
        unit = weights / np.linalg.norm(weights, axis=1, keepdims=True)
        class_weight(net)[...] = unit  # a unit weight's gradient along itself is another's
        if end:
            end_annealing(net)
        loss = run_head(net, features, labels)["softmax_loss"]
        names = list(net._layer_names)
        net.blobs["fc5"].diff[...] = 0
        net.params["fc6" if margin == "a-softmax" else "fc6_l2"][0].diff[...] = 0
        net.backward(end=names[names.index("fc5") + 1])
        by_weight = net.params["fc6" if margin == "a-softmax" else "fc6_l2"][0].diff
        across = by_weight - (by_weight * unit).sum(1, keepdims=True) * unit
        found.append((loss, net.blobs["fc5"].diff.copy(), across))
    assert found[0][0] > 1e-3
    for one, other in zip(*found):
        assert np.abs(one).max() > 1e-3
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=2e-5 * np.abs(one).max())


@pytest.mark.parametrize("chain", [chain for chain in FUSED if chain != "a-softmax"])
@pytest.mark.parametrize("back", [False, True], ids=["to the fused", "to the chain"])
def test_a_model_of_the_chain_and_of_the_fused_loss_gives_the_other_the_same_outputs(
    open_net, patched_caffe, tmp_path, inputs, chain, back
):
    weights, features, labels = inputs
    first, second = (FUSED[chain], chain) if back else (chain, FUSED[chain])
    losses = []
    model = str(tmp_path / "first.caffemodel")
    net = open_net(first)
    net.params["fc6_l2"][0].data[...] = weights
    end_annealing(net)
    losses.append(run_head(net, features, labels)["softmax_loss"])
    net.save(model)
    for phase in (patched_caffe.TRAIN, patched_caffe.TEST):
        tested = open_net(second, phase)
        tested.copy_from(model)
        for layer in ("conv1_1", "fc5", "fc6_l2"):
            np.testing.assert_array_equal(
                tested.params[layer][0].data, net.params[layer][0].data, layer
            )
        if phase == patched_caffe.TRAIN:
            end_annealing(tested)
            losses.append(run_head(tested, features, labels)["softmax_loss"])
    assert losses[0] > 1e-3
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)


@pytest.mark.parametrize("chain", FUSED)
def test_both_tell_the_same_of_a_test(open_net, patched_caffe, inputs, chain):
    weights, features, labels = inputs
    features, labels = all_angles(features, labels, len(weights))
    features, labels = np.resize(features, (32, FEATURES)), np.resize(labels, 32)
    told = []
    for margin in (chain, FUSED[chain]):
        net = open_net(margin, patched_caffe.TEST)
        class_weight(net)[...] = weights
        end_annealing(net)  # of the scale; there is no margin
        told.append(run_head(net, features, labels))
    one, other = told
    np.testing.assert_allclose(other["softmax_loss"], one["softmax_loss"], rtol=1e-5)
    assert other["statistics"][2] == pytest.approx(one["accuracy"])
    assert 0 < one["accuracy"] < 1


def test_am_softmaxs_chain_spares_targets_below_the_margin_and_the_fused_loss_does_not(
    open_net, inputs
):
    """As the code was released, and as the paper has it."""
    weights, features, labels = inputs
    chain, fused = open_net("am-softmax"), open_net("am-softmax-fused")
    for net in (chain, fused):
        net.params["fc6_l2"][0].data[...] = weights
    worse = -features
    assert (
        run_head(fused, worse, labels)["softmax_loss"]
        > run_head(chain, worse, labels)["softmax_loss"] + 1
    )


@pytest.mark.parametrize(
    "start", ["softmax", "am-softmax", "arcface", "arcface-chain", "am-softmax-fused"]
)
@pytest.mark.parametrize(
    "margin",
    ["am-softmax-wo-fn", "arcface", "a-softmax-fused", "arcface-chain", "normface",
     "am-softmax-fused"],
)  # fmt: skip
def test_weights_move_by_name_and_scales_and_counts_stay(open_net, tmp_path, start, margin):
    model = str(tmp_path / "start.caffemodel")
    trained = open_net(start)
    trained.params["fc6_l2"][0].data[...] += 1
    trained.save(model)
    net = open_net(margin)
    own = {
        name: [blob.data.copy() for blob in blobs]
        for name, blobs in net.params.items()
        if "scale" in name or "margin" in name
    }
    counts = [blob.data.copy() for blob in net.params["fc6_l2"]][1:]
    for blob in trained.params["fc6_l2"][1:]:
        assert blob.data == 0
    net.copy_from(model)
    assert [blob.data for blob in net.params["fc6_l2"]][1:] == counts
    np.testing.assert_array_equal(net.params["fc6_l2"][0].data, trained.params["fc6_l2"][0].data)
    for name, blobs in own.items():
        for before, blob in zip(blobs, net.params[name]):
            np.testing.assert_array_equal(blob.data, before, name)


def test_logits_without_feature_normalisation_bear_the_length_of_the_feature(open_net, inputs):
    weights, features, labels = inputs
    net = open_net("am-softmax-wo-fn")
    net.params["fc6_l2"][0].data[...] = weights
    net.params["annealed_margin"][0].data[...] = 10**6  # past the end of its annealing
    assert run_head(net, features, labels)["margin"] == pytest.approx(-0.4)
    length = np.linalg.norm(features, axis=1, keepdims=True)
    cosine = features / length @ (weights / np.linalg.norm(weights, axis=1, keepdims=True)).T
    target = np.arange(len(weights)) == labels[:, None]
    expected = length * np.where(target & (cosine > 0.4), cosine - 0.4, cosine)
    np.testing.assert_allclose(net.blobs["fc6_margin_scale"].data, expected, rtol=0, atol=1e-5)


def rows(folder):
    with open(folder / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("margin", MARGINS)
def test_training_with_every_head_makes_its_loss_fall(
    patched_caffe, tiny_faces, monkeypatch, margin
):
    tiny_faces.render(
        margins=[margin],
        max_iter=60,
        s=8.0,
        arcface_s=8.0,
        m=0.2,
        arcface_m=0.2,
        anneal=0.0,
        wo_fn_growth=1e-9,
        lambda_gamma=1e-9,
    )
    monkeypatch.chdir(tiny_faces.folder)
    patched_caffe.set_random_seed(1)
    solver = patched_caffe.get_solver(f"net/face_solver{suffix_of(margin)}.prototxt")
    losses, accuracy = [], []
    for _ in range(60):
        solver.step(1)
        losses.append(float(solver.net.blobs["softmax_loss"].data))
        if is_fused(margin):
            accuracy.append(float(solver.net.blobs["statistics"].data[2]))
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])
    if accuracy:
        assert np.mean(accuracy[-5:]) > np.mean(accuracy[:5])


@pytest.mark.parametrize(
    "margin, column, expected",
    [
        ("am-softmax-wo-fn", "train_margin", lambda n: max(-0.01 * (n - 1), -0.08)),
        ("a-softmax", "train_lambda", lambda n: max(1000 / (1 + 0.5 * n), 190)),
    ],
)
def test_a_resumed_run_goes_on_with_its_annealing(
    step, patched_caffe, tiny_faces, margin, column, expected
):
    tiny_faces.render(
        margins=[margin], wo_fn_m=0.08, wo_fn_growth=0.01, lambda_gamma=0.5, lambda_min=190.0
    )
    for arguments in (["--iterations", 4], ["--iterations", 10, "--resume"]):
        done = step(
            "train",
            "--solver",
            f"net/face_solver{suffix_of(margin)}.prototxt",
            "--out",
            "out",
            *arguments,
            cwd=tiny_faces.folder,
        )
        assert done.returncode == 0, done.stderr
    found = [float(row[column]) for row in rows(tiny_faces.folder / "out")]
    assert found == pytest.approx([expected(n) for n in range(1, 11)], rel=1e-5)
    assert found[-1] == found[-2] != found[3]
