"""What a training begins with and goes on with: weights, schedules, snapshots, and their record."""

import csv
import hashlib
import json
from pathlib import Path

import pytest

from amcaffe.errors import InputError
from amcaffe.train import Options
from amcaffe.train import train as train_in_process

pytestmark = pytest.mark.usefixtures("stock_caffe")
SOFTMAX = "net/face_solver_softmax.prototxt"


@pytest.fixture
def train(tiny_faces, monkeypatch):
    monkeypatch.chdir(tiny_faces.folder)

    def run(solver=SOFTMAX, out="out", **options):
        assert train_in_process(Options(str(solver), out, **options)) == 0
        return Path(out)

    return run


@pytest.fixture
def annealed(tiny_faces, patched_caffe):
    """Solver of the net with MarginInnerProduct, its lambda in the metrics."""
    tiny_faces.render(margins=["a-softmax"])
    solver = next((tiny_faces.folder / "net").glob("face_solver_a*"))
    return str(solver)


def count_of(model):
    from caffe.proto import caffe_pb2

    layers = caffe_pb2.NetParameter.FromString(Path(model).read_bytes()).layer
    return [
        blob.data[0]
        for layer in layers
        if layer.type == "MarginInnerProduct"
        for blob in layer.blobs[1:]
    ]


def weights_of(model):
    from caffe.proto import caffe_pb2

    layers = caffe_pb2.NetParameter.FromString(Path(model).read_bytes()).layer
    return {one.name: [list(blob.data) for blob in one.blobs] for one in layers if one.blobs}


