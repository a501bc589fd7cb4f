"""A patched tree's tools/extra/*.py under this Python. AMCAFFE_TEST_TREE names a tree, which is
only copied."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from amcaffe.install import main

LOGS = Path(__file__).parents[4] / "shared/data/logs"
# As Caffe writes it: a test before the first step, then losses, rates and another test.
LOG = b"""\
I1231 23:59:50.500000  4314 solver.cpp:44] Initializing solver from parameters:
snapshot_prefix: "caf\xe9"
I1231 23:59:58.000000  4314 solver.cpp:279] Solving tiny
I1231 23:59:58.250000  4314 solver.cpp:337] Iteration 0, Testing net (#0)
I1231 23:59:58.500000  4314 solver.cpp:404]     Test net output #0: accuracy = 0.125
I1231 23:59:58.750000  4314 solver.cpp:228] Iteration 0, loss = 2.5
I1231 23:59:58.750000  4314 solver.cpp:244]     Train net output #0: loss = 2.5 (* 1 = 2.5 loss)
I1231 23:59:58.750000  4314 sgd_solver.cpp:106] Iteration 0, lr = 0.01
I0101 00:00:08.000000  4314 solver.cpp:228] Iteration 100, loss = 1e-05
I0101 00:00:08.000000  4314 solver.cpp:244]     Train net output #0: loss = 1e-05 (* 1 = 1e-05 loss)
I0101 00:00:08.000000  4314 sgd_solver.cpp:106] Iteration 100, lr = 0.001
I0101 00:00:08.500000  4314 solver.cpp:337] Iteration 100, Testing net (#0)
I0101 00:00:09.000000  4314 solver.cpp:404]     Test net output #0: accuracy = 0.875
*** Aborted at 1514764809 ***
    @     0x7fddc4299273  caffe::Solver<>::Snapshot()
\x20\x20
"""
NET = """\
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        param { name: "shared" lr_mult: 2 } param { decay_mult: 0 }
        convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """The folder tools/extra of a patched tree."""
    source = os.environ.get("AMCAFFE_TEST_TREE")
    if not source:
        pytest.skip("AMCAFFE_TEST_TREE does not name a Caffe tree")
    root = tmp_path_factory.mktemp("tools") / "caffe"
    unneeded = shutil.ignore_patterns(".git", "build", "docs", "data", "models", "__pycache__")
    shutil.copytree(source, root, symlinks=True, ignore=unneeded)
    main([str(root)])
    return root / "tools/extra"


