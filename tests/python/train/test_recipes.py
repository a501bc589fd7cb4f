"""The recipes with an angular margin learn from scratch, in a net without batch normalisation."""

import numpy as np
import pytest

from amcaffe.faces.folder import make_faces, picture_path
from amcaffe.nets.experiment import Experiment
from amcaffe.nets.rendering import render_files

PEOPLE, PICTURES, SIZE, SEED = 20, 12, (56, 48), 1


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """(folder of a training list, pictures as a batch of the nets' input, labels)"""
    import cv2

    folder = tmp_path_factory.mktemp("people")
    make_faces(folder / "img", PEOPLE, PICTURES, SIZE, SEED)
    labels = np.repeat(np.arange(PEOPLE), PICTURES)
    paths = [picture_path(folder / "img", n // PICTURES, n % PICTURES) for n in range(len(labels))]
    (folder / "train.txt").write_text(
        "".join(f"{path} {label}\n" for path, label in zip(paths, labels))
    )
    pixels = np.stack([cv2.imread(str(path)) for path in paths]).astype(np.float32)
    return folder, ((pixels - 128) / 128).transpose(0, 3, 1, 2), labels


def trained(caffe, folder, head, **changes):
    """The deploy net, with the weights of a training of 400 iterations."""
    experiment = Experiment(
        depth=4, channels=16, classes=PEOPLE, size=SIZE, source=str(folder / "train.txt"), root="",
        batch=32, lr=0.02, steps=(), max_iter=400, snapshot=10**6, **changes,
    )  # fmt: skip
    for name, text in render_files(experiment, folder, (head,)).items():
        (folder / name).write_text(text)
    caffe.set_random_seed(SEED)
    solver = caffe.get_solver(str(folder / f"face_solver_{head}.prototxt"))
    solver.step(400)
    net = caffe.Net(str(folder / "face_deploy.prototxt"), caffe.TEST)
    net.share_with(solver.net)
    return net


def figures(net, pixels, labels):
    """(rank-1 among the training pictures, mean cosine of one person's, of two persons')"""
    net.blobs["data"].reshape(*pixels.shape)
    net.reshape()
    net.blobs["data"].data[...] = pixels
    (features,) = net.forward().values()
    features = features.reshape(len(pixels), -1)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    cosines = features @ features.T
    itself = np.eye(len(labels), dtype=bool)
    one_person = labels[:, None] == labels
    nearest = np.where(itself, -np.inf, cosines).argmax(1)
    return (
        (labels[nearest] == labels).mean(),
        cosines[one_person & ~itself].mean(),
        cosines[~one_person].mean(),
    )


@pytest.mark.parametrize("head", ["arcface", "combined"])
def test_a_recipe_with_an_angle_learns_from_scratch(patched_caffe, people, head):
    """Under ArcFace's whole margin and scale at once all features end alike, rank-1 0.35."""
    folder, pixels, labels = people
    rank_1, one, two = figures(trained(patched_caffe, folder, head), pixels, labels)
    print(f"rank-1 {rank_1:.3f}, mean cosine {one:.3f} of one person, {two:.3f} of two")
    assert rank_1 > 0.6
    assert one - two > 0.1
