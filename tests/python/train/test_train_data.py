"""Everything about an image list that would kill Caffe is found before Caffe starts."""

import functools
import json
import os

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("stock_caffe")


@pytest.fixture
def check(tiny_faces, monkeypatch):
    """Check the data layer of the tiny net, from its folder."""
    from amcaffe.nets import reading
    from amcaffe.train.data_check import check_data

    monkeypatch.chdir(tiny_faces.folder)

    def run(path="net/face_train_test_softmax.prototxt", **options):
        net = reading.read_net(path)
        layers = reading.layers_in(net, reading.TRAIN)
        return check_data(path, layers, remember="checked.json", **options)

    return run


def as_named(tiny_faces, form, encoding="utf-8"):
    """Write the list with each line as form(name, label) has it."""
    pairs = [line.split(" ") for line in tiny_faces.list.read_text().splitlines()]
    tiny_faces.list.write_bytes("".join(form(*pair) for pair in pairs).encode(encoding))


# Forms that ImageData reads otherwise, or not at all.
FOREIGN = {
    "commas": lambda name, label: f"{name},{label}\n",
    "tabs": lambda name, label: f"{name}\t{label}\r\n",
    "two blanks": lambda name, label: f"{name}  {label}\n",
    "a blank at the end": lambda name, label: f"{name} {label} \n",
    "blank lines": lambda name, label: f"{name} {label}\n\n",
    "comments": lambda name, label: f"# {label}\n{name} {label}\n",
    "labels first": lambda name, label: f"{label} {name}\n",
    "backslashes": lambda name, label: f".\\{name} {label}\n",
    "a mark on each line": lambda name, label: f"\ufeff{name} {label}\n",
}
OWN = {
    "as it is": lambda name, label: f"{name} {label}\n",
    "CR LF": lambda name, label: f"{name} {label}\r\n",
}


def refusal(check):
    from amcaffe.errors import InputError

    with pytest.raises(InputError) as caught:
        check()
    return str(caught.value)


def test_a_good_list_is_counted(check):
    assert check() == 60


