"""As many means as channels, or one: Caffe's own check ends the process, in a thread of its own."""

import os
import subprocess
from pathlib import Path

import pytest
from google.protobuf import text_format

from amcaffe.errors import InputError
from amcaffe.train.mean_check import check_means

pytestmark = pytest.mark.usefixtures("stock_caffe")


@pytest.fixture
def database(tiny_faces):
    """Make an LMDB of the tiny faces, with options of convert_imageset."""
    program = Path(os.environ.get("CAFFE_ROOT", ""), "build/tools/convert_imageset")
    if not program.is_file():
        pytest.skip(f"no {program}")

    def make(*options):
        command = [program, *options, "img/", "train.txt", "lmdb"]
        subprocess.run(command, cwd=tiny_faces.folder, check=True, capture_output=True)

    return make


def set_means(tiny_faces, means):
    net = tiny_faces.folder / "net/face_train_test_softmax.prototxt"
    text = net.read_text()
    assert "mean_value: 128" in text
    net.write_text(text.replace("mean_value: 128", " ".join(f"mean_value: {m}" for m in means)))


@pytest.mark.parametrize(
    "options, means, channels",
    [
        ((), (1, 2), 3),
        (("--gray",), (1, 2, 3), 1),
        (("--encoded", "--encode_type=png"), (1, 2), 3),
        ((), (1, 2, 3), None),
        (("--gray",), (1,), None),
    ],
)
def test_an_lmdbs_means_are_counted_before_caffe_does(
    train, tiny_faces, database, options, means, channels
):
    database(*options)
    tiny_faces.render(backend="lmdb", source="lmdb", val="lmdb", max_iter=1)
    (tiny_faces.folder / "net/face_deploy.prototxt").unlink()
    set_means(tiny_faces, means)
    done = train()
    if channels is None:
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 2, done.stderr
    assert f"has {len(means)} mean_values for images of {channels} channel" in done.stderr
    assert not (tiny_faces.folder / "out/metrics.csv").exists()


def test_a_list_of_images_says_its_channels(stock_caffe):
    from caffe.proto import caffe_pb2

    layer = text_format.Parse(
        "name: 'data' type: 'ImageData' transform_param { mean_value: 1 mean_value: 2 } "
        "image_data_param { source: 'none' is_color: false }",
        caffe_pb2.LayerParameter(),
    )
    with pytest.raises(InputError, match="2 mean_values for images of 1 channel\n"):
        check_means(stock_caffe, "net", [layer])
    del layer.transform_param.mean_value[1]
    check_means(stock_caffe, "net", [layer])
