"""python/extract_features.py: images in, features and their list out."""

import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from amcaffe.data.features import load_features
from amcaffe.errors import InputError
from amcaffe.extract import extraction as extraction_module
from amcaffe.nets import sphereface, text
from amcaffe.nets.experiment import Experiment
from amcaffe.progress import Progress
from conftest import TinyFaces, step_environment

pytestmark = pytest.mark.usefixtures("stock_caffe")

SCRIPT = Path(__file__).parents[3] / "python/extract_features.py"
STATED = "# amcaffe input: bgr,128,0.0078125\n"
EXPERIMENT = Experiment(depth=4, channels=4, features=8, classes=6, size=(28, 24))


def plain_deploy():
    """The deploy net from data to fc5, without layers of ours: any Caffe runs it."""
    kept = []
    for field, layer in sphereface.deploy_net(EXPERIMENT)[1:]:
        if dict(layer)["type"] in ("Input", "Convolution", "PReLU", "InnerProduct"):
            kept.append(
                (
                    field,
                    [
                        (name, "data" if (name, value) == ("bottom", "concat_data") else value)
                        for name, value in layer
                    ],
                )
            )
    return STATED + text.render(kept)


class Extraction:
    """A folder of tiny faces with deploy nets and weights drawn at random."""

    def __init__(self, folder):
        import caffe

        self.faces = TinyFaces(folder)
        self.folder = self.faces.folder
        (self.folder / "deploy.prototxt").write_text(plain_deploy())
        (self.folder / "face_deploy.prototxt").write_text(
            STATED + text.render(sphereface.deploy_net(EXPERIMENT))
        )
        self.net = caffe.Net(str(self.folder / "deploy.prototxt"), caffe.TEST)
        random = np.random.default_rng(5)
        for blobs in self.net.params.values():
            for blob in blobs:
                blob.data[...] = random.normal(0, 0.3, blob.data.shape)
        self.net.save(str(self.folder / "weights.caffemodel"))

    def run(
        self,
        *arguments,
        list_="train.txt",
        out="out",
        net="deploy.prototxt",
        weights="weights.caffemodel",
        root="img",
    ):
        return subprocess.run(
            self.command(*arguments, list_=list_, out=out, net=net, weights=weights, root=root),
            cwd=self.folder,
            env=step_environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )

    @staticmethod
    def command(*arguments, list_, out, net, weights, root):
        return [
            sys.executable,
            str(SCRIPT),
            list_,
            out,
            "--net",
            net,
            "--weights",
            weights,
            "--root",
            root,
            *map(str, arguments),
        ]

    def features(self, *arguments, **names):
        done = self.run(*arguments, **names)
        assert done.returncode == 0, done.stderr
        return load_features(self.folder / names.get("out", "out"))

    def reference(self, number, mirror=False):
        """fc5 of one image, computed alone and from its own description."""
        image = cv2.imread(str(self.folder / f"img/{number}.png"))
        if mirror:
            image = image[:, ::-1]
        pixels = (image.astype(np.float64) - 128) / 128
        self.net.blobs["data"].data[...] = pixels.transpose(2, 0, 1)[None]
        return self.net.forward()["fc5"][0].astype(np.float64)

    def leftovers(self):
        return [
            path.name
            for path in self.folder.glob("out.*")
            if path.name not in ("out.npy", "out.txt", "out.json")
        ]


@pytest.fixture
def extraction(tmp_path):
    return Extraction(tmp_path)


def unit(vector):
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize(
    "mirror, merged",
    [
        ("none", lambda a, b: a),
        ("sum", lambda a, b: a + b),
        ("concat", lambda a, b: np.concatenate([a, b])),
        ("max", np.maximum),
    ],
)
def test_features_are_the_merged_fc5_of_image_and_mirror(extraction, mirror, merged):
    features = extraction.features("--mirror", mirror, "--batch", 7)
    assert features.paths == [f"{n}.png" for n in range(60)]
    assert features.labels.tolist() == [n % 6 for n in range(60)]
    for number in (0, 6, 7, 59):
        expected = unit(merged(extraction.reference(number), extraction.reference(number, True)))
        np.testing.assert_allclose(features.matrix[number], expected, atol=1e-6)
    assert extraction.leftovers() == []


