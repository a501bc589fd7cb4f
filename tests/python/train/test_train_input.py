"""Training says how it made its input, and does not begin where the deploy net has another."""

import json

import cv2
import numpy as np
import pytest

from amcaffe.data.features import load_features
from amcaffe.errors import InputError
from amcaffe.nets.reading import TRAIN, layers_in, read_net
from amcaffe.train.input_check import TrainingInput

pytestmark = pytest.mark.usefixtures("stock_caffe")
NET = "net/face_train_test_softmax.prototxt"


def report(tiny_faces):
    return json.loads((tiny_faces.folder / "out/train.json").read_text())


def edit(path, *changes):
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def test_the_report_has_the_input_and_the_deploy_net_agrees(train, tiny_faces):
    tiny_faces.render(max_iter=1, mean=127.5, resize=True, size=(24, 20))
    assert train().returncode == 0
    assert report(tiny_faces)["input"] == "bgr,127.5,0.0078125,resize=24x20"
    first = (tiny_faces.folder / "net/face_deploy.prototxt").read_text().split("\n")[0]
    assert first == "# amcaffe input: bgr,127.5,0.0078125,resize=24x20"


def test_a_net_of_grey_crops_says_so_and_is_extracted_from_as_its_test_phase_computes(
    train, step, tiny_faces, patched_caffe, monkeypatch
):
    tiny_faces.render(max_iter=1)
    edit(
        tiny_faces.folder / "net/face_deploy.prototxt",
        ("bgr,128,0.0078125", "grey,100,0.0078125,crop=20x20"),
        ("dim: 3", "dim: 1"),
        ("dim: 28", "dim: 20"),
        ("dim: 24", "dim: 20"),
    )
    edit(
        tiny_faces.folder / NET,
        ("mean_value: 128", "mean_value: 100 crop_size: 20"),
        ("shuffle", "is_color: false shuffle"),
    )
    assert train().returncode == 0
    assert report(tiny_faces)["input"] == "grey,100,0.0078125,crop=20x20"
    done = step(
        "extract", "train.txt", "out/f", "--root", "img", "--net", "net/face_deploy.prototxt",
        "--weights", "out/final.caffemodel", "--mirror", "none", "--no-normalize",
        cwd=tiny_faces.folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tiny_faces.folder)
    tested = patched_caffe.Net(NET, patched_caffe.TEST, weights="out/final.caffemodel")
    tested.forward()
    found = load_features("out/f").matrix[:32]
    np.testing.assert_allclose(found, tested.blobs["fc5"].data, rtol=1e-4, atol=1e-6)
    assert found.std(axis=0).min() > 1e-3


def test_images_of_another_size_than_the_deploy_nets_are_refused_before_training(train, tiny_faces):
    for path in (tiny_faces.folder / "img").iterdir():
        cv2.imwrite(str(path), cv2.imread(str(path))[:27])
    done = train()
    assert done.returncode == 2
    assert "gives images of another shape than the deploy net net/face_deploy.prototxt" in (
        done.stderr
    )
    assert "3 x 27 x 24" in done.stderr and "3 x 28 x 24" in done.stderr
    assert not (tiny_faces.folder / "out/metrics.csv").exists()


def test_another_deploy_net_can_be_named(train, tiny_faces):
    tiny_faces.render(max_iter=1)
    other = tiny_faces.folder / "other.prototxt"
    other.write_text((tiny_faces.folder / "net/face_deploy.prototxt").read_text())
    edit(other, ("dim: 24", "dim: 25"))
    done = train("--deploy", "other.prototxt")
    assert done.returncode == 2 and "the deploy net other.prototxt takes" in done.stderr
    edit(other, ("dim: 25", "dim: 24"))
    assert train("--deploy", "other.prototxt").returncode == 0
    assert train("--deploy", "none.prototxt").returncode == 2


@pytest.fixture
def check(tiny_faces, monkeypatch):
    monkeypatch.chdir(tiny_faces.folder)

    def run(*changes, deploy=()):
        edit(tiny_faces.folder / NET, *changes)
        edit(tiny_faces.folder / "net/face_deploy.prototxt", *deploy)
        return TrainingInput(NET, layers_in(read_net(NET), TRAIN))

    return run


SHUFFLE = "shuffle: true"


