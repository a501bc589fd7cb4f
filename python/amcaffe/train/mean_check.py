"""How many means an image layer subtracts: Caffe asks when it reads, and then ends the process."""

import tempfile
from pathlib import Path

from amcaffe.errors import InputError
from amcaffe.train.input_check import IMAGE_LAYERS


def check_means(caffe, net_path, layers):
    """Raise InputError for a layer with several mean_values that are not one a channel.

    Args:
        caffe: pycaffe. net_path: for messages.
        layers: LayerParameters of a phase, whose sources are there.
    """
    for layer in layers:
        means = layer.transform_param.mean_value
        if layer.type not in IMAGE_LAYERS or len(means) < 2:
            continue
        channels = _channels(caffe, layer)
        if len(means) != channels:
            raise InputError(
                f"{net_path}: layer {layer.name} has {len(means)} mean_values for images of "
                f"{channels} channel{'s' * (channels > 1)}",
                found=", ".join(f"{mean:g}" for mean in means),
                expected=f"1, or {channels}" if channels > 1 else "1",
                hint="nothing was trained",
            )


def _channels(caffe, layer):
    if layer.type == "ImageData":
        return 3 if layer.image_data_param.is_color else 1
    # A database's first image tells, and Caffe reads it for us, as far as its shape.
    net = caffe.proto.caffe_pb2.NetParameter()
    alone = net.layer.add()
    alone.CopyFrom(layer)
    for field in ("include", "exclude", "transform_param"):
        alone.ClearField(field)
    for field in ("force_color", "force_gray"):
        if layer.transform_param.HasField(field):
            setattr(alone.transform_param, field, getattr(layer.transform_param, field))
    alone.data_param.ClearField("rand_skip")
    alone.data_param.batch_size = 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.prototxt")
        path.write_text(str(net), encoding="utf-8")
        return caffe.Net(str(path), caffe.TRAIN).blobs[layer.top[0]].data.shape[1]