def test_without_normalisation_features_keep_their_length(extraction):
    features = extraction.features("--no-normalize", "--mirror", "none")
    np.testing.assert_allclose(features.matrix[3], extraction.reference(3), rtol=1e-5, atol=1e-5)


def test_the_summary_says_how_the_features_were_made(extraction):
    done = extraction.run()
    assert done.stdout.split("\n")[-4:-1] == ["out.json", "out.txt", "out.npy"]
    summary = json.loads((extraction.folder / "out.json").read_text())
    assert summary["images"] == 60 and summary["dim"] == 8 and summary["mirror"] == "sum"
    assert summary["images_per_second"] > 0
    for name, path in (
        ("list", "train.txt"),
        ("net", "deploy.prototxt"),
        ("weights", "weights.caffemodel"),
    ):
        digest = hashlib.sha256((extraction.folder / path).read_bytes()).hexdigest()
        assert summary["made_from"][name] == {"path": path, "sha256": digest}
    assert (summary["input"], summary["input_shape"]) == ("bgr,128,0.0078125", [3, 28, 24])


@pytest.mark.parametrize(
    "mirror, merged",
    [
        ("none", lambda a, b: a),
        ("sum", lambda a, b: a + b),
        ("concat", lambda a, b: np.concatenate([a, b])),
        ("max", np.maximum),
    ],
)
def test_the_rows_of_a_net_that_flips_are_merged(extraction, patched_caffe, mirror, merged):
    features = extraction.features("--mirror", mirror, "--batch", 7, net="face_deploy.prototxt")
    for number in (0, 6, 7, 59):
        expected = unit(merged(extraction.reference(number), extraction.reference(number, True)))
        np.testing.assert_allclose(features.matrix[number], expected, atol=1e-6)


def test_a_blob_after_the_nets_own_merge_is_taken_as_it_is(extraction, patched_caffe):
    own = extraction.features("--blob", "norm1", net="face_deploy.prototxt")
    ours = extraction.features(net="face_deploy.prototxt", out="ours")
    np.testing.assert_allclose(own.matrix, ours.matrix, atol=1e-6)
    assert json.loads((extraction.folder / "out.json").read_text())["mirror"] == "net"
    refused = extraction.run("--blob", "norm1", "--mirror", "max", net="face_deploy.prototxt")
    assert refused.returncode == 2 and "--blob fc5" in refused.stderr


def test_grey_images_and_other_sizes_are_read_as_training_reads_them(extraction):
    grey = np.random.default_rng(1).integers(0, 255, (56, 60), dtype=np.uint8)
    cv2.imwrite(str(extraction.folder / "img/grey.png"), grey)
    resized = cv2.resize(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), (24, 28))
    cv2.imwrite(str(extraction.folder / "img/resized.png"), resized)
    (extraction.folder / "two.txt").write_text("grey.png\nresized.png\n")
    done = extraction.run(list_="two.txt")
    assert done.stderr.count("resized to 28x24") == 1
    features = load_features(extraction.folder / "out")
    assert features.labels is None
    np.testing.assert_array_equal(features.matrix[0], features.matrix[1])


def test_unreadable_images_are_reported_and_left_out(extraction):
    (extraction.folder / "img/8.png").write_bytes(b"")
    (extraction.folder / "img/59.png").unlink()
    done = extraction.run("--batch", 4)
    assert done.returncode == 0 and "2 unreadable" in done.stdout
    report = (extraction.folder / "out.unreadable.txt").read_text()
    assert report == "8.png\tan empty file\n59.png\tno such file or directory\n"
    features = load_features(extraction.folder / "out")
    assert features.paths == [f"{n}.png" for n in range(59) if n != 8]
    expected = unit(extraction.reference(9) + extraction.reference(9, True))
    np.testing.assert_allclose(features.matrix[8], expected, atol=1e-6)
    (extraction.folder / "img/8.png").write_bytes((extraction.folder / "img/9.png").read_bytes())
    (extraction.folder / "img/59.png").write_bytes((extraction.folder / "img/9.png").read_bytes())
    assert len(extraction.features().matrix) == 60
    assert extraction.leftovers() == []


