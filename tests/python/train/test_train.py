"""python -m amcaffe.train on a net small enough to train within a second."""

import contextlib
import csv
import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from amcaffe.errors import TrainingError
from amcaffe.host.caffe_log import caffe_log
from conftest import step_environment

pytestmark = pytest.mark.usefixtures("stock_caffe")


def interrupt_after(monkeypatch, backward_passes):
    """Send this process a Ctrl-C then; 2.5: half-way back through the net for the third time."""
    import caffe

    get_solver = caffe.get_solver

    def watched(path):
        solver, done = get_solver(path), itertools.count(1)
        last = int(backward_passes * len(solver.net.layers))
        solver.net.after_backward(
            lambda layer: next(done) == last and os.kill(os.getpid(), signal.SIGINT)
        )
        return solver

    monkeypatch.setattr(caffe, "get_solver", watched)


def rows(folder):
    with open(folder / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def weights_of(path):
    from caffe.proto import caffe_pb2

    model = caffe_pb2.NetParameter.FromString(path.read_bytes())
    return {
        layer.name: [list(blob.data) for blob in layer.blobs]
        for layer in model.layer
        if layer.blobs
    }


def test_a_run_learns_and_leaves_model_metrics_and_report(train, tiny_faces):
    tiny_faces.render(max_iter=80, snapshot=50)
    done = train("--seed", 1)
    assert done.returncode == 0, done.stderr
    out = tiny_faces.folder / "out"
    assert done.stdout.split() == ["out/metrics.csv", "out/train.json", "out/final.caffemodel"]
    table = rows(out)
    assert [int(row["iteration"]) for row in table] == list(range(1, 81))
    assert float(table[-1]["loss"]) < 0.5 * float(table[0]["loss"])
    report = json.loads((out / "train.json").read_text())
    assert report["iterations"] == 80 and report["images_per_second"] > 0
    layers = report["layer_seconds"]
    assert list(layers)[0] == "data" and list(layers)[-1] == "softmax_loss"
    assert 0.2 * report["seconds"] < 80 * sum(layers.values()) < report["seconds"]
    assert report["last_loss"] == pytest.approx(float(table[-1]["loss"]), rel=1e-4)
    assert {"face_softmax_iter_50.solverstate", "face_softmax_iter_80.solverstate"} <= {
        path.name for path in out.iterdir()
    }
    assert weights_of(out / "final.caffemodel") == weights_of(
        out / "face_softmax_iter_80.caffemodel"
    )
    assert "Initializing solver" in (out / "caffe.log").read_text()
    assert "Initializing solver" not in done.stderr


def test_one_seed_gives_one_result_and_another_seed_another(train, tiny_faces):
    for out, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert train("--seed", seed, out=out).returncode == 0
    a, b, c = (weights_of(tiny_faces.folder / out / "final.caffemodel") for out in "abc")
    assert a == b != c


def test_the_metrics_show_the_learning_rate_in_force(train, tiny_faces):
    tiny_faces.render(lr=0.1, steps=(4, 8))
    assert train().returncode == 0
    rates = [float(row["learning_rate"]) for row in rows(tiny_faces.folder / "out")]
    assert rates == pytest.approx([0.1] * 4 + [0.01] * 4 + [0.001] * 4)


def test_tests_of_the_solver_show_in_the_metrics(train, tiny_faces):
    tiny_faces.render(test_iter=2, test_interval=6)
    assert train().returncode == 0
    accuracy = [row["test0_accuracy"] for row in rows(tiny_faces.folder / "out")]
    assert [n for n, value in enumerate(accuracy, 1) if value] == [7]
    assert 0 <= float(accuracy[6]) <= 1


def test_an_iteration_of_several_batches_counts_all_their_images(train, tiny_faces):
    tiny_faces.render(iter_size=3)
    assert train().returncode == 0
    report = json.loads((tiny_faces.folder / "out/train.json").read_text())
    assert report["images_per_iteration"] == 36


def test_a_second_run_into_the_folder_is_refused(train):
    assert train().returncode == 0
    again = train()
    assert again.returncode == 2
    assert "holds snapshots of an earlier run" in again.stderr and "--resume" in again.stderr


def test_resume_goes_on_to_more_iterations(train, tiny_faces):
    assert train("--seed", 1).returncode == 0
    done = train("--resume", "--iterations", 20)
    assert done.returncode == 0 and "going on from out/face_softmax_iter_12" in done.stderr
    out = tiny_faces.folder / "out"
    assert [int(row["iteration"]) for row in rows(out)] == list(range(1, 21))
    report = (out / "train.json").read_text()
    assert json.loads(report)["resumed_at"] == 12
    # With nothing left to do, what it was trained with stays told.
    final = (out / "final.caffemodel").stat().st_ino
    done = train("--resume", "--iterations", 20)
    assert done.returncode == 0 and (out / "train.json").read_text() == report
    assert (out / "final.caffemodel").stat().st_ino == final


@pytest.fixture
def train_here(tiny_faces, monkeypatch):
    """Train in this process and folder, an iteration taking a quarter of a second.

    Returns the images of each iteration's batch.
    """
    import caffe

    from amcaffe.train import Options, loop
    from amcaffe.train import train as train_in_process

    monkeypatch.chdir(tiny_faces.folder)
    # Read once before and once after an iteration.
    ticks = itertools.count()
    clock = SimpleNamespace(perf_counter=lambda: next(ticks) / 4)
    monkeypatch.setattr(loop, "time", clock)
    get_solver = caffe.get_solver
    batches = []

    def watched(path):
        solver = get_solver(path)
        last = len(solver.net.layers) - 1  # whose backward pass comes first
        solver.net.after_backward(
            lambda layer: layer == last and batches.append(solver.net.blobs["data"].data.copy())
        )
        return solver

    monkeypatch.setattr(caffe, "get_solver", watched)

    def run(out="out", **options):
        batches.clear()
        assert train_in_process(Options(tiny_faces.solver, out, **options)) == 0
        return list(batches)

    return run


def test_a_resumed_run_does_not_draw_the_images_of_its_start_again(train_here):
    first = train_here(seed=1, iterations=4)
    again = train_here(seed=1, iterations=4, out="again")
    resumed = train_here(seed=1, iterations=8, resume=True)
    assert len(first) == len(again) == len(resumed) == 4
    np.testing.assert_array_equal(first, again)  # so it is the seed that draws
    for one, other in zip(first, resumed):
        assert not np.array_equal(one, other)


@pytest.mark.parametrize("iter_size", [1, 2])
def test_metrics_and_report_count_the_images_of_a_second(train_here, tiny_faces, iter_size):
    tiny_faces.render(iter_size=iter_size)
    train_here(iterations=6)
    table = rows(tiny_faces.folder / "out")
    assert [float(row["images_per_second"]) for row in table] == [12 * iter_size / 0.25] * 6
    assert [float(row["seconds"]) for row in table] == [0.25 * n for n in range(1, 7)]
    report = json.loads((tiny_faces.folder / "out/train.json").read_text())
    assert (report["seconds"], report["images_per_second"]) == (1.5, 48 * iter_size)


def test_seconds_of_a_resumed_run_go_on_from_those_before(train_here, tiny_faces):
    train_here(iterations=10)
    train_here(iterations=12, resume=True)
    table = rows(tiny_faces.folder / "out")
    assert [float(row["seconds"]) for row in table] == [0.25 * n for n in range(1, 13)]
    report = json.loads((tiny_faces.folder / "out/train.json").read_text())
    assert (report["seconds"], report["images_per_second"]) == (3, 48)


def test_resume_of_a_run_past_the_iterations_asked_for_says_so(train, tiny_faces):
    assert train().returncode == 0
    done = train("--resume", "--iterations", 8)
    assert done.returncode == 0
    assert "at iteration 12, past the 8 asked for: final.caffemodel is of 12" in done.stderr
    assert "asked for" not in train("--resume").stderr


def test_resume_of_a_finished_run_without_its_metrics_knows_no_speed(train, tiny_faces):
    assert train().returncode == 0
    out = tiny_faces.folder / "out"
    (out / "metrics.csv").unlink()
    (out / "train.json").unlink()
    assert train("--resume").returncode == 0
    report = json.loads((out / "train.json").read_text())
    assert report["images_per_second"] is None and report["layer_seconds"] is None


def test_resume_works_after_the_folder_was_moved(train, tiny_faces):
    assert train().returncode == 0
    (tiny_faces.folder / "out").rename(tiny_faces.folder / "elsewhere")
    done = train("--resume", "--iterations", 14, out="elsewhere")
    assert done.returncode == 0, done.stderr
    assert rows(tiny_faces.folder / "elsewhere")[-1]["iteration"] == "14"


@pytest.mark.parametrize("suffix", ["caffemodel", "solverstate"])
@pytest.mark.parametrize("keep", [0.5, 0.0])
def test_resume_names_and_passes_over_a_truncated_snapshot(train, tiny_faces, suffix, keep):
    assert train().returncode == 0
    broken = tiny_faces.folder / f"out/face_softmax_iter_12.{suffix}"
    os.truncate(broken, int(broken.stat().st_size * keep))
    done = train("--resume", "--iterations", 14)
    assert done.returncode == 0, done.stderr
    assert "passing over iteration 12" in done.stderr and broken.name in done.stderr
    assert "going on from out/face_softmax_iter_10" in done.stderr
    iterations = [int(row["iteration"]) for row in rows(tiny_faces.folder / "out")]
    assert iterations == list(range(1, 15))


def test_resume_passes_over_a_snapshot_cut_between_two_layers(train, tiny_faces):
    """Such a file parses, so only its missing layers tell."""
    from caffe.proto import caffe_pb2

    assert train().returncode == 0
    path = tiny_faces.folder / "out/face_softmax_iter_12.caffemodel"
    model = caffe_pb2.NetParameter.FromString(path.read_bytes())
    del model.layer[len(model.layer) // 2 :]
    path.write_bytes(model.SerializeToString())
    done = train("--resume", "--iterations", 14)
    assert done.returncode == 0
    assert "passing over iteration 12" in done.stderr and "lacks" in done.stderr


def test_resume_of_an_empty_folder_starts_at_the_beginning(train):
    done = train("--resume")
    assert done.returncode == 0 and "starting at iteration 0" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_writes_a_snapshot_and_says_how_to_go_on(train, tiny_faces, number):
    tiny_faces.render(max_iter=10**7, snapshot=10**6)
    out = tiny_faces.folder / "out"
    running = subprocess.Popen(
        [sys.executable, "-m", "amcaffe.train", "--solver", tiny_faces.solver, "--out", "out"],
        cwd=tiny_faces.folder,
        env=step_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not (out / "metrics.csv").exists() or len(rows(out)) < 3:
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert number.name in said and "--resume" in said
    written = [int(path.stem.rsplit("_", 1)[1]) for path in out.glob("*.solverstate")]
    assert len(written) == 1
    assert int(rows(out)[-1]["iteration"]) == written[0]
    done = train("--resume", "--iterations", written[0] + 2)
    assert done.returncode == 0, done.stderr
    assert int(rows(out)[-1]["iteration"]) == written[0] + 2


def test_a_signal_while_images_are_checked_says_the_same_command_again(
    train, tiny_faces, monkeypatch, capfd
):
    from amcaffe import cli
    from amcaffe.train import main, training

    def interrupt(*arguments, **names):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.chdir(tiny_faces.folder)
    monkeypatch.setattr(training, "check_data", interrupt)
    assert cli.run("train", main, ["--solver", tiny_faces.solver, "--out", "out"]) == 130
    assert "run the same command to go on" in capfd.readouterr().err
    assert train().returncode == 0


def test_a_second_signal_does_not_interrupt_the_end_of_the_first(tiny_faces, monkeypatch, capfd):
    from amcaffe import cli
    from amcaffe.train import main, training

    @contextlib.contextmanager
    def log_with_a_late_signal(*arguments):
        with caffe_log(*arguments):
            yield
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.chdir(tiny_faces.folder)
    monkeypatch.setattr(training, "caffe_log", log_with_a_late_signal)
    interrupt_after(monkeypatch, backward_passes=1.5)
    assert cli.run("train", main, ["--solver", tiny_faces.solver, "--out", "out"]) == 130
    said = capfd.readouterr().err
    assert "the same command with --resume" in said
    assert "run the same command to go on" not in said


@pytest.mark.parametrize("backward_passes", [2.5, 3.5, 4])
@pytest.mark.parametrize(
    "margin, layer, change, kept",
    [
        ("am-softmax-wo-fn", "annealed_margin", None, [[2]]),
        ("a-softmax", "fc6", None, [[2]]),
        ("arcface", "fc6_l2", None, [[2]]),
        # The margin of the second pass, and the passes.
        (
            "am-softmax-wo-fn",
            "annealed_margin",
            (
                'type: "LabelSpecificAdd"\n',
                'type: "LabelSpecificMargin"\n'
                "label_specific_margin_param { margin_base: 2 gamma: 1.5 }\n",
            ),
            [[3.5], [2]],
        ),
        # Made large, to move far at each pass.
        (
            "am-softmax-wo-fn",
            "feature_norm_scale",
            (
                'type: "ChannelScale"\n',
                'type: "ChannelScale"\n'
                "channel_scale_param { global_scale: true init_global_scale: 1000 }\n",
            ),
            None,
        ),
    ],
    ids=[
        "LabelSpecificAdd", "MarginInnerProduct", "MarginSoftmaxLoss", "LabelSpecificMargin",
        "ChannelScale",
    ],
)  # fmt: skip
def test_what_a_layer_keeps_is_not_changed_by_an_iteration_given_up(
    tiny_faces, patched_caffe, monkeypatch, backward_passes, margin, layer, change, kept
):
    from amcaffe.train import Options, train

    tiny_faces.render(margins=[margin], iter_size=2)
    solver = next((tiny_faces.folder / "net").glob("face_solver_[wa]*"))
    if change:
        net = next((tiny_faces.folder / "net").glob("face_train_test_[wa]*"))
        assert change[0] in net.read_text()
        net.write_text(net.read_text().replace(*change))
    monkeypatch.chdir(tiny_faces.folder)
    assert train(Options(str(solver), "one", iterations=1, seed=1)) == 0
    interrupt_after(monkeypatch, backward_passes)
    assert train(Options(str(solver), "out", seed=1)) == 130
    model = next((tiny_faces.folder / "out").glob("*_iter_1.caffemodel"))
    found = weights_of(model)[layer]
    assert found and found == weights_of(tiny_faces.folder / "one/final.caffemodel")[layer]
    assert kept is None or found[-len(kept) :] == kept


def test_the_fused_losss_statistics_show_in_the_metrics_by_name(train, tiny_faces, patched_caffe):
    tiny_faces.render(margins=["am-softmax-fused"], iter_size=2, test_iter=2, test_interval=6)
    assert train(solver="net/face_solver_fused.prototxt").returncode == 0
    table = rows(tiny_faces.folder / "out")
    for row in table:
        target, other = (float(row[f"train_{name}_cosine"]) for name in ("target", "best_other"))
        assert -1 <= target <= 1 and -1 <= other <= 1 and target != other
        # The share of two batches of 12 images each.
        assert float(row["train_accuracy"]) * 24 == pytest.approx(
            round(float(row["train_accuracy"]) * 24), abs=1e-3
        )
    tested = [n for n, row in enumerate(table, 1) if row["test0_target_cosine"]]
    assert tested == [7] and 0 <= float(table[6]["test0_accuracy"]) <= 1
    assert "test0_statistics" not in table[6] and "train_softmax_loss" not in table[6]


def test_a_diverging_run_stops_and_keeps_its_last_good_snapshot(train, tiny_faces):
    tiny_faces.render(lr=0.01, max_iter=5, snapshot=5)
    assert train().returncode == 0
    good = weights_of(tiny_faces.folder / "out/face_softmax_iter_5.caffemodel")
    tiny_faces.render(lr=1e30, max_iter=100, snapshot=1)
    done = train("--resume")
    assert done.returncode == 6
    assert "training diverged at iteration" in done.stderr
    assert "last good snapshot" in done.stderr and "base_lr" in done.stderr
    kept = tiny_faces.folder / "out"
    for path in kept.glob("*.caffemodel"):
        for blobs in weights_of(path).values():
            assert all(np.isfinite(blob).all() for blob in blobs), path
    assert weights_of(kept / "face_softmax_iter_5.caffemodel") == good


def test_a_loss_where_softmax_saturates_stops_the_run(train, tiny_faces):
    """Enormous class weights give one class of 60 all the probability, seldom the right one."""
    tiny_faces.render(classes=60, lr=1e-30)
    net = tiny_faces.folder / "net/face_train_test_softmax.prototxt"
    body, head = net.read_text().split('name: "fc6_l2"')
    head = head.replace('type: "xavier"', 'type: "gaussian" std: 1e6', 1)
    net.write_text(body + 'name: "fc6_l2"' + head)
    done = train("--seed", 1, "--iterations", 40)
    assert done.returncode == 6, done.stderr
    assert "at iteration 10:" in done.stderr and "87.3365" in done.stderr
    assert "last good snapshot" in done.stderr


def test_weights_start_the_layers_that_they_have(train, tiny_faces):
    assert train("--seed", 1, out="first").returncode == 0
    start = tiny_faces.folder / "first/final.caffemodel"
    tiny_faces.render(lr=1e-30)
    done = train("--weights", start, out="second")
    assert done.returncode == 0 and "started afresh" not in done.stderr
    before, after = weights_of(start), weights_of(tiny_faces.folder / "second/final.caffemodel")
    assert before == after


def test_weights_of_another_shape_are_refused_by_layer(train, tiny_faces):
    assert train(out="first").returncode == 0
    tiny_faces.render(features=5)
    done = train("--weights", "first/final.caffemodel", out="second")
    assert done.returncode == 2
    assert "layer fc5" in done.stderr and "8 x " in done.stderr and "5 x " in done.stderr


@pytest.mark.parametrize(
    "content, complaint",
    [
        (b"", "holds no weights"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (os.urandom(64).join([b"\x0a\xff", b"\xff"]), "final.bad"),
    ],
)
def test_hostile_weights_are_refused(train, tiny_faces, content, complaint):
    (tiny_faces.folder / "final.bad").write_bytes(content)
    done = train("--weights", "final.bad")
    assert done.returncode == 2 and complaint in done.stderr


def test_a_check_inside_caffe_is_told_and_logged(train, tiny_faces):
    """A stride of 0 is one of the many things that only Caffe itself checks."""
    net = tiny_faces.folder / "net/face_train_test_softmax.prototxt"
    net.write_text(net.read_text().replace("stride: 2", "stride: 0"))
    done = train()
    assert done.returncode != 0
    assert "amcaffe train: Caffe stopped" in done.stderr and "Check failed" in done.stderr
    assert "out/caffe.log" in done.stderr
    assert "Check failed" in (tiny_faces.folder / "out/caffe.log").read_text()


def test_a_disk_that_fills_up_is_told(train, tiny_faces):
    assert train().returncode == 0
    out = tiny_faces.folder / "out"
    limit = (out / "final.caffemodel").stat().st_size * 3 // 4
    assert (out / "caffe.log").stat().st_size < limit
    shutil.rmtree(out)
    done = subprocess.run(
        [sys.executable, "-m", "amcaffe.train", "--solver", tiny_faces.solver, "--out", "out"],
        cwd=tiny_faces.folder,
        env=step_environment(),
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode != 0
    assert "could not write a snapshot in out; is the disk full?" in done.stderr
    assert "--resume goes on in out" in done.stderr


def test_a_final_model_that_caffe_cut_short_unseen_is_not_kept(tiny_faces, monkeypatch):
    """A write of the last bytes fails where Caffe closes the file, which it does not check."""
    import caffe

    from amcaffe.train import Options, train

    save = caffe.Net.save

    def save_cut_short(net, path):
        save(net, path)
        os.truncate(path, os.path.getsize(path) - 5)

    monkeypatch.chdir(tiny_faces.folder)
    monkeypatch.setattr(caffe.Net, "save", save_cut_short)
    with pytest.raises(TrainingError, match="out/final.caffemodel could not be written whole"):
        train(Options(tiny_faces.solver, "out"))
    left = [path.name for path in (tiny_faces.folder / "out").iterdir()]
    assert not [name for name in left if "final" in name]


def test_a_folder_that_cannot_be_made_is_refused(train):
    done = train(out="/proc/amcaffe")
    assert done.returncode == 2 and "cannot make the folder /proc/amcaffe" in done.stderr


def test_a_solver_error_names_file_and_line(train, tiny_faces):
    solver = tiny_faces.folder / tiny_faces.solver
    solver.write_text(solver.read_text().replace("base_lr", "bse_lr"))
    done = train()
    assert done.returncode == 2
    assert f"{tiny_faces.solver}:3" in done.stderr and "bse_lr" in done.stderr


def test_an_unknown_layer_type_is_named(train, tiny_faces):
    net = tiny_faces.folder / "net/face_train_test_softmax.prototxt"
    net.write_text(net.read_text().replace('"PReLU"', '"PeRLU"', 1))
    done = train()
    assert done.returncode == 2
    assert "layer relu1_1" in done.stderr and "PeRLU" in done.stderr


def test_a_gpu_of_a_cpu_build_is_refused_before_images_are_checked(train, tiny_faces, stock_caffe):
    if hasattr(stock_caffe._caffe.Blob, "_gpu_data_ptr"):
        pytest.skip("this Caffe was built with CUDA")
    tiny_faces.append("missing.png 0")
    done = train("--gpu", 0)
    assert done.returncode == 2 and "built for the CPU only" in done.stderr


def test_both_margin_heads_start_from_one_model_and_learn(train, tiny_faces, patched_caffe):
    tiny_faces.render(max_iter=60, lr=0.01, s=16.0)
    assert train("--seed", 1, out="softmax").returncode == 0
    start = tiny_faces.folder / "softmax/final.caffemodel"
    # The fused head has the classes' weights alone, the chain a scale as well.
    for head, afresh in (("", "fc6_margin_scale"), ("_combined", None)):
        done = train(
            "--seed",
            1,
            "--weights",
            start,
            solver=f"net/face_solver{head}.prototxt",
            out=f"margin{head}",
        )
        assert done.returncode == 0, done.stderr
        said = f"started afresh: {afresh}\n" if afresh else "started afresh"
        assert (said in done.stderr) == bool(afresh)
        losses = [float(row["loss"]) for row in rows(tiny_faces.folder / f"margin{head}")]
        assert np.mean(losses[-5:]) < np.mean(losses[:5])
