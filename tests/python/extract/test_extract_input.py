"""How extraction makes a net's input: as the net or --input says, and never otherwise."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from amcaffe.data.features import load_features
from amcaffe.errors import InputError
from amcaffe.extract import Options, extract, extraction, main
from conftest import TinyFaces

pytestmark = pytest.mark.usefixtures("stock_caffe")
STATED = "# amcaffe input: "


class Means:
    """Tiny faces and a net whose feature is the mean of each channel over the upper left corner."""

    def __init__(self, folder, step):
        self.folder, self._step = TinyFaces(folder).folder, step
        cv2.imwrite(str(self.folder / "img/large.png"), self.image(1).repeat(3, 0).repeat(2, 1))
        (self.folder / "list.txt").write_text("0.png\n1.png\nlarge.png\n")
        self.write(3)

    def image(self, number):
        return cv2.imread(str(self.folder / f"img/{number}.png"))

    def write(self, channels, line="", size=(28, 24)):
        """A net of `channels` that passes its input on, and weights for it."""
        import caffe

        path = self.folder / "deploy.prototxt"
        path.write_text(
            f'{line}layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 '
            f"dim: {channels} dim: {size[0]} dim: {size[1]} }} }} }}\n"
            'layer { name: "same" type: "Convolution" bottom: "data" top: "same" '
            f"convolution_param {{ num_output: {channels} kernel_size: 1 bias_term: false }} }}\n"
        )
        net = caffe.Net(str(path), caffe.TEST)
        net.params["same"][0].data[...] = np.eye(channels)[:, :, None, None]
        net.save(str(self.folder / "weights.caffemodel"))

    @staticmethod
    def arguments(*more):
        return [
            "list.txt", "out", "--root", "img", "--net", "deploy.prototxt", "--weights",
            "weights.caffemodel", "--blob", "same", "--mirror", "none", "--no-normalize", *more,
        ]  # fmt: skip

    def run(self, *arguments):
        return self._step("extract", *self.arguments(*arguments), cwd=self.folder)

    def features(self, *arguments):
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return load_features(self.folder / "out").matrix

    def summary(self):
        return json.loads((self.folder / "out.json").read_text())


@pytest.fixture
def means(tmp_path, step):
    return Means(tmp_path, step)


def test_the_nets_first_line_is_what_is_done(means):
    means.write(3, STATED + "rgb,1/2/3,0.5\n")
    expected = (means.image(0)[:, :, ::-1].astype(np.float32) - [1, 2, 3]) * 0.5
    found = means.features()
    np.testing.assert_array_equal(found[0].reshape(3, 28, 24), expected.transpose(2, 0, 1))
    assert means.summary()["input"] == "rgb,1/2/3,0.5"
    assert means.summary()["input_shape"] == [3, 28, 24]


def test_a_grey_net_reads_colour_files_as_grey(means):
    means.write(1, STATED + "grey,100,0.25\n")
    found = means.features()
    grey = cv2.imread(str(means.folder / "img/0.png"), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(found[0].reshape(28, 24), (grey.astype(np.float32) - 100) * 0.25)
    assert means.summary()["input_shape"] == [1, 28, 24]


def test_the_option_says_it_for_a_net_that_does_not_and_crops(means):
    means.write(3, size=(26, 24))
    done = means.run("--input", "bgr,0,1,crop=26x24")
    assert done.returncode == 0 and "resized" not in done.stderr
    found = load_features(means.folder / "out").matrix
    np.testing.assert_array_equal(
        found[0].reshape(3, 26, 24), means.image(0)[1:27].transpose(2, 0, 1)
    )
    large = means.image(1).repeat(3, 0).repeat(2, 1)
    np.testing.assert_array_equal(
        found[2].reshape(3, 26, 24), large[29:55, 12:36].transpose(2, 0, 1)
    )
    assert means.summary()["input"] == "bgr,0,1,crop=26x24"


def test_images_smaller_than_the_crop_are_left_out_and_named(means):
    means.write(3, size=(50, 40))
    done = means.run("--input", "bgr,0,1,crop=50x40")
    assert done.returncode == 0 and "2 unreadable" in done.stdout
    said = (means.folder / "out.unreadable.txt").read_text()
    assert said.startswith("0.png\t28x24 is smaller than the crop 50x40 (height x width)\n")
    strict = means.run("--input", "bgr,0,1,crop=50x40", "--strict")
    assert strict.returncode == 2 and "2 of 3 images cannot be used" in strict.stderr
    assert "img/1.png: 28x24 is smaller than the crop" in strict.stderr


@pytest.mark.parametrize(
    "channels, line, given, complaint",
    [
        (3, "", (), "does not say how its input is made"),
        (3, "bgr,128,1", ("--input", "rgb,128,1"), "--input contradicts what deploy.prototxt:1"),
        (3, "grey,128,1", (), "deploy.prototxt:1 contradicts the net: grey is 1 channel"),
        (1, "", ("--input", "bgr,1/2/3,1"), "--input contradicts the net: bgr is 3 channels"),
        (1, "", ("--input", "grey,1/2/3,1"), "--input: 3 means for 1 channel"),
        (3, "", ("--input", "bgr,0,1,crop=24x24"), "--input contradicts the net: it gives 24x24"),
        (3, "bgr,0,1,resize=24x28", (), "deploy.prototxt:1 contradicts the net: it gives 24x28"),
        (3, "bgr,0", (), "deploy.prototxt:1: this does not say how an input is made"),
        (2, "bgr,0,1", (), "the input data is not of images"),
    ],
)
def test_a_contradiction_is_refused_and_nothing_is_written(
    means, monkeypatch, channels, line, given, complaint
):
    monkeypatch.chdir(means.folder)
    means.write(channels, f"{STATED}{line}\n" if line else "")
    with pytest.raises(InputError, match=complaint):
        main(means.arguments(*given))
    assert not list(means.folder.glob("out*"))


def test_work_with_another_input_is_not_gone_on_with(means, monkeypatch):
    """Interrupted before the last batch, then with another mean."""
    monkeypatch.chdir(means.folder)

    def run(stop, **options):
        done = iter(range(1, 10))

        class Interrupting(extraction.Progress):
            def update(self, n):
                if next(done) == stop:
                    raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(extraction, "Progress", Interrupting)
            extract(
                Options(
                    "list.txt", "out", "deploy.prototxt", "weights.caffemodel", "img", blob="same",
                    mirror="none", normalize=False, batch=1, **options,
                )
            )  # fmt: skip

    with pytest.raises(KeyboardInterrupt):
        run(2, input="bgr,0,1")
    run(None, input="bgr,10,1")
    np.testing.assert_array_equal(
        load_features(Path("out")).matrix[0].reshape(3, 28, 24),
        means.image(0).transpose(2, 0, 1).astype(np.float32) - 10,
    )


def test_the_options_that_it_replaces_are_gone(means):
    for option in ("--mean", "--scale"):
        done = means.run(option, "1")
        assert done.returncode == 2 and f"unrecognized arguments: {option}" in done.stderr