def contents(folder):
    """Of every file but the log."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "caffe.log"}


def snapshots_in(out):
    return sorted({int(p.name.split("_iter_")[1].split(".")[0]) for p in out.glob("*_iter_*")})


def use_hdf5(tiny_faces):
    pytest.importorskip("h5py")
    solver = tiny_faces.folder / SOFTMAX
    solver.write_text(solver.read_text() + "snapshot_format: HDF5\n")


def test_weights_begin_a_schedule_and_resume_goes_on(train, annealed):
    first = train(annealed, "first")
    assert count_of(first / "final.caffemodel") == [12]
    tuned = train(annealed, "tuned", weights="first/final.caffemodel", iterations=3)
    assert count_of(tuned / "final.caffemodel") == [3]
    train(annealed, "tuned", resume=True, iterations=5)
    assert count_of(tuned / "final.caffemodel") == [5]


def test_a_constant_margin_follows_an_annealed_one_and_the_other_way(train, annealed, tiny_faces):
    train(annealed, "annealed")
    net = next((tiny_faces.folder / "net").glob("face_train_test_a*"))
    text = net.read_text()
    assert "gamma: 0.12" in text
    net.write_text(text.replace("gamma: 0.12", "gamma: 0"))
    constant = train(annealed, "constant", weights="annealed/final.caffemodel")
    assert count_of(constant / "final.caffemodel") == []
    net.write_text(text.replace("gamma: 0.12", "gamma: 0.12 iteration: 100"))
    back = train(annealed, "back", weights="constant/final.caffemodel", iterations=2)
    assert count_of(back / "final.caffemodel") == [102]


def test_other_people_need_a_fresh_classifier(train, tiny_faces, capsys):
    train(out="first")
    tiny_faces.render(margins=["softmax"], classes=9, lr=1e-30)
    with pytest.raises(InputError, match="layer fc6_l2") as caught:
        train(out="second", weights="first/final.caffemodel")
    assert "--fresh" in str(caught.value) and not Path("second/final.caffemodel").exists()
    train(out="third", weights="first/final.caffemodel", fresh=("fc6_l2",))
    assert "started afresh: fc6_l2" in capsys.readouterr().err
    first, third = (weights_of(f"{out}/final.caffemodel") for out in ("first", "third"))
    assert first["fc5"] == third["fc5"] and len(third["fc6_l2"][0]) == 9 * 8
    assert json.loads(Path("third/train.json").read_text())["fresh"] == ["fc6_l2"]


def test_a_fresh_layer_that_is_not_there_is_refused_before_anything_is_trained(train):
    train(out="first")
    with pytest.raises(InputError, match="no layer fc9 with weights"):
        train(out="second", weights="first/final.caffemodel", fresh=("fc9",))
    with pytest.raises(InputError, match="--weights, too"):
        train(out="second", fresh=("fc6_l2",))
    assert not Path("second/metrics.csv").exists()


def test_resume_where_no_snapshot_fits_names_each_and_touches_nothing(train, tiny_faces):
    out = train()
    tiny_faces.render(features=5)
    before = contents(out)
    with pytest.raises(InputError, match="none of the snapshots in out") as caught:
        train(resume=True)
    said = str(caught.value)
    assert all(f"iteration {n}: " in said and "layer fc5" in said for n in (5, 10, 12))
    assert contents(out) == before


def test_resume_where_all_snapshots_are_cut_touches_nothing(train, tiny_faces):
    out = train()
    for path in out.glob("*.solverstate"):
        path.write_bytes(path.read_bytes()[:100])
    before = contents(out)
    with pytest.raises(InputError, match="none of the snapshots"):
        train(resume=True)
    assert contents(out) == before


def test_hdf5_snapshots_are_resumed_moved_and_taken_as_weights(train, tiny_faces, capsys):
    use_hdf5(tiny_faces)
    out = train(seed=1)
    assert {"face_softmax_iter_12.solverstate.h5", "face_softmax_iter_12.caffemodel.h5"} <= {
        path.name for path in out.iterdir()
    }
    out.rename("moved")
    train(out="moved", resume=True, iterations=14)
    said = capsys.readouterr().err
    assert "going on from moved/face_softmax_iter_12.solverstate.h5" in said
    tiny_faces.render(lr=1e-30)
    train(out="tuned", weights="moved/face_softmax_iter_14.caffemodel.h5", seed=2)
    assert weights_of("tuned/final.caffemodel") == weights_of("moved/final.caffemodel")


def test_a_cut_hdf5_snapshot_is_passed_over(train, tiny_faces, capsys):
    use_hdf5(tiny_faces)
    out = train()
    for number, ending in ((12, "caffemodel"), (10, "solverstate")):
        path = out / f"face_softmax_iter_{number}.{ending}.h5"
        path.write_bytes(path.read_bytes()[:-400])
    train(resume=True)
    said = capsys.readouterr().err
    assert "passing over iteration 12" in said and "passing over iteration 10" in said
    assert "going on from out/face_softmax_iter_5.solverstate.h5" in said


def test_a_resumed_hdf5_schedule_goes_on(train, annealed, tiny_faces):
    pytest.importorskip("h5py")
    with open(annealed, "a", encoding="utf-8") as file:
        file.write("snapshot_format: HDF5\n")
    out = train(annealed, iterations=3)
    train(annealed, resume=True, iterations=5)
    assert count_of(out / "final.caffemodel") == [5]
    train(annealed, "new", weights=str(next(out.glob("*_iter_5.caffemodel.h5"))), iterations=2)
    assert count_of("new/final.caffemodel") == [2]


def test_the_last_snapshots_are_kept(train, tiny_faces):
    tiny_faces.render(max_iter=12, snapshot=2)
    out = train(keep=2)
    assert snapshots_in(out) == [10, 12]
    train(resume=True, keep=1, iterations=15)
    assert snapshots_in(out) == [15]


def test_snapshots_that_are_no_pairs_or_not_of_this_run_are_kept(train, tiny_faces):
    tiny_faces.render(max_iter=6, snapshot=3)
    out = Path("out")
    (tiny_faces.folder / out).mkdir()
    kept = ["other_iter_1.solverstate", "other_iter_1.caffemodel", "face_softmax_iter_1.caffemodel"]
    for name in kept:
        (tiny_faces.folder / out / name).write_bytes(b"")
    for ending in ("solverstate", "caffemodel"):
        target = tiny_faces.folder / f"target.{ending}"
        target.write_bytes(b"x")
        (tiny_faces.folder / out / f"face_softmax_iter_2.{ending}").symlink_to(target)
        (tiny_faces.folder / out / f"face_softmax_iter_0.{ending}").mkdir()
    from amcaffe.train import snapshots

    folder = tiny_faces.folder / out
    for ending in ("solverstate", "caffemodel"):
        (folder / f"face_softmax_iter_9.{ending}").write_bytes(b"")
        (folder / f"face_softmax_iter_3.{ending}").write_bytes(b"")
    snapshots.remove_old(folder / "face_softmax", 3, 1)
    assert snapshots_in(folder) == [0, 1, 3, 9]
    assert all((folder / name).exists() for name in kept)
    assert (tiny_faces.folder / "target.caffemodel").read_bytes() == b"x"


def test_an_old_snapshot_stays_until_a_whole_newer_one_is_there(train, tiny_faces, monkeypatch):
    from amcaffe.errors import TrainingError
    from amcaffe.train import snapshots

    out = train(iterations=5)
    real = snapshots.check

    def cut(snapshot, *rest):
        if snapshot.iteration == 10:
            snapshot.state.write_bytes(snapshot.state.read_bytes()[:50])
        return real(snapshot, *rest)

    monkeypatch.setattr(snapshots, "check", cut)
    with pytest.raises(TrainingError, match="iteration 10 could not be written whole"):
        train(resume=True, keep=1)
    assert snapshots_in(out) == [5, 10]


def test_the_record_names_what_a_run_was_made_from(train, tiny_faces):
    train(out="first")
    out = train(out="second", weights="first/final.caffemodel")
    report = json.loads((out / "train.json").read_text())
    made_from = report["made_from"]
    named = [made_from["solver"], made_from["weights"], *made_from["nets"], *made_from["lists"]]
    assert [one["path"] for one in named] == [
        SOFTMAX,
        "first/final.caffemodel",
        "net/face_train_test_softmax.prototxt",
        "train.txt",
    ]
    for one in named:
        assert one["sha256"] == hashlib.sha256(Path(one["path"]).read_bytes()).hexdigest()


def test_the_seed_that_was_drawn_repeats_the_run(train):
    def losses(out):
        with open(out / "metrics.csv", newline="") as file:
            return [row["loss"] for row in csv.DictReader(file)]

    drawn = train(out="drawn")
    seed = json.loads((drawn / "train.json").read_text())["seed"]
    assert losses(train(out="again", seed=seed)) == losses(drawn)
    other = train(out="other")
    assert json.loads((other / "train.json").read_text())["seed"] != seed
    assert losses(other) != losses(drawn)


@pytest.mark.parametrize("keep", [0, -1])
def test_a_keep_of_none_is_refused(train, keep):
    with pytest.raises(InputError, match="--keep must be 1"):
        train(keep=keep)