def test_weights_in_hdf5_give_the_same_features(extraction):
    pytest.importorskip("h5py")
    extraction.net.save_hdf5(str(extraction.folder / "weights.h5"))
    binary = extraction.features(out="binary")
    np.testing.assert_array_equal(extraction.features(weights="weights.h5").matrix, binary.matrix)
    whole = (extraction.folder / "weights.h5").read_bytes()
    (extraction.folder / "weights.h5").write_bytes(whole[: len(whole) // 2])
    done = extraction.run(weights="weights.h5", out="cut")
    assert done.returncode == 2 and "weights.h5 is truncated" in done.stderr


def test_strict_refuses_an_unreadable_image_and_writes_nothing(extraction):
    (extraction.folder / "img/8.png").write_bytes(b"nonsense")
    done = extraction.run("--strict")
    assert done.returncode == 2
    assert "1 of 60 images" in done.stderr and "img/8.png: not an image" in done.stderr
    assert not list(extraction.folder.glob("out*"))


@pytest.fixture
def three_unreadable(extraction):
    for number in (3, 33, 58):
        (extraction.folder / f"img/{number}.png").write_bytes(b"")
    return extraction


def test_as_many_unreadable_images_as_max_bad_allows_are_left_out(three_unreadable):
    extraction = three_unreadable
    allowed = extraction.features("--max-bad", 0.05)  # three of 60
    assert len(allowed.matrix) == len(allowed.paths) == 57 and "33.png" not in allowed.paths
    assert json.loads((extraction.folder / "out.json").read_text())["unreadable"] == 3
    report = (extraction.folder / "out.unreadable.txt").read_text()
    assert [line.split("\t")[0] for line in report.splitlines()] == ["3.png", "33.png", "58.png"]
    (extraction.folder / "most.txt").write_text("0.png 0\n" + "3.png 0\n33.png 1\n58.png 1\n")
    extraction.features("--max-bad", 0.75, list_="most.txt", out="few")


def test_one_more_stops_the_run_which_goes_on_once_more_are_allowed(three_unreadable):
    extraction = three_unreadable
    before = extraction.features(out="straight")
    stopped = extraction.run("--max-bad", 0.049, "--batch", 10)
    assert stopped.returncode == 2 and not (extraction.folder / "out.npy").exists()
    assert "3 of the first 60 images cannot be read" in stopped.stderr
    assert "img/3.png: an empty file\n" in stopped.stderr
    assert "2 at most of all 60 (--max-bad 0.049)" in stopped.stderr
    again = extraction.run("--max-bad", 0.02)  # met before the net runs
    assert again.returncode == 2 and "going on after 60 images" in again.stderr
    gone_on = extraction.run("--max-bad", 0.05)
    assert gone_on.returncode == 0 and "going on after 60 images" in gone_on.stderr
    found = load_features(extraction.folder / "out")
    assert found.paths == before.paths
    np.testing.assert_allclose(found.matrix, before.matrix, atol=1e-6)


def test_max_bad_0_stops_after_the_batch_of_the_first(three_unreadable):
    done = three_unreadable.run("--max-bad", 0, "--batch", 10)
    assert done.returncode == 2 and "1 of the first 10 images" in done.stderr
    elsewhere = three_unreadable.run("--max-bad", 0.5, "--batch", 31, root="elsewhere", out="none")
    assert elsewhere.returncode == 2 and "31 of the first 31" in elsewhere.stderr
    assert "--root" in elsewhere.stderr


@pytest.mark.parametrize("share", ["-0.1", "1.5", "nan", "5%"])
def test_a_share_is_between_0_and_1(extraction, share):
    done = extraction.run(f"--max-bad={share}")
    assert done.returncode == 2 and "max-bad" in done.stderr
    assert not list(extraction.folder.glob("out*"))


def test_a_share_is_counted_as_it_was_typed():
    """0.29 of 100 are 29, though the float 0.29 is a little less."""
    bad = SimpleNamespace(unreadable=dict.fromkeys(range(29), "gone"), done=100)
    refuse = extraction_module._refuse_too_many
    refuse(bad, ["x"] * 100, SimpleNamespace(image_list="list", max_bad=0.29))
    with pytest.raises(InputError, match="29 of the first 100"):
        refuse(bad, ["x"] * 100, SimpleNamespace(image_list="list", max_bad=0.28))


def test_evaluate_works_on_what_is_left(three_unreadable, step):
    extraction = three_unreadable
    extraction.features("--max-bad", 0.05)
    done = step("evaluate", "pairs", "out", "--out", "report", "--far", 0.1, cwd=extraction.folder)
    assert done.returncode == 0, done.stderr
    assert json.loads((extraction.folder / "report/report.json").read_text())["runs"]


def test_a_list_of_unreadable_images_is_an_error(extraction):
    done = extraction.run(root="elsewhere")
    assert done.returncode == 2
    assert "none of the 60 images" in done.stderr and "--root" in done.stderr
    assert not list(extraction.folder.glob("out*"))


def test_an_interrupted_extraction_goes_on_where_it_was(extraction):
    """Ctrl-C with 4000 images to do, then the same command, against one go."""
    lines = []
    for number in range(4000):
        name = f"link{number}.png"
        os.link(extraction.folder / f"img/{number % 60}.png", extraction.folder / "img" / name)
        lines.append(f"{name} {number}\n")
    (extraction.folder / "many.txt").write_text("".join(lines))
    names = dict(
        list_="many.txt", out="out", net="deploy.prototxt", weights="weights.caffemodel", root="img"
    )
    running = subprocess.Popen(
        extraction.command("--batch", 1, **names),
        cwd=extraction.folder,
        env=step_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    state = extraction.folder / "out.partial.json"
    while not state.exists():
        assert running.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    done = json.loads(state.read_text())["done"]
    assert 0 < done < 4000
    assert not (extraction.folder / "out.npy").exists()

    matrix = np.load(extraction.folder / "out.partial.npy")
    matrix[0] = 77  # shows that this row is not computed again
    np.save(extraction.folder / "out.partial.npy", matrix)
    finished = extraction.run("--batch", 50, **names)
    assert finished.returncode == 0 and f"going on after {done} images" in finished.stderr
    resumed = load_features(extraction.folder / "out")
    straight = extraction.features(**{**names, "out": "straight"})
    assert (resumed.matrix[0] == 77).all()
    np.testing.assert_allclose(resumed.matrix[1:], straight.matrix[1:], atol=1e-6)
    assert resumed.paths == straight.paths
    assert extraction.leftovers() == []


@pytest.fixture
def extract_here(extraction, monkeypatch):
    """Extract in this process and folder, batches of 10 taking a quarter of a second each.

    stop: after how many batches Ctrl-C comes. slower: how many times as long a batch takes.
    """
    from amcaffe.extract import Options, extract
    from amcaffe.extract import extraction as module

    monkeypatch.chdir(extraction.folder)

    def run(stop=None, out="out", slower=1):
        done = itertools.count(1)
        # Read once before the first batch and once after each.
        ticks = itertools.count()
        clock = SimpleNamespace(perf_counter=lambda: next(ticks) * slower / 4)
        monkeypatch.setattr(module, "time", clock)

        class Interrupting(Progress):
            def update(self, n):
                if next(done) == stop:
                    raise KeyboardInterrupt

        monkeypatch.setattr(module, "Progress", Interrupting)
        names = ("train.txt", out, "deploy.prototxt", "weights.caffemodel", "img")
        return extract(Options(*names, batch=10))

    return run


def other_net(extraction):
    net = extraction.folder / "deploy.prototxt"
    shift = 'layer { name: "s" type: "Power" bottom: "fc5" top: "fc5" power_param { shift: 2 } }\n'
    net.write_text(net.read_text() + shift)


def other_weights(extraction):
    for blobs in extraction.net.params.values():
        blobs[0].data[...] *= np.random.default_rng(1).normal(1, 0.5, blobs[0].data.shape)
    extraction.net.save(str(extraction.folder / "weights.caffemodel"))


def other_list(extraction):
    path = extraction.folder / "train.txt"
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))


def other_images(extraction):
    for number in (3, 40):  # one that was read already, and one that was not
        image = cv2.imread(str(extraction.folder / f"img/{number}.png"))
        cv2.imwrite(str(extraction.folder / f"img/{number}.png"), 255 - image)


@pytest.mark.parametrize("change", [other_net, other_weights, other_list, other_images])
def test_work_begins_anew_where_a_file_of_the_same_name_has_changed(
    extraction, extract_here, capfd, change
):
    with pytest.raises(KeyboardInterrupt):
        extract_here(stop=3)
    before = np.load(extraction.folder / "out.partial.npy")[:30]
    assert before.any(axis=1).all()
    change(extraction)
    capfd.readouterr()
    extract_here()
    assert "going on after" not in capfd.readouterr().err
    found = load_features(extraction.folder / "out")
    extract_here(out="afresh")
    afresh = load_features(extraction.folder / "afresh")
    assert found.paths == afresh.paths
    np.testing.assert_array_equal(found.matrix, afresh.matrix)
    assert not np.allclose(found.matrix[:30], before, atol=0.01)


def test_the_summary_counts_the_seconds_and_images_of_a_second(extract_here, capsys):
    summary = extract_here()
    assert (summary["seconds"], summary["images_per_second"]) == (1.5, 40)
    assert "60 images, 40 images/s" in capsys.readouterr().out


def test_a_resumed_run_adds_up_the_seconds_and_its_speed_is_its_own(
    extraction, extract_here, capsys
):
    (extraction.folder / "img/50.png").unlink()  # not read, so of no speed
    with pytest.raises(KeyboardInterrupt):
        extract_here(stop=4)
    state = json.loads((extraction.folder / "out.partial.json").read_text())
    assert (state["done"], state["seconds"]) == (40, 1)
    summary = extract_here(slower=2)
    assert (summary["seconds"], summary["images_per_second"]) == (2, 19)
    assert json.loads((extraction.folder / "out.json").read_text()) == summary
    with pytest.raises(KeyboardInterrupt):
        extract_here(stop=6)
    capsys.readouterr()
    assert extract_here()["images_per_second"] is None  # nothing was left to read
    assert "59 images, 8 values each" in capsys.readouterr().out


def test_a_partial_result_of_other_work_is_not_gone_on_with(tmp_path):
    from amcaffe.extract.partial import Partial

    first = Partial(tmp_path / "out", (4, 2), "one signature")
    first.matrix[:] = 5
    first.done = 3
    first.save()
    assert Partial(tmp_path / "out", (4, 2), "one signature").done == 3
    assert Partial(tmp_path / "out", (4, 3), "one signature").done == 0
    again = Partial(tmp_path / "out", (4, 2), "another")
    assert again.done == 0 and not again.matrix.any()
    again.done = 1
    again.save()
    (tmp_path / "out.partial.npy").write_bytes(b"\x93NUMPY")
    assert Partial(tmp_path / "out", (4, 2), "another").done == 0


def test_a_blob_that_the_net_lacks_is_answered_with_those_it_has(extraction):
    done = extraction.run("--blob", "fc7")
    assert done.returncode == 2
    assert "no blob 'fc7'" in done.stderr and "conv4_1, fc5" in done.stderr


def test_a_layer_that_the_weights_lack_is_named(extraction):
    from caffe.proto import caffe_pb2

    path = extraction.folder / "weights.caffemodel"
    model = caffe_pb2.NetParameter.FromString(path.read_bytes())
    for layer in model.layer:
        if layer.name == "fc5":
            layer.name = "fc_features"
    path.write_bytes(model.SerializeToString())
    done = extraction.run()
    assert done.returncode == 2
    assert "lacks 1 of the 9 layers" in done.stderr and "needs: fc5" in done.stderr
    assert "fc_features" in done.stderr
    assert len(extraction.features("--blob", "conv4_1").matrix) == 60  # does not need fc5


def test_a_layer_of_another_shape_is_named_with_both_shapes(extraction):
    net = extraction.folder / "deploy.prototxt"
    net.write_text(net.read_text().replace("num_output: 8\n", "num_output: 9\n"))
    done = extraction.run()
    assert done.returncode == 2 and "does not have the shape" in done.stderr
    assert "4 x 3 x 3 x 3" in done.stderr or "8 x " in done.stderr
    assert "trained with" in done.stderr and "rename" not in done.stderr


@pytest.mark.parametrize(
    "damage, complaint",
    [
        (lambda data: data[: len(data) // 2], "truncated"),
        (lambda data: b"", "holds no weights"),
        (lambda data: b"\x89HDF\r\n\x1a\n" + data, "HDF5"),
        (lambda data: data[:40] + b"\xff" * 40 + data[80:], "weights.caffemodel"),
    ],
)
def test_hostile_weights_are_refused(extraction, damage, complaint):
    path = extraction.folder / "weights.caffemodel"
    path.write_bytes(damage(path.read_bytes()))
    done = extraction.run()
    assert done.returncode == 2 and complaint in done.stderr, done.stderr


def test_a_blob_whose_numbers_do_not_fill_its_shape_is_refused(extraction):
    from caffe.proto import caffe_pb2

    path = extraction.folder / "weights.caffemodel"
    model = caffe_pb2.NetParameter.FromString(path.read_bytes())
    conv = next(layer for layer in model.layer if layer.blobs)
    del conv.blobs[0].data[5:]
    path.write_bytes(model.SerializeToString())
    done = extraction.run()
    assert done.returncode == 2 and "blob 0 of layer conv1_1" in done.stderr


def test_weights_of_a_diverged_run_are_refused(extraction):
    extraction.net.params["fc5"][0].data[...] = np.nan
    extraction.net.save(str(extraction.folder / "weights.caffemodel"))
    done = extraction.run()
    assert done.returncode == 2 and "is not finite" in done.stderr


@pytest.mark.parametrize(
    "content, complaint",
    [
        (None, "cannot read the list train.txt"),
        ("", "the list train.txt is empty"),
        ("0.png 0\n1.png 1\n0.png 2\n", "train.txt:3: an image with two labels"),
        ("0.png 0\n1.png 1\n0.png 1\n2.png 0\n", "train.txt:3: an image with two labels"),
        ("0.png\n1.png 1\n2.png 2\n", "train.txt:1: this line has no label"),
        ("0.png 0 0.5\n", "train.txt:1: 2 labels"),
    ],
)
def test_an_unusable_list_is_refused(extraction, content, complaint):
    path = extraction.folder / "train.txt"
    path.unlink() if content is None else path.write_text(content)
    done = extraction.run()
    assert done.returncode == 2 and complaint in done.stderr


def test_a_list_in_another_form_gives_the_same_features(extraction):
    text = "".join(f"{n % 6}.0\t.\\{n}.png \r\n\r\n" for n in range(60))
    (extraction.folder / "dialect.txt").write_bytes(text.encode("utf-16"))
    plain, other = extraction.features(), extraction.features(list_="dialect.txt", out="other")
    assert (plain.paths, plain.labels.tolist()) == (other.paths, other.labels.tolist())
    np.testing.assert_array_equal(plain.matrix, other.matrix)


def test_an_image_that_is_listed_again_is_extracted_once(extraction):
    text = "3.png 3\n1.png 1\n3.png 3\n./3.png 3\n2.png 2\n"
    (extraction.folder / "again.txt").write_text(text)
    done = extraction.run(list_="again.txt")
    assert "again.txt: 5 lines, 3 images: each is extracted once" in done.stderr
    features = load_features(extraction.folder / "out")
    assert (features.paths, features.labels.tolist()) == (["3.png", "1.png", "2.png"], [3, 1, 2])
    summary = json.loads((extraction.folder / "out.json").read_text())
    assert (summary["lines"], summary["images"]) == (5, 3)


def test_a_list_of_pairs_in_two_lines_gives_features_that_its_pairs_are_found_in(extraction):
    from amcaffe.data.pair_lists import read_pairs
    from amcaffe.data.pairs import locate

    text = "0.png 1\n6.png 1\n0.png 0\n7.png 0\n1.png 1\n7.png 1\n1.png 0\n6.png 0\n"
    (extraction.folder / "pairs.txt").write_text(text)
    done = extraction.run(list_="pairs.txt")
    assert done.returncode == 0 and "8 lines, 4 images" in done.stderr
    assert "labels left out: they are pairs'" in done.stderr
    features = load_features(extraction.folder / "out")
    assert features.labels is None
    pairs = locate(read_pairs(extraction.folder / "pairs.txt", 2), features.paths)
    assert pairs.left.tolist() == [0, 0, 3, 3] and pairs.right.tolist() == [1, 2, 2, 1]


@pytest.mark.parametrize(
    "text, labels",
    [
        ("0.png 1\n1.png 1\n0.png 1\n2.png 1\n3.png 0\n4.png 0\n", None),
        ("0.png -1\n1.png -1\n0.png 1\n2.png 1\n", None),
        ("0.png 1\n1.png 1\n2.png 0\n3.png 0\n", [1, 1, 0, 0]),
        ("0.png 1\n1.png 0\n0.png 1\n3.png 0\n", [1, 0, 0]),
        ("0.png 2\n1.png 2\n0.png 2\n3.png 2\n", [2, 2, 2]),
    ],
)
def test_labels_of_pairs_are_not_taken_for_people(tmp_path, text, labels):
    from amcaffe.extract.listed import listed_images

    (tmp_path / "l").write_text(text)
    found = listed_images(tmp_path / "l", "", None).labels
    assert found is labels if labels is None else found.tolist() == labels


def test_a_training_net_is_refused(extraction):
    done = extraction.run(net="net/face_train_test_softmax.prototxt")
    assert done.returncode == 2 and "data (ImageData)" in done.stderr


def test_a_check_inside_caffe_is_told_and_logged(extraction):
    net = extraction.folder / "deploy.prototxt"
    net.write_text(net.read_text().replace("stride: 2", "stride: 0"))
    done = extraction.run()
    assert done.returncode != 0
    assert "amcaffe extract: Caffe stopped" in done.stderr
    assert "Check failed" in (extraction.folder / "out.caffe.log").read_text()


@pytest.mark.parametrize(
    "out, complaint",
    [
        ("/proc/amcaffe/feat", "cannot make the folder /proc/amcaffe"),
        ("/proc/feat", "cannot write to the folder /proc"),
        ("taken", "cannot write taken.caffe.log: Is a directory"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(extraction, out, complaint):
    (extraction.folder / "taken.caffe.log").mkdir()
    done = extraction.run(out=out)
    assert done.returncode == 2 and f"amcaffe extract: {complaint}" in done.stderr, done.stderr


def test_rows_of_zeros_are_normalised_to_zeros():
    from amcaffe.nets.mirror import normalize

    features = normalize(np.array([[0, 0], [3e-30, 4e-30], [3e18, 4e18]], np.float32))
    np.testing.assert_allclose(features, [[0, 0], [0.6, 0.8], [0.6, 0.8]], rtol=1e-6)


def test_real_photographs_are_extracted(extraction):
    """40 people of the AT&T Database of Faces: grey, PGM, 92 x 112."""
    faces = Path(__file__).parents[4] / "shared/data/att_faces"
    if not faces.is_dir():
        pytest.skip(f"{faces} is not there")
    lines = [f"s{person}/{shot}.pgm {person}\n" for person in (1, 2) for shot in range(1, 11)]
    (extraction.folder / "att.txt").write_text("".join(lines))
    features = extraction.features(list_="att.txt", root=faces)
    assert features.matrix.shape == (20, 8)
    np.testing.assert_allclose(np.linalg.norm(features.matrix, axis=1), 1, atol=1e-6)


def test_the_library_raises_instead_of_printing(extraction, monkeypatch):
    from amcaffe.extract import Options, extract

    monkeypatch.chdir(extraction.folder)
    with pytest.raises(InputError, match="no blob 'fc7'"):
        extract(
            Options("train.txt", "out", "deploy.prototxt", "weights.caffemodel", "img", blob="fc7")
        )
