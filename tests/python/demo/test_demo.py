import dataclasses
import json
import os
import re

import cv2
import numpy as np
import pytest

from amcaffe import demo
from amcaffe.demo import run
from amcaffe.demo.page import MADE_UP_NOTE, _outcome, _time_table
from amcaffe.demo.recipe import LOSSES, PHOTOGRAPHS, Recipe, fitted, input_size
from amcaffe.errors import InputError, StepError

SMALL = Recipe(
    people=8, images=4, test_share=0.375, channels=2, features=8, size="28x24", batch=8,
    steps=(2,), max_iter=3,
)  # fmt: skip


@pytest.fixture
def small_demo(patched_caffe, tmp_path, monkeypatch):
    """A demo of a few seconds; its folder."""
    monkeypatch.setattr(run, "MADE_UP", SMALL)
    monkeypatch.setenv("PYTHONWARNINGS", "default")
    return tmp_path / "demo"


def test_the_report_holds_what_was_asked_for_and_a_second_run_trains_nothing(small_demo, capfd):
    demo.main(["--out", str(small_demo), "--seeds", "2"])
    report = json.loads((small_demo / "report.json").read_text())
    assert set(report["caffe"]) == {"version", "commit", "device"}
    data = report["dataset"]
    assert (data["train_identities"], data["test_identities"]) == (5, 3)
    assert (data["train_images"], data["test_images"], data["test_pairs"]) == (20, 12, 66)
    for name in ("softmax", "am_softmax"):
        trained = report["runs"][name]
        times = [seed["seconds_per_iteration"] for seed in trained["seeds"]]
        assert trained["seconds_per_iteration"] == pytest.approx(sum(times) / 2) and min(times) > 0
        assert trained["head_seconds"] > 0
        assert (
            trained["iterations"] == 3
            and trained["train_seconds"] > 0
            and len(trained["seeds"]) == 2
        )
        accuracies = [seed["accuracy"] for seed in trained["seeds"]]
        assert trained["accuracy"] == pytest.approx(sum(accuracies) / 2)
        # 48 impostor pairs cannot resolve one false accept in a hundred.
        assert trained["tar_at_far"] == {"0.01": None, "0.001": None}
    assert report["extract"]["images"] == 2 * 2 * 12
    page = (small_demo / "report.html").read_text()
    assert "made-up faces" in page and 'src="http' not in page
    assert MADE_UP_NOTE in page

    capfd.readouterr()
    demo.main(["--out", str(small_demo), "--seeds", "2"])
    again = capfd.readouterr().out
    assert "amcaffe.evaluate" in again
    assert "amcaffe.train" not in again and "amcaffe.extract" not in again
    repeated = json.loads((small_demo / "report.json").read_text())
    assert repeated["runs"] == report["runs"]


def test_losses_are_trained_as_asked_for_and_earlier_ones_kept(small_demo, patched_caffe, capfd):
    demo.main(["--out", str(small_demo), "--losses", "am_softmax_fused", "am_softmax"])
    report = json.loads((small_demo / "report.json").read_text())
    assert list(report["runs"]) == ["am_softmax", "am_softmax_fused"]
    page = (small_demo / "report.html").read_text()
    assert "AM-Softmax and fused AM-Softmax on made-up faces" in page
    seed = run.Demo(small_demo, 1).work / "seed1"
    solvers = [
        (seed / name).read_text().split("\n")[2:-2]
        for name in (
            "nets/am_softmax/face_solver.prototxt",
            "nets/am_softmax_fused/face_solver_fused.prototxt",
        )
    ]
    assert solvers[0] == solvers[1] and any("base_lr" in line for line in solvers[0])
    net = (seed / "nets/am_softmax_fused/face_train_test_fused.prototxt").read_text()
    assert "m3: 0.35" in net and "scale: 30" in net

    capfd.readouterr()
    demo.main(["--out", str(small_demo), "--losses", *LOSSES])
    trained = [line for line in capfd.readouterr().out.split("\n") if "amcaffe.train" in line]
    assert len(trained) == 1 and "softmax/face_solver_softmax" in trained[0]