@pytest.mark.parametrize(
    "changes, deploy, complaint",
    [
        ([("mean_value: 128", "mean_value: 127.5")], [], "makes another input than"),
        ([("scale: 0.0078125", "scale: 1")], [], "makes another input than"),
        ([], [("bgr,128", "rgb,128")], "makes another input than"),
        (
            [
                (SHUFFLE, SHUFFLE + " new_height: 40 new_width: 40"),
                ("scale", "crop_size: 28 scale"),
            ],
            [("dim: 24", "dim: 28")],
            "makes another input than",
        ),
        ([("scale", "crop_size: 24 scale")], [], "another shape"),
        ([(SHUFFLE, SHUFFLE + " new_height: 24 new_width: 28")], [], "another shape"),
        ([(SHUFFLE, SHUFFLE + " is_color: false")], [], "another shape"),
        (
            [("mean_value: 128", "mean_value: 1 mean_value: 2")],
            [],
            "layer data: 2 means for 3 channels",
        ),
        ([("mean_value: 128", "mean_value: -1")], [], "layer data: a mean is out of range"),
        ([], [('type: "Input"', 'type: "DummyData"')], "does not begin with one input"),
        ([], [("dim: 3", "dim: 4")], "is not of images"),
        ([], [("bgr,128", "128")], "face_deploy.prototxt:1: this does not say"),
    ],
)
def test_what_the_nets_themselves_contradict_is_refused_before_an_image_is_read(
    check, changes, deploy, complaint
):
    with pytest.raises(InputError, match=complaint):
        check(*changes, deploy=deploy)


def test_the_same_input_is_taken_however_it_is_written(check):
    made = check(
        ("mean_value: 128", "mean_value: 128 mean_value: 128 mean_value: 128"),
        deploy=[("bgr,128,0.0078125", "bgr,128/128/128,7.8125e-3,resize=28x24")],
    )
    assert str(made.net_input) == "bgr,128,0.0078125" and made.blob == "data"
    made.check((3, 28, 24))
    with pytest.raises(InputError, match="another shape"):
        made.check((3, 28, 25))


def test_a_deploy_net_without_the_line_is_compared_by_size(check):
    made = check(
        ("mean_value: 128", "mean_value: 5"), deploy=[("# amcaffe input: bgr,128,0.0078125\n", "")]
    )
    assert str(made.net_input) == "bgr,5,0.0078125"


def test_a_net_of_another_name_has_no_deploy_net_beside_it(check, tiny_faces):
    check()
    mine = tiny_faces.folder / "net/mine.prototxt"
    mine.write_text((tiny_faces.folder / NET).read_text())
    edit(mine, ("mean_value: 128", "mean_value: 7"))
    layers = layers_in(read_net(mine), TRAIN)
    assert str(TrainingInput(mine, layers).net_input) == "bgr,7,0.0078125"
    with pytest.raises(InputError, match="makes another input"):
        TrainingInput(mine, layers, deploy="net/face_deploy.prototxt")


def test_what_the_form_cannot_say_is_left_open(check, tiny_faces):
    made = check(("mean_value: 128", 'mean_file: "mean.binaryproto"'))
    assert made.net_input is None
    made.check((3, 28, 24))
    with pytest.raises(InputError, match="another shape"):
        made.check((3, 24, 24))


def database(transform):
    from caffe.proto import caffe_pb2
    from google.protobuf import text_format

    return text_format.Parse(
        'type: "Data" name: "data" top: "data" top: "label" '
        f"transform_param {{ {transform} }} data_param {{ source: 'lmdb' backend: LMDB }}",
        caffe_pb2.LayerParameter(),
    )


def test_a_databases_input_is_known_when_its_images_are():
    made = TrainingInput("net", [database("mean_value: 128 crop_size: 20")])
    assert made.net_input is None
    made.check((1, 20, 20))
    assert str(made.net_input) == "grey,128,1,crop=20x20"
    forced = TrainingInput("net", [database("force_color: true")])
    assert str(forced.net_input) == "bgr,0,1"


def test_two_image_layers_are_no_one_input():
    made = TrainingInput("net", [database(""), database("")])
    assert made.net_input is None and made.blob is None
    assert TrainingInput("net", []).blob is None
    with pytest.raises(InputError, match="nothing to compare --deploy face.prototxt with"):
        TrainingInput("net", [], "face.prototxt")
