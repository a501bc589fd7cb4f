"""What training gives the net, against what the deploy net says that it will be given."""

from amcaffe.errors import InputError
from amcaffe.nets.deploy import input_shape
from amcaffe.nets.net_input import NetInput, stated_input
from amcaffe.nets.rendering import deploy_net_of

IMAGE_LAYERS = ("ImageData", "Data")


class TrainingInput:
    """How the image layer of a training net makes the net's input.

    Args:
        path, layers: the net's file, for messages, and its LayerParameters in phase TRAIN.
        deploy: deploy net that this is to agree with, or None: the one rendered beside `path`,
            where there is one.
    Raises: InputError: means or scale that no image can have, or the deploy net disagrees, as
        far as the nets tell: `check` tells the rest.
    """

    def __init__(self, path, layers, deploy=None):
        self._path = path
        images = [layer for layer in layers if layer.type in IMAGE_LAYERS and layer.top]
        # Of several image layers, none is the net's input alone.
        self._layer = images[0] if len(images) == 1 else None
        if deploy and not self._layer:
            raise InputError(
                f"{path}: there is nothing to compare --deploy {deploy} with",
                found=f"{len(images)} layers of images",
                expected=f"one, of type {' or '.join(IMAGE_LAYERS)}",
            )
        self._deploy = deploy or deploy_net_of(path)
        self._deploy_shape = input_shape(self._deploy) if self._deploy else None
        self.net_input = None
        if self._layer:
            self._describe(_stated_channels(self._layer))

    @property
    def blob(self):
        """Name of the blob of images, or None."""
        return self._layer.top[0] if self._layer else None

    def check(self, shape):
        """Compare what has turned out: `shape` of the blob, (channels, height, width)."""
        self._describe(shape[0])
        if self._deploy and tuple(shape) != self._deploy_shape:
            self._refuse_shape(" x ".join(map(str, shape)))

    def _describe(self, channels):
        """Find `net_input`, and check it; None: nothing of its form is true of the layer."""
        if channels is None or self._layer.transform_param.HasField("mean_file"):
            return
        try:
            self.net_input = _net_input(self._layer, channels)
        except InputError as error:
            raise InputError(
                f"{self._path}: layer {self._layer.name}: {error.what}",
                found=error.found,
                expected=error.expected,
            ) from None
        if not self._deploy:
            return
        size = self.net_input.size
        if channels != self._deploy_shape[0] or size not in (None, self._deploy_shape[1:]):
            self._refuse_shape(" x ".join(map(str, (channels, *(size or ("height", "width"))))))
        stated, place = stated_input(self._deploy)
        if stated and not stated.same_as(self.net_input):
            raise InputError(
                f"{self._path}: layer {self._layer.name} makes another input than {place} says",
                found=str(self.net_input),
                expected=str(stated),
                hint="features would be extracted from other inputs than were trained on: mend "
                "the one that is wrong, or name another deploy net with --deploy",
            )

    def _refuse_shape(self, found):
        raise InputError(
            f"{self._path}: layer {self._layer.name} gives images of another shape than the deploy "
            f"net {self._deploy} takes",
            found=f"{found} (channels x height x width)",
            expected=" x ".join(map(str, self._deploy_shape)),
            hint="the weights would not fit it: give both nets one size (amcaffe prototxt --size; "
            "--resize scales the images to it), or name another deploy net with --deploy",
        )


def _stated_channels(layer):
    """Channels of a layer's images as far as it says so itself, or None."""
    if layer.type == "ImageData":
        return 3 if layer.image_data_param.is_color else 1
    if layer.transform_param.force_gray:
        return 1
    return 3 if layer.transform_param.force_color else None


def _net_input(layer, channels):
    transform, data = layer.transform_param, layer.image_data_param
    resized = layer.type == "ImageData" and data.new_height
    return NetInput(
        "grey" if channels == 1 else "bgr",
        tuple(transform.mean_value) or (0.0,),
        transform.scale,
        resize=(data.new_height, data.new_width) if resized else None,
        crop=(transform.crop_size,) * 2 if transform.crop_size else None,
    )