@pytest.mark.parametrize(
    "rates, sentence",
    [
        (
            {"softmax": 0.25, "am_softmax": 0.5},
            "plain softmax accepts 25.0 % of the genuine pairs and AM-Softmax 50.0 %.",
        ),
        (
            {"softmax": 0.25, "am_softmax": 0.5, "am_softmax_fused": 0.125},
            "plain softmax accepts 25.0 % of the genuine pairs, AM-Softmax 50.0 % and fused "
            "AM-Softmax 12.5 %.",
        ),
        ({"softmax": 0.25}, "plain softmax accepts 25.0 % of the genuine pairs."),
    ],
)
def test_the_outcome_names_every_loss(rates, sentence):
    runs = {name: {"tar_at_far": {"0.01": rate, "0.001": None}} for name, rate in rates.items()}
    summary = {"runs": runs, "dataset": {"test_impostor_pairs": 3000}}
    assert _outcome(summary) == f"At a false-accept rate of 0.01, {sentence}"


@pytest.mark.parametrize(
    "impostors, told",
    [
        (30_000, "At a false-accept rate of 0.001, plain softmax accepts 20.0 %"),
        (29_999, "At a false-accept rate of 0.01, plain softmax accepts 60.0 %"),
        (3_000, "At a false-accept rate of 0.01, plain softmax accepts 60.0 %"),
        (2_999, "2,999 pairs of two people leave fewer than 30 false accepts"),
    ],
)
def test_the_outcome_is_told_where_thirty_false_accepts_are_left(impostors, told):
    run = {"accuracy": 0.875, "tar_at_far": {"0.01": 0.6, "0.001": 0.2}}
    text = _outcome({"runs": {"softmax": run}, "dataset": {"test_impostor_pairs": impostors}})
    assert text.startswith(told)
    assert ("pairs: plain softmax 87.5 %." in text) == (impostors < 3_000)


@pytest.mark.parametrize("seeds, header", [(1, ["time"]), (2, ["seed 1", "seed 2", "mean"])])
def test_the_time_of_one_seed_stands_once(seeds, header):
    times = {"seconds_per_iteration": 0.5, "head_seconds": 0.25}
    text = _time_table(seeds, {"runs": {"softmax": {**times, "seeds": [times] * seeds}}})
    assert re.findall('<th scope="col">([^<]*)', text) == ["run", *header]
    assert text.count("500.00 ms") == text.count("250.00 ms") == len(header)


@pytest.mark.parametrize(
    "shapes, size",
    [
        ([(112, 112)], (56, 56)),
        ([(112, 96)], (56, 48)),
        ([(28, 23)], (56, 48)),
        ([(96, 112)], (48, 56)),
        ([(250, 250), (300, 200), (250, 250)], (56, 56)),
        ([(1000, 10)], (56, 8)),
    ],
)
def test_the_input_has_the_shape_of_the_pictures(shapes, size):
    assert input_size(shapes) == size


@pytest.mark.parametrize(
    "images, iterations, steps",
    [(4, 600, (400, 550)), (400, 600, (400, 550)), (9164, 2200, (1466, 2016))],
)
def test_more_photographs_are_trained_on_for_longer(images, iterations, steps):
    recipe = fitted(PHOTOGRAPHS, images, [(56, 56)])
    assert (recipe.max_iter, recipe.steps) == (iterations, steps)
    assert recipe.softmax_lr == PHOTOGRAPHS.softmax_lr


def pictures(folder, counts, height=24, width=24):
    """A folder of people with so many photographs each."""
    random = np.random.default_rng(0)
    for person, count in enumerate(counts):
        (folder / f"p{person}").mkdir(parents=True)
        for number in range(count):
            image = random.integers(0, 255, (height, width, 3), np.uint8)
            assert cv2.imwrite(str(folder / f"p{person}/{number}.png"), image)
    return folder


def test_a_quarter_of_the_people_with_enough_photographs_is_held_out(
    patched_caffe, tmp_path, monkeypatch, capfd
):
    """And the net takes the shape of the pictures."""
    faces = pictures(tmp_path / "faces", [6] * 8 + [2] * 3 + [1] * 9, height=24, width=12)
    monkeypatch.setattr(run, "PHOTOGRAPHS", dataclasses.replace(SMALL, test_share=0.25))
    monkeypatch.setattr(
        run, "fitted", lambda *a: dataclasses.replace(fitted(*a), max_iter=3, steps=(2,))
    )
    out = tmp_path / "out"
    demo.main(["--faces", str(faces), "--min-images", "6", "--out", str(out)])
    data = json.loads((out / "report.json").read_text())["dataset"]
    assert (data["train_identities"], data["test_identities"]) == (6, 2)
    assert (data["train_images"], data["test_images"]) == (36, 12)
    assert "pictures of 24x12: the net takes 56x32" in capfd.readouterr().out