def run(script, *arguments, cwd):
    done = subprocess.run(
        [sys.executable, "-W", "error", script, *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def table(path):
    """[dict of float] of a CSV file."""
    with open(path, newline="") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def test_every_script_compiles_without_a_warning(scripts):
    names = sorted(scripts.glob("*.py"))
    assert {"parse_log.py", "summarize.py"} <= {path.name for path in names}
    for path in names:
        compile(path.read_text(), str(path), "exec")  # warnings are errors here


def test_a_log_becomes_two_tables(scripts, tmp_path):
    (tmp_path / "caffe.log").write_bytes(LOG)
    said = run(scripts / "parse_log.py", "--verbose", "caffe.log", ".", cwd=tmp_path)
    assert said.splitlines() == ["Wrote ./caffe.log.train", "Wrote ./caffe.log.test"]
    assert table(tmp_path / "caffe.log.train") == [
        {"NumIters": 0, "Seconds": 0.75, "LearningRate": 0.01, "loss": 2.5},
        {"NumIters": 100, "Seconds": 10, "LearningRate": 0.01, "loss": 1e-05},
    ]
    assert table(tmp_path / "caffe.log.test") == [
        {"NumIters": 0, "Seconds": 0.5, "LearningRate": 0.001, "accuracy": 0.125},
        {"NumIters": 100, "Seconds": 11, "LearningRate": 0.001, "accuracy": 0.875},
    ]


def test_the_seconds_of_a_log_come_a_line_each(scripts, tmp_path):
    (tmp_path / "caffe.log").write_bytes(LOG)
    run(scripts / "extract_seconds.py", "caffe.log", "seconds", cwd=tmp_path)
    seconds = [float(line) for line in (tmp_path / "seconds").read_text().split()]
    assert seconds == [0.25, 0.75, 0.75, 10, 10, 10.5]


@pytest.mark.parametrize(
    "name", ["combined_margin_res36.log", "mobilefacenet_amsoftmax_webface.log"]
)
def test_a_real_log_becomes_a_table_of_all_its_losses(scripts, name, tmp_path):
    if not (LOGS / name).exists():
        pytest.skip(f"{LOGS / name} is not there")
    run(scripts / "parse_log.py", LOGS / name, tmp_path, cwd=tmp_path)
    text = (LOGS / name).read_text()
    losses = re.findall(r"Train net output #\d+: softmax_loss = (\S+) \(", text)
    rates = re.findall(r"Iteration (\d+), lr = (\S+)", text)
    rows = table(tmp_path / f"{name}.train")
    assert [row["softmax_loss"] for row in rows] == [float(loss) for loss in losses]
    assert [row["NumIters"] for row in rows] == [float(iteration) for iteration, _ in rates]
    # An iteration's rate is printed after its loss, so each row has that of the row before.
    assert [row["LearningRate"] for row in rows[1:]] == [float(rate) for _, rate in rates[:-1]]
    seconds = [row["Seconds"] for row in rows]
    assert seconds == sorted(seconds) and seconds[0] < 5
    assert not (tmp_path / f"{name}.test").exists()


def test_a_net_is_summarised(scripts, patched_caffe, tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    text = run(scripts / "summarize.py", "net.prototxt", cwd=tmp_path)
    plain = re.sub(r"\033\[[\d;]*m", "", text)
    assert [line.split() for line in plain.splitlines()] == [
        ["data", "Input", "->", "data"],
        ["conv", "Convolution", "(shared", "x2.0,", "Dx0.0)", "data", "->", "conv", "3/2+1", "4"],
        ["relu", "ReLU", "conv", "->", "conv"],
    ]


@pytest.mark.parametrize("library", ["opencv", "PIL"])
@pytest.mark.parametrize("height, width", [(91, 60), (60, 91), (301, 200)])
def test_images_are_cropped_to_squares_and_others_passed_over(
    scripts, library, height, width, tmp_path
):
    import cv2

    # Red grows along the longer side, so that it tells which part of it was kept.
    ramp = np.linspace(0, 255, max(height, width))
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 2] = ramp[:, None] if height > width else ramp
    (tmp_path / "in/n01").mkdir(parents=True)
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"in/n01/{number}.png"), pixels)
    (tmp_path / "in/n01/broken.png").write_text("no image")
    names = ["n01/0.png", "n01/broken.png", "n01/1.png", "n01/2.png"]
    (tmp_path / "list").write_text("".join(name + "\n" for name in names))
    said = run(
        scripts / "resize_and_crop_images.py", "--num_clients=2", f"--image_lib={library}",
        "--input=list", "--input_folder=in/", "--output_folder=out/", "--output_side_length=30",
        cwd=tmp_path,
    )  # fmt: skip
    assert "broken.png" in said
    assert sorted(path.name for path in (tmp_path / "out/n01").iterdir()) == [
        "0.png", "1.png", "2.png"
    ]  # fmt: skip
    image = cv2.imread(str(tmp_path / "out/n01/2.png"))
    assert image.shape == (30, 30, 3)
    long = image[:, 15, 2] if height > width else image[15, :, 2]
    share = min(height, width) / max(height, width)
    wanted = 127.5 + 255 * share * (np.arange(30) - 14.5) / 30
    np.testing.assert_allclose(long, wanted, atol=8)
