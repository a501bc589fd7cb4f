import hashlib
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from amcaffe.data.features import save_features
from amcaffe.errors import InputError
from amcaffe.evaluate import main
from amcaffe.protocols.roc import tar_at_far
from amcaffe.protocols.scores import pair_scores, unit_rows
from amcaffe.report.drawing import Drawing

ATT_FACES = Path(__file__).parents[4] / "shared" / "data" / "att_faces"
FILES = ["report.html", "report.json", "roc.png", "scores.png"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def plotted():
    """Asked for by tests that look at the plots; the others save their time."""


@pytest.fixture(autouse=True)
def plotted_where_looked_at(request, monkeypatch):
    if "plotted" not in request.fixturenames:
        monkeypatch.setattr(Drawing, "_render", lambda *_, **__: b"")


def faces(number=24, each=6, noise=0.9, seed=0, size=24):
    """Features, paths and labels of `number` people."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(number), each)
    matrix = random.normal(size=(number, size))[labels]
    matrix = matrix + noise * random.normal(size=(len(labels), size))
    paths = [f"person {label}/{row:04d}.png" for row, label in enumerate(labels)]
    return matrix, paths, labels


def save(name, matrix, paths, labels=None):
    save_features(f"{name}.npy", matrix, paths, labels)
    return f"{name}.npy"


def report(out="out"):
    return json.loads(Path(out, "report.json").read_text(encoding="utf-8"))


def test_a_run_is_measured_and_reported_in_four_files(plotted, capsys):
    matrix, paths, labels = faces()
    save("features", matrix, paths, labels)
    main(["pairs", "plain=features.npy", "--out", "a/b", "--far", "0.1", "0.01"])
    assert sorted(os.listdir("a/b")) == FILES
    content = report("a/b")
    run = content["runs"]["plain"]
    rows = unit_rows(matrix.astype(np.float32))
    i, j = np.tril_indices(len(rows), -1)
    scores, same = pair_scores(rows, i, j), labels[i] == labels[j]
    expected = {f"{far:g}": tar_at_far(scores, same, far)[0] for far in (0.1, 0.01)}
    assert run["tar_at_far"] == expected
    assert run["pairs"]["tar"] == {"matched": int(same.sum()), "mismatched": int((~same).sum())}
    assert run["accuracy"] == pytest.approx(np.mean(run["accuracy_per_fold"]))
    assert run["accuracy_std"] == pytest.approx(np.std(run["accuracy_per_fold"], ddof=1))
    assert run["threshold"] == pytest.approx(np.mean(run["threshold_per_fold"]))
    assert (content["images"], content["people"], run["dimension"]) == (144, 24, 24)
    assert content["protocol"]["folds"] == 10
    assert content["protocol"]["folds_share_people"] is False
    # 24 people in ten folds: two of six images in the smallest.
    assert run["pairs"]["accuracy"] == {"matched": 300, "mismatched": 300}
    assert Path("a/b/roc.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert re.search(rf"plain +{100 * run['accuracy']:.2f} \+- ", printed)
    assert printed.splitlines()[-4:] == [
        f"wrote a/b/{name}" for name in ("report.json", "roc.png", "scores.png", "report.html")
    ]


def test_the_same_input_gives_the_same_bytes(plotted):
    save("f", *faces())
    for out in ("one", "two"):
        main(["pairs", "f.npy", "--out", out])
    for name in FILES:
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes(), name


def test_runs_over_the_same_images_are_compared_whatever_their_order():
    matrix, paths, labels = faces()
    save("a", matrix, paths, labels)
    order = np.random.default_rng(1).permutation(len(paths))
    save("b", matrix[order], [paths[k] for k in order], labels[order])
    main(["pairs", "a.npy", "other=b.npy", "--out", "out"])
    runs = report()["runs"]
    assert list(runs) == ["a", "other"]
    assert runs["a"].pop("made_from") != runs["other"].pop("made_from")
    assert runs["a"] == runs["other"]


def test_names_may_be_given_apart_from_the_files():
    save("a", *faces())
    save("b", *faces(noise=2))
    main(["pairs", "a.npy", "b.npy", "--name", "x", "y", "--out", "out"])
    assert list(report()["runs"]) == ["x", "y"]
    with pytest.raises(InputError, match="1 names for 2 feature files"):
        main(["pairs", "a.npy", "b.npy", "--name", "x", "--out", "out"])


def test_the_report_says_what_it_was_made_from():
    matrix, paths, labels = faces()
    save("a", matrix, paths, labels)
    Path("a.json").write_text('{"blob": "fc5"}')
    save("b", matrix, paths, labels)
    Path("b.json").write_text('{"blob": ')
    Path("pairs.txt").write_text(
        "".join(
            f"{paths[k]}\t{paths[k + 1]}\t{int(labels[k] == labels[k + 1])}\n" for k in range(40)
        )
    )
    main(["pairs", "a.npy", "b.npy", "--pairs", "pairs.txt", "--folds", "2", "--out", "out"])
    content = report()

    def named(path):
        return {"path": path, "sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest()}

    assert content["protocol"]["pairs"] == named("pairs.txt")
    assert content["runs"]["a"]["made_from"] == {
        "features": named("a.npy"), "list": named("a.txt"), "extracted": {"blob": "fc5"},
    }  # fmt: skip
    assert content["runs"]["b"]["made_from"]["extracted"] is None


def test_less_noise_scores_better():
    save("good", *faces(noise=0.5))
    save("bad", *faces(noise=1.5))
    main(["pairs", "bad.npy", "good.npy", "--out", "out", "--far", "0.01"])
    bad, good = report()["runs"].values()
    assert good["accuracy"] > bad["accuracy"]
    assert good["tar_at_far"]["0.01"] > bad["tar_at_far"]["0.01"]
    assert good["eer"] < bad["eer"]
    assert good["auc"] > bad["auc"]


def test_a_far_that_cannot_be_resolved_is_null_with_its_reason(capsys):
    save("f", *faces(number=4, each=5))
    main(["pairs", "f.npy", "--out", "out"])
    run = report()["runs"]["f"]
    assert run["tar_at_far"]["0.01"] is not None
    assert run["tar_at_far"]["0.001"] is None
    assert "150 impostor pairs; needs at least 1000" in run["tar_unresolved"]["0.001"]
    assert "not resolved: a FAR of 0.001" in capsys.readouterr().out
    assert "not resolved" in Path("out/report.html").read_text(encoding="utf-8")


def test_few_people_share_folds_and_every_report_says_so(capsys):
    save("f", *faces(number=9, each=8))
    main(["pairs", "f.npy", "--out", "out"])
    sentence = "The folds share people: 9 have two images or more"
    assert report()["protocol"]["folds_share_people"] is True
    assert any(sentence in rule for rule in report()["protocol"]["rules"])
    assert sentence in capsys.readouterr().out
    assert sentence in Path("out/report.html").read_text(encoding="utf-8")


def write_pairs(paths, labels, number=40):
    random = np.random.default_rng(3)
    lines = []
    while len(lines) < 2 * number:
        i, j = random.integers(len(paths), size=2)
        if i != j and (labels[i] == labels[j]) == (len(lines) % 2 == 0):
            lines.append(f"{paths[i]}\t{paths[j]}\t{int(labels[i] == labels[j])}\n")
    Path("pairs.txt").write_text("".join(lines), encoding="utf-8")


def test_listed_pairs_are_scored_without_labels():
    matrix, paths, labels = faces()
    save("f", matrix, paths)
    write_pairs(paths, labels)
    main(["pairs", "f.npy", "--pairs", "pairs.txt", "--out", "out", "--far", "0.1"])
    content = report()
    assert content["people"] is None
    assert content["protocol"]["folds_share_people"] is None
    run = content["runs"]["f"]
    assert run["pairs"]["tar"] == run["pairs"]["accuracy"] == {"matched": 40, "mismatched": 40}
    assert run["tar_interval_95"] == {}


def test_listed_pairs_are_read_in_their_encoding():
    matrix, paths, labels = faces()
    paths = [path.replace("person", "张") for path in paths]
    save("f", matrix, paths, labels)
    write_pairs(paths, labels)
    text = Path("pairs.txt").read_text(encoding="utf-8")
    Path("pairs.txt").write_bytes(text.encode("gbk"))
    command = ["pairs", "f.npy", "--pairs", "pairs.txt", "--out", "out"]
    with pytest.raises(InputError, match="pairs.txt:1: not UTF-8; looks like GBK"):
        main(command)
    main([*command, "--encoding", "gbk"])
    assert report()["runs"]["f"]["pairs"]["accuracy"] == {"matched": 40, "mismatched": 40}


def test_labels_of_pairs_that_contradict_the_identities_are_told(capsys):
    matrix, paths, labels = faces()
    save("f", matrix, paths, labels)
    write_pairs(paths, labels)
    text = Path("pairs.txt").read_text(encoding="utf-8")
    command = ["pairs", "f.npy", "--pairs", "pairs.txt", "--out", "out"]
    Path("pairs.txt").write_text(text.replace("\t1\n", "\t0\n", 1), encoding="utf-8")
    main(command)
    told = "The pairs' labels contradict the identities"
    assert f"{told}, which are the images' labels, in 1 of 80 pairs" in capsys.readouterr().out
    assert any(told in rule for rule in report()["protocol"]["rules"])
    flipped = "".join(line[:-2] + "10"[int(line[-2])] + "\n" for line in text.splitlines(True))
    Path("pairs.txt").write_text(flipped, encoding="utf-8")
    with pytest.raises(InputError, match="labels contradict the identities"):
        main(command)


def test_missing_images_stop_the_run_unless_allowed(capsys):
    matrix, paths, labels = faces()
    write_pairs(paths, labels)
    lost = Path("pairs.txt").read_text(encoding="utf-8").split("\t")[0]
    kept = [k for k, path in enumerate(paths) if path != lost]
    save("f", matrix[kept], [paths[k] for k in kept], labels[kept])
    command = ["pairs", "f.npy", "--pairs", "pairs.txt", "--out", "out"]
    with pytest.raises(InputError, match="1 images of the pairs have no feature") as caught:
        main(command)
    assert caught.value.found == f"{lost} missing"
    main([*command, "--allow-missing"])
    assert any("pairs left out" in rule for rule in report()["protocol"]["rules"])
    assert "pairs left out" in capsys.readouterr().out


def test_images_without_labels_need_a_list_of_pairs():
    matrix, paths, _ = faces()
    save("f", matrix, paths)
    with pytest.raises(InputError, match="no labels") as caught:
        main(["pairs", "f.npy", "--out", "out"])
    assert "--pairs" in caught.value.hint


def test_one_person_only_is_refused():
    save("f", *faces(number=1, each=30))
    with pytest.raises(InputError, match="1 people with 30 images"):
        main(["pairs", "f.npy", "--out", "out"])


def test_a_zero_feature_is_refused_and_named():
    matrix, paths, labels = faces()
    matrix[7] = 0
    save("f", matrix, paths, labels)
    with pytest.raises(InputError, match=re.escape(f"row 7 (f: {paths[7]}) is all zeros")):
        main(["pairs", "f.npy", "--out", "out"])


def test_a_feature_that_is_not_finite_is_refused_and_named():
    matrix, paths, labels = faces()
    save("f", matrix, paths, labels)
    matrix[7, 2] = np.nan
    np.save("f.npy", matrix.astype(np.float32))
    with pytest.raises(InputError, match=re.escape(f"row 7 ({paths[7]})")):
        main(["pairs", "f.npy", "--out", "out"])


def test_a_path_that_stands_twice_is_refused():
    matrix, paths, labels = faces()
    save("f", matrix, paths, labels)
    text = Path("f.txt").read_text(encoding="utf-8").replace(paths[1], paths[0])
    Path("f.txt").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(paths[0])):
        main(["pairs", "f.npy", "--out", "out"])


def test_runs_over_different_images_are_refused_and_the_images_named():
    matrix, paths, labels = faces()
    save("a", matrix, paths, labels)
    save("b", matrix[1:], [*paths[1:-1], "new.png"], labels[1:])
    with pytest.raises(InputError, match="a and b are not of the same images") as caught:
        main(["pairs", "a.npy", "b.npy", "--out", "out"])
    assert caught.value.found == f"2 only in a ({paths[0]}, ...), 1 only in b (new.png)"


def test_runs_with_different_labels_are_refused():
    matrix, paths, labels = faces()
    save("a", matrix, paths, labels)
    labels = labels.copy()
    labels[5] = 99
    save("b", matrix, paths, labels)
    with pytest.raises(InputError, match=re.escape(f"label of {paths[5]}")) as caught:
        main(["pairs", "a.npy", "b.npy", "--out", "out"])
    assert caught.value.found == "0 and 99"


def test_two_runs_of_one_name_are_refused():
    save("a", *faces())
    with pytest.raises(InputError, match="'a' does not"):
        main(["pairs", "a.npy", "a=a.npy", "--out", "out"])


def test_a_folder_that_cannot_be_written_is_refused_before_the_work():
    Path("file").write_text("")
    with pytest.raises(InputError, match="cannot make the folder file/out"):
        main(["pairs", "missing.npy", "--out", "file/out"])


@pytest.mark.parametrize(
    ("option", "message"),
    [(["--far", "0"], "--far 0"), (["--far", "1.5"], "--far 1.5"), (["--seed", "-1"], "--seed -1")],
)
def test_options_out_of_range_are_refused(option, message):
    with pytest.raises(InputError, match=message):
        main(["pairs", "f.npy", "--out", "out", *option])


def test_a_failed_run_leaves_the_last_report_as_it_was():
    matrix, paths, labels = faces()
    save("f", matrix, paths, labels)
    main(["pairs", "f.npy", "--out", "out"])
    before = {name: Path("out", name).read_bytes() for name in FILES}
    matrix[0] = 0
    save("f", matrix, paths, labels)
    with pytest.raises(InputError):
        main(["pairs", "f.npy", "--out", "out"])
    assert {name: Path("out", name).read_bytes() for name in os.listdir("out")} == before


def test_photographs_of_the_hardest_pairs_are_shown_where_a_folder_is_given():
    cv2 = pytest.importorskip("cv2")
    matrix, paths, labels = faces(number=4)
    save("f", matrix, paths, labels)
    with pytest.raises(InputError, match="24 of 24 images are not below --images img"):
        main(["pairs", "f.npy", "--out", "out", "--images", "img"])
    for k, path in enumerate(paths):
        Path("img", path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(Path("img", path)), np.full((20, 16, 3), 10 * k, np.uint8))
    main(["pairs", "f.npy", "--out", "out", "--images", "img"])
    page = Path("out/report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 32  # 8 genuine and 8 impostor pairs
    assert f'alt="{paths[0]}"' in page


def test_names_cannot_carry_markup_into_the_page():
    matrix, paths, labels = faces()
    save("f", matrix, paths, labels)
    main(["pairs", "f.npy", "--name", "<script>alert(1)</script>", "--out", "out"])
    page = Path("out/report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert list(report()["runs"]) == ["<script>alert(1)</script>"]


def test_the_command_line_ends_with_status_2_and_one_message(step):
    done = step("evaluate", "pairs", "none.npy", "--out", "out")
    assert done.returncode == 2
    assert done.stderr.startswith("amcaffe evaluate: cannot read the features none.npy")
    assert "Traceback" not in done.stderr
    done = step("evaluate", "pairs", "--help")
    assert done.returncode == 0
    assert "example:\n  python -m amcaffe.evaluate pairs" in done.stdout


def test_real_photographs_are_measured_by_their_pixels(plotted):
    """Raw pixels of ten people who were photographed in one studio: far from chance."""
    if not ATT_FACES.is_dir():
        pytest.skip("no ../shared/data/att_faces beside this checkout")
    cv2 = pytest.importorskip("cv2")
    paths = [f"s{person}/{k}.pgm" for person in range(31, 41) for k in range(1, 11)]
    images = [cv2.imread(str(ATT_FACES / path), cv2.IMREAD_GRAYSCALE) for path in paths]
    matrix = np.stack([cv2.resize(image, (23, 28)).ravel() for image in images]).astype(float)
    save("pixels", matrix - matrix.mean(axis=0), paths, np.repeat(np.arange(10), 10))
    main(["pairs", "pixels.npy", "--out", "out", "--images", str(ATT_FACES)])
    run = report()["runs"]["pixels"]
    assert run["pairs"]["tar"] == {"matched": 450, "mismatched": 4500}
    assert 0.75 < run["accuracy"] < 1
    assert 0.3 < run["tar_at_far"]["0.001"] < run["tar_at_far"]["0.01"] < 1


@pytest.mark.parametrize("name", ["report.json", "report.html"])
def test_a_report_never_takes_the_place_of_what_is_evaluated(name):
    Path("out").mkdir()
    save("out/report", *faces())
    Path("out/report.json").write_text('{"made": "by extract"}')
    Path("out/report.html").write_text("person 0/0000.png person 0/0001.png 1\n")
    arguments = ["out/report"] if name == "report.json" else ["out/report", "--name", "a"]
    if name == "report.html":
        Path("out/report.json").unlink()
        arguments += ["--pairs", "out/report.html"]
    before = {path: path.read_bytes() for path in Path("out").iterdir()}
    with pytest.raises(InputError, match=f"out/{name} would be written over"):
        main(["pairs", *arguments, "--out", "out"])
    assert {path: path.read_bytes() for path in Path("out").iterdir()} == before


def test_a_report_that_cannot_be_written_whole_leaves_the_old_one(monkeypatch):
    save("f", *faces())
    main(["pairs", "f", "--out", "out"])
    before = {path: path.read_bytes() for path in Path("out").iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left"):
        main(["pairs", "g=f.npy", "--out", "out"])
    assert {path: path.read_bytes() for path in Path("out").iterdir()} == before


@pytest.mark.parametrize("spread", [0, 1e-6, 0.05])
def test_features_that_are_all_alike_are_told_wherever_a_figure_is(capsys, spread):
    matrix, paths, labels = faces()
    save("healthy", matrix, paths, labels)
    save("one", 1 + spread * matrix, paths, labels)
    main(["pairs", "healthy.npy", "one.npy", "--out", "out"])
    printed, told = capsys.readouterr()
    assert "warning: one: features are all alike: the mean cosine between them is 0.99" in told or (
        "the mean cosine between them is 1.000000" in told
    )
    assert "healthy" not in told
    assert re.search(r"^one \(features all alike\)  +\d", printed, re.MULTILINE)
    assert re.search(r"^healthy  +\d", printed, re.MULTILINE)
    runs = report()["runs"]
    assert runs["healthy"]["doubt"] is None and runs["healthy"]["mean_cosine"] < 0.1
    assert "features are all alike" in runs["one"]["doubt"]
    page = Path("out/report.html").read_text()
    assert re.search(r"one [\d.]+ % \(features all alike\)", page)  # below the title
    assert "one (features all alike)" in page and "one: features are all alike" in page
    assert "NaN" not in Path("out/report.json").read_text()
