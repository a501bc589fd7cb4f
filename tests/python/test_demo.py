import dataclasses
import json

import numpy as np
import pytest

from amcaffe import demo
from amcaffe.errors import InputError, StepError

SMALL = demo.Recipe(
    people=8, images=4, test_people=3, channels=2, features=8, size="28x24", batch=8,
    steps=(2,), max_iter=3,
)  # fmt: skip


@pytest.fixture
def small_demo(patched_caffe, tmp_path, monkeypatch):
    """A demo of a few seconds; its folder."""
    monkeypatch.setattr(demo, "MADE_UP", SMALL)
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
        run = report["runs"][name]
        assert run["iterations"] == 3 and run["train_seconds"] > 0 and len(run["seeds"]) == 2
        accuracies = [seed["accuracy"] for seed in run["seeds"]]
        assert run["accuracy"] == pytest.approx(sum(accuracies) / 2)
        # 48 impostor pairs cannot resolve one false accept in a hundred.
        assert run["tar_at_far"] == {"0.01": None, "0.001": None}
    assert report["extract"]["images"] == 2 * 2 * 12
    page = (small_demo / "report.html").read_text()
    assert "made-up faces" in page and "src=\"http" not in page

    capfd.readouterr()
    demo.main(["--out", str(small_demo), "--seeds", "2"])
    again = capfd.readouterr().out
    assert "amcaffe.evaluate" in again
    assert "amcaffe.train" not in again and "amcaffe.extract" not in again
    repeated = json.loads((small_demo / "report.json").read_text())
    assert repeated["runs"] == report["runs"]


def test_another_recipe_works_in_another_folder(small_demo, monkeypatch):
    before = demo.Demo(small_demo, 1).work
    monkeypatch.setattr(demo, "MADE_UP", dataclasses.replace(SMALL, max_iter=4))
    assert demo.Demo(small_demo, 1).work != before


def test_a_changed_photograph_begins_anew(tmp_path):
    for number in range(4):
        (tmp_path / f"faces/p{number}").mkdir(parents=True)
    before = demo.Demo(tmp_path / "out", 1, tmp_path / "faces").work
    assert demo.Demo(tmp_path / "out", 1, tmp_path / "faces").work == before
    (tmp_path / "faces/p0/new.jpg").write_bytes(b"")
    assert demo.Demo(tmp_path / "out", 1, tmp_path / "faces").work != before


def test_a_failing_step_ends_the_demo_with_its_name_and_status(small_demo, monkeypatch, capfd):
    monkeypatch.setattr(demo, "MADE_UP", dataclasses.replace(SMALL, test_people=8))
    with pytest.raises(StepError, match="step dataset failed"):
        demo.main(["--out", str(small_demo)])
    assert "8 people" in capfd.readouterr().err


def test_both_heads_start_from_the_same_weights(patched_caffe, tiny_faces, monkeypatch):
    monkeypatch.chdir(tiny_faces.folder)
    started = []
    for suffix in ("_softmax", ""):
        patched_caffe.set_random_seed(3)
        net = patched_caffe.Net(f"net/face_train_test{suffix}.prototxt", patched_caffe.TRAIN)
        started.append({name: [b.data.copy() for b in blobs] for name, blobs in net.params.items()})
    plain, margin = started
    assert set(plain) <= set(margin)
    for name, blobs in plain.items():
        assert all(np.array_equal(a, b) for a, b in zip(blobs, margin[name])), name
    assert np.ptp(plain["fc6_l2"][0]) > 0


@pytest.mark.parametrize("people", [0, 3])
def test_too_few_people_for_a_demo_are_refused_by_number(tmp_path, people):
    for number in range(people):
        (tmp_path / f"p{number}").mkdir()
    (tmp_path / ".hidden").mkdir()
    with pytest.raises(InputError, match=f"{people} sub-folders"):
        demo.main(["--faces", str(tmp_path), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