@pytest.mark.parametrize(
    "line, complaint",
    [
        ("nowhere.png 1", "line 61: img/nowhere.png: no such file"),
        ("broken.png 1", "line 61: img/broken.png: not an image"),
        ("empty.png 1", "line 61: img/empty.png: an empty file"),
        ("cut.jpg 1", "line 61: img/cut.jpg: a truncated JPEG"),
        ("0.png 6", "line 61: label 6 is not below the net's 6 classes"),
        (
            "0.png -1",
            "line 61: label -1 is negative, and layer softmax_loss (SoftmaxWithLoss) "
            "does not leave its row out without loss_param { ignore_label: -1 }",
        ),
        ("wide.png 1", "line 61: is 28x30, most images are 28x24"),
    ],
)
def test_each_kind_of_bad_line_is_named(check, tiny_faces, line, complaint):
    import cv2

    images = tiny_faces.folder / "img"
    (images / "broken.png").write_bytes(b"not a picture")
    (images / "empty.png").write_bytes(b"")
    cv2.imwrite(str(images / "wide.png"), np.zeros((28, 30, 3), np.uint8))
    noise = np.random.default_rng(0).integers(0, 255, (28, 24, 3), dtype=np.uint8)
    jpeg = cv2.imencode(".jpg", noise)[1].tobytes()
    (images / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    tiny_faces.append(line)
    said = refusal(check)
    assert "train.txt: 1 of 61 lines" in said and complaint in said


@pytest.mark.parametrize(
    "line, complaint",
    [
        ("0.png 1.5", "train.txt:61: a label is a whole number"),
        ("0.png", "train.txt:61: this line has no label, 60 others have one"),
        ("0.png 1 0.5", "train.txt:61: 2 labels"),
        ("0.png,1", "train.txt:61: a comma before the label"),
        ("0.png 99999999999999999999", "train.txt:61: a label beyond 64 bits"),
        ("0.png 4294967296", "line 61: label 4294967296 is beyond the 32 bits"),
    ],
)
def test_a_line_that_extract_refuses_for_its_form_is_refused(check, tiny_faces, line, complaint):
    tiny_faces.append(line)
    assert complaint in refusal(check)


def test_a_list_without_labels_is_refused(check, tiny_faces):
    tiny_faces.list.write_text("0.png\n1.png\n")
    assert "train.txt:1: a list without labels cannot be trained on" in refusal(check)


@pytest.mark.parametrize("form", [*FOREIGN, *OWN])
def test_a_list_in_another_form_is_counted_and_copied_for_caffe(check, tiny_faces, form):
    from amcaffe.train.list_copies import ListCopies

    plain = tiny_faces.list.read_bytes()
    as_named(tiny_faces, FOREIGN.get(form) or OWN[form])
    written = tiny_faces.list.read_bytes()
    assert check(copies=ListCopies("out")) == 60
    copies = {path.name: path.read_bytes() for path in (tiny_faces.folder / "out").rglob("*.txt")}
    assert copies == ({"train.txt": plain} if form in FOREIGN else {})
    assert tiny_faces.list.read_bytes() == written


def test_a_list_in_another_encoding_is_copied_as_utf_8(check, tiny_faces):
    from amcaffe.train.list_copies import ListCopies

    (tiny_faces.folder / "img/0.png").rename(tiny_faces.folder / "img/张 三.png")
    text = tiny_faces.list.read_text().replace("0.png", "张 三.png", 1)
    tiny_faces.list.write_bytes(text.encode("gbk"))
    assert "looks like GBK" in refusal(check)
    assert check(encoding="gbk", copies=ListCopies("out")) == 60
    assert (tiny_faces.folder / "out/for_caffe/train.txt").read_bytes() == text.encode()


def test_training_runs_on_the_copy_and_the_net_stays_as_it_was(step, tiny_faces):
    as_named(tiny_faces, FOREIGN["commas"])
    tiny_faces.render(test_iter=1)
    net = (tiny_faces.folder / "net/face_train_test_softmax.prototxt").read_bytes()
    command = ("train", "--solver", tiny_faces.solver, "--out", "out", "--seed", 1)
    done = step(*command, cwd=tiny_faces.folder)
    assert done.returncode == 0, done.stderr
    copy = "out/for_caffe/face_train_test_softmax.prototxt"
    assert done.stderr.count("train.txt is not in the form that Caffe's ImageData reads") == 1
    assert (tiny_faces.folder / "net/face_train_test_softmax.prototxt").read_bytes() == net
    text = (tiny_faces.folder / copy).read_text()
    assert text.count('source: "out/for_caffe/train.txt"') == 2
    assert f'"{copy}"' in (tiny_faces.folder / "out/solver.prototxt").read_text()
    tiny_faces.list.write_bytes((tiny_faces.folder / "out/for_caffe/train.txt").read_bytes())
    plain = step(*command[:4], "plain", *command[5:], cwd=tiny_faces.folder)
    assert plain.returncode == 0 and "for_caffe" not in plain.stderr
    losses = [
        [
            line.split(",")[:2]
            for line in (tiny_faces.folder / out / "metrics.csv").read_text().split()
        ]
        for out in ("out", "plain")
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    "change, classes, said",
    [
        (lambda label: label, 6, None),
        (
            lambda label: label,
            9,
            "6 labels for the net's 9 outputs: 3 have no image, the first of them label 6",
        ),
        (lambda label: label + 1, 7, "labels do not begin at 0 but at 1"),
        (
            lambda label: 2 * label,
            11,
            "6 labels for the net's 11 outputs: 5 have no image, the first of them label 1",
        ),
    ],
)
def test_labels_that_leave_outputs_alone_are_told(check, tiny_faces, capfd, change, classes, said):
    as_named(tiny_faces, lambda name, label: f"{name} {change(int(label))}\n")
    tiny_faces.render(classes=classes)
    check()
    err = capfd.readouterr().err
    assert (f"warning: {said}" in err) if said else "warning" not in err
    check(training=False)
    assert "warning" not in capfd.readouterr().err


def test_more_labels_than_outputs_leave_none_of_these_alone(check, tiny_faces, capfd):
    tiny_faces.render(classes=4)
    assert "an integer in 0..3" in refusal(check)
    assert "have no image" not in capfd.readouterr().err


def test_an_image_with_two_labels_is_told(check, tiny_faces, capfd):
    tiny_faces.append("3.png 3\n3.png 5")
    check()
    assert "warning: 3.png has label 3 in line 4 and 5 in line 62" in capfd.readouterr().err


def test_many_bad_lines_are_counted_and_the_first_named(check, tiny_faces):
    for number in range(20):
        tiny_faces.append(f"gone{number}.png 0")
    said = refusal(check)
    assert "20 of 80 lines" in said and "line 61" in said and "and 15 more" in said


def test_paths_may_hold_spaces_and_lines_may_end_in_crlf(check, tiny_faces):
    (tiny_faces.folder / "img/0.png").rename(tiny_faces.folder / "img/a face.png")
    lines = tiny_faces.list.read_text().splitlines()
    tiny_faces.list.write_bytes("\r\n".join(["a face.png 0", *lines[1:], ""]).encode())
    assert check() == 60


def test_sizes_may_differ_where_the_net_resizes(check, tiny_faces):
    import cv2

    cv2.imwrite(str(tiny_faces.folder / "img/wide.png"), np.zeros((28, 30, 3), np.uint8))
    tiny_faces.append("wide.png 1")
    tiny_faces.render(resize=True)
    assert check() == 61


def test_a_crop_larger_than_an_image_is_found(check, tiny_faces):
    net = tiny_faces.folder / "net/face_train_test_softmax.prototxt"
    net.write_text(net.read_text().replace("mirror: true", "mirror: true crop_size: 26"))
    assert "28x24 is smaller than crop_size 26" in refusal(check)


def test_a_label_that_the_loss_ignores_is_allowed(check, tiny_faces):
    tiny_faces.append("0.png -1")
    net = tiny_faces.folder / "net/face_train_test_softmax.prototxt"
    net.write_text(
        net.read_text().replace("loss_weight: 1", "loss_weight: 1 loss_param { ignore_label: -1 }")
    )
    assert check() == 61


def test_an_output_whose_images_are_all_ignored_is_told(check, tiny_faces, capfd):
    net = tiny_faces.folder / "net/face_train_test_softmax.prototxt"
    net.write_text(
        net.read_text().replace("loss_weight: 1", "loss_weight: 1 loss_param { ignore_label: 5 }")
    )
    check()
    said = "warning: 5 labels for the net's 6 outputs: 1 have no image, the first of them label 5"
    assert said in capfd.readouterr().err


@pytest.mark.parametrize(
    "change, complaint",
    [
        (lambda path: path.unlink(), "cannot read the list train.txt: No such file"),
        (lambda path: path.write_text(""), "the list train.txt is empty"),
    ],
)
def test_a_missing_or_an_empty_list_is_named(check, tiny_faces, change, complaint):
    change(tiny_faces.list)
    assert complaint in refusal(check)


def test_a_missing_database_is_named(check, tiny_faces):
    tiny_faces.render(backend="lmdb", source="no/db")
    assert "no/db" in refusal(check)


def test_images_are_decoded_again_only_when_something_changed(check, tiny_faces, monkeypatch):
    from amcaffe.train import data_check

    decoded = []
    real = data_check.check_images
    monkeypatch.setattr(
        data_check,
        "check_images",
        lambda paths, color: decoded.append(len(paths)) or real(paths, color),
    )
    check()
    check()
    assert decoded == [60]
    os.utime(tiny_faces.folder / "img/7.png", (1, 1))
    check()
    tiny_faces.append("3.png 3")
    check()
    assert decoded == [60, 60, 61]
    (tiny_faces.folder / "checked.json").write_text("[")
    check()
    assert decoded == [60, 60, 61, 61]
    assert json.loads((tiny_faces.folder / "checked.json").read_text())


def test_a_changed_class_count_is_checked_against_the_labels_again(check, tiny_faces):
    check()
    tiny_faces.render(classes=5)
    assert "label 5 is not below the net's 5 classes" in refusal(check)


def test_the_test_list_of_a_solver_is_checked_too(step, tiny_faces):
    (tiny_faces.folder / "val.txt").write_text("gone.png 0\n")
    tiny_faces.render(val="val.txt", test_iter=1)
    done = step("train", "--solver", tiny_faces.solver, "--out", "out", cwd=tiny_faces.folder)
    assert done.returncode == 2
    assert "val.txt: 1 of 1 lines" in done.stderr and "img/gone.png" in done.stderr


@pytest.fixture
def check_fused(check, tiny_faces, patched_caffe):
    tiny_faces.render(margins=["am-softmax-fused"])
    return functools.partial(check, "net/face_train_test_fused.prototxt")


def test_a_fused_loss_has_the_classes_itself(check_fused, tiny_faces):
    """Its input is the features, 8 in this net; the 6 classes are its own."""
    tiny_faces.append("0.png 6")
    assert "label 6 is not below the net's 6 classes" in refusal(check_fused)


def test_a_fused_loss_leaves_rows_with_negative_labels_alone(check_fused, tiny_faces):
    tiny_faces.append("0.png -1")
    tiny_faces.append("0.png -7")
    assert check_fused() == 62


def test_a_negative_label_is_refused_where_another_loss_reads_it_too(check_fused, tiny_faces):
    tiny_faces.append("0.png -1")
    with open(tiny_faces.folder / "net/face_train_test_fused.prototxt", "a") as net:
        net.write('layer { name: "plain" type: "SoftmaxWithLoss" bottom: "fc5" bottom: "label" }')
    assert "layer plain (SoftmaxWithLoss) does not leave" in refusal(check_fused)