def test_too_few_people_with_enough_photographs_are_refused_before_training(
    tmp_path, monkeypatch, capfd
):
    faces = pictures(tmp_path / "faces", [6] * 5 + [1] * 9)
    with pytest.raises(InputError, match="5 people with 2 images or more"):
        demo.main(["--faces", str(faces), "--out", str(tmp_path / "out")])
    pictures(tmp_path / "few", [2] * 8)
    with pytest.raises(InputError, match="2 people with 4 images.* do not give 10 folds"):
        demo.main(["--faces", str(tmp_path / "few"), "--out", str(tmp_path / "out")])
    assert "amcaffe.train" not in capfd.readouterr().out
    with pytest.raises(InputError, match="--min-images 1: two or more"):
        demo.main(["--faces", str(faces), "--out", str(tmp_path / "out"), "--min-images", "1"])


def test_another_recipe_works_in_another_folder(small_demo, monkeypatch):
    before = run.Demo(small_demo, 1).work
    monkeypatch.setattr(run, "MADE_UP", dataclasses.replace(SMALL, max_iter=4))
    assert run.Demo(small_demo, 1).work != before


def test_a_changed_photograph_begins_anew(tmp_path):
    for number in range(run.LEAST_PEOPLE):
        (tmp_path / f"faces/p{number}").mkdir(parents=True)
    before = run.Demo(tmp_path / "out", 1, tmp_path / "faces").work
    assert run.Demo(tmp_path / "out", 1, tmp_path / "faces").work == before
    (tmp_path / "faces/p0/new.jpg").write_bytes(b"")
    assert run.Demo(tmp_path / "out", 1, tmp_path / "faces").work != before


def test_a_caffe_that_was_built_again_begins_anew(tmp_path, monkeypatch):
    library = tmp_path / "caffe/build/lib/libcaffe.so"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"one")
    monkeypatch.setenv("CAFFE_ROOT", str(tmp_path / "caffe"))
    works = [run.Demo(tmp_path / "out", 1).work for _ in range(2)]
    os.utime(library, ns=(0, 1))
    works.append(run.Demo(tmp_path / "out", 1).work)
    library.write_bytes(b"another")
    os.utime(library, ns=(0, 1))
    works.append(run.Demo(tmp_path / "out", 1).work)
    assert works[0] == works[1] and len(set(works)) == 3


def test_a_failing_step_ends_the_demo_with_its_name_and_status(small_demo, monkeypatch, capfd):
    monkeypatch.setattr(run, "MADE_UP", dataclasses.replace(SMALL, test_share=1))
    with pytest.raises(StepError, match="step dataset failed"):
        demo.main(["--out", str(small_demo)])
    assert "--holdout-fraction" in capfd.readouterr().err


def test_all_losses_start_from_the_same_weights(patched_caffe, tiny_faces, monkeypatch):
    tiny_faces.render(margins=[loss.margin for loss in LOSSES.values()])
    monkeypatch.chdir(tiny_faces.folder)
    started = []
    for suffix in ("_softmax", "", "_fused"):
        patched_caffe.set_random_seed(3)
        net = patched_caffe.Net(f"net/face_train_test{suffix}.prototxt", patched_caffe.TRAIN)
        started.append({name: [b.data.copy() for b in blobs] for name, blobs in net.params.items()})
    plain, *margins = started
    for margin in margins:
        assert set(plain) <= set(margin)
        for name, blobs in plain.items():
            assert all(np.array_equal(a, b) for a, b in zip(blobs, margin[name])), name
    assert np.ptp(plain["fc6_l2"][0]) > 0


@pytest.mark.parametrize("people", [0, 5])
def test_too_few_people_for_a_demo_are_refused_by_number(tmp_path, people):
    for number in range(people):
        (tmp_path / f"p{number}").mkdir()
    (tmp_path / ".hidden").mkdir()
    with pytest.raises(InputError, match=f"{people} sub-folders"):
        demo.main(["--faces", str(tmp_path), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
