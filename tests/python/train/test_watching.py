"""What a run says of itself while it trains: nothing where it learns."""

import json

import numpy as np
import pytest

from amcaffe.errors import InputError
from amcaffe.nets.heads import MARGINS
from amcaffe.train import Options
from amcaffe.train import train as train_in_process
from amcaffe.train.watching import _of_scores

pytestmark = pytest.mark.usefixtures("patched_caffe")

ITERATIONS = 240


@pytest.fixture
def run(tiny_faces, monkeypatch, capfd):
    """Train net/OWN or a rendered head; returns (train.json, what was printed)."""
    monkeypatch.chdir(tiny_faces.folder)

    def train(solver, **options):
        assert train_in_process(Options(solver, "out", seed=1, **options)) == 0
        return json.loads((tiny_faces.folder / "out/train.json").read_text()), capfd.readouterr()

    return train


@pytest.mark.parametrize("name", MARGINS)
def test_a_run_that_learns_is_told_nothing(tiny_faces, run, name):
    solver, _ = tiny_faces.render_one(
        name, max_iter=ITERATIONS, snapshot=1000, s=16, arcface_s=16, arcface_m=0.2
    )
    report, told = run(solver)
    assert report["warnings"] == []
    assert "warning" not in told.err and "doubtful" not in told.err


def test_a_loss_that_guesses_is_told_once_recorded_and_repeated_in_the_last_line(tiny_faces, run):
    tiny_faces.render(("softmax",), max_iter=130, snapshot=1000, lr=1e-9)
    report, told = run("net/face_solver_softmax.prototxt")
    said = [line for line in told.err.splitlines() if "warning at iteration" in line]
    assert "ln 6 = 1.792" in said[0]
    warned = report["warnings"]
    assert len(said) == len(warned) == len({warning["what"] for warning in warned})
    assert warned[0]["iteration"] >= 100 and warned[0]["ended"] is None
    assert warned[0]["what"] in said[0] and "base_lr" in warned[0]["helps"]
    last = told.err.rstrip().splitlines()[-1]
    assert last.startswith("amcaffe train: the result is doubtful: layer softmax_loss: for 100")


def test_a_run_that_goes_on_keeps_what_it_was_warned_of(tiny_faces, run):
    tiny_faces.render(("softmax",), max_iter=130, snapshot=1000, lr=1e-9)
    solver = "net/face_solver_softmax.prototxt"
    first, _ = run(solver)
    # Too short to be judged anew, and no iteration at all.
    for iterations in (140, None):
        report, told = run(solver, resume=True, iterations=iterations)
        assert [warned["what"] for warned in report["warnings"]] == [
            warned["what"] for warned in first["warnings"]
        ]
        assert all(warned["ended"] is None for warned in report["warnings"])
        assert "the result is doubtful" in told.err.rstrip().splitlines()[-1]
    (tiny_faces.folder / "out/warnings.json").write_text('{"no": "list"}')
    with pytest.raises(InputError, match="warnings.json"):
        run(solver, resume=True)


def test_a_new_run_in_a_folder_begins_without_old_warnings(tiny_faces, run):
    (tiny_faces.folder / "out").mkdir()
    (tiny_faces.folder / "out/warnings.json").write_text("of another run")
    tiny_faces.render(("softmax",), max_iter=3, snapshot=1000)
    report, _ = run("net/face_solver_softmax.prototxt")
    assert report["warnings"] == []


COLLIDING = """
layer { name: "data" type: "ImageData" top: "data" top: "label"
  transform_param { mean_value: 127.5 scale: 0.0078125 }
  image_data_param { source: "train.txt" root_folder: "img/" batch_size: 24 shuffle: true } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" convolution_param {
  num_output: 8 kernel_size: 3 stride: 2 pad: 1 weight_filler { type: "xavier" } } }
layer { name: "relu1" type: "PReLU" bottom: "conv1" top: "conv1" }
layer { name: "fc5" type: "InnerProduct" bottom: "conv1" top: "fc5" inner_product_param {
  num_output: 32 weight_filler { type: "xavier" } } }
layer { name: "fc6" type: "MarginSoftmaxLoss" bottom: "fc5" bottom: "label" top: "loss" %s
  margin_softmax_loss_param { num_output: 6 weight_filler { type: "xavier" }
    m1: 1 m2: 0.5 m3: 0 scale: 64 bound: CLAMP } }
"""


def draw_alike(folder):
    """In place of TinyFaces' images such as differ little."""
    import cv2

    random = np.random.default_rng(0)
    common, own = random.integers(0, 255, (28, 24, 3)), random.normal(0, 3, (6, 28, 24, 3))
    for number in range(60):
        pixels = common + own[number % 6] + random.normal(0, 20, (28, 24, 3))
        path = folder / "img" / f"{number}.png"
        cv2.imwrite(str(path), np.clip(pixels, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("statistics", ["", 'top: "statistics"'])
def test_a_collapse_is_told_while_it_runs(tiny_faces, run, statistics):
    draw_alike(tiny_faces.folder)
    (tiny_faces.folder / "net/own.prototxt").write_text(COLLIDING % statistics)
    (tiny_faces.folder / "net/solver.prototxt").write_text(
        'net: "net/own.prototxt" base_lr: 0.02 lr_policy: "fixed" momentum: 0.9 '
        'weight_decay: 0.0005 max_iter: 300 snapshot_prefix: "x"'
    )
    report, told = run("net/solver.prototxt")
    first = report["warnings"][0]
    assert first["iteration"] < 300 and first["what"] in told.err
    kinds = " ".join(warned["what"] for warned in report["warnings"])
    assert "all alike" in kinds and ("targets are driven away" in kinds) == bool(statistics)
    assert "doubtful" in told.err.rstrip().splitlines()[-1]


def test_of_scores():
    scores = np.array([[1.0, 2, 3], [5, 4, 3], [0, 9, 0], [7, 7, 7]], np.float32)
    assert _of_scores(scores, np.array([2, 1, -1, 0])) == (14 / 3, 14 / 3, 1 / 3)
    assert _of_scores(scores, np.array([-1, 3, -2, 9])) == (None, None, None)
