"""How a net's input is made of an image file, as one line that nets, options and reports have."""

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from amcaffe.errors import InputError
from amcaffe.nets.text import as_float32

COLOURS = {"bgr": 3, "rgb": 3, "grey": 1}  # and the channels of each
FORM = "COLOUR,MEAN,SCALE[,resize=HxW][,crop=HxW]"
STATED = "# amcaffe input: "  # begins a comment line at the top of a deploy net

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SIZE = re.compile(r"(\d{1,10})x(\d{1,10})", re.ASCII)
_STATED = re.compile(r"#\s*amcaffe input:(.*)")


@dataclass(frozen=True)
class NetInput:
    """An image file as a net takes it in, in this order: decoded in colour or in grey, resized
    bilinearly, cropped at the centre, and each value x in 0..255 given as (x - mean) * scale.

    `nets.pixels` does it. It is what Caffe's ImageData layer does in phase TEST.

    >>> NetInput.parse("rgb,123.7/116.8/103.9,0.017,resize=128x128,crop=112x112", "--input").means
    (123.69999694824219, 116.80000305175781, 103.9000015258789)
    >>> str(NetInput("bgr", (128, 128, 128), 1 / 128))
    'bgr,128,0.0078125'

    colour: of COLOURS: the order of the channels, or "grey": decoded as one channel.
    means: one for all channels, or one for each, in the order of `colour`; each in 0..255.
    scale: in (0, 1]. Means and scale are rounded to 32-bit floats, which Caffe computes with.
    resize, crop: (height, width) in pixels, or None.
    Raises: InputError: a value is out of its range, or the crop is larger than what is resized.
    """

    colour: str
    means: tuple[float, ...]
    scale: float
    resize: Optional[tuple[int, int]] = None
    crop: Optional[tuple[int, int]] = None

    def __post_init__(self):
        if self.colour not in COLOURS:
            raise InputError(
                "there is no such colour order", found=self.colour, expected=", ".join(COLOURS)
            )
        means = tuple(map(as_float32, self.means))
        if len(means) not in (1, self.channels):
            raise InputError(
                f"{len(means)} means for {_channels(self.channels)} ({self.colour})",
                expected="one, or one for each channel",
            )
        for mean in means:
            if not 0 <= mean <= 255:
                raise InputError("a mean is out of range", found=f"{mean:g}", expected="0 to 255")
        scale = as_float32(self.scale)
        if not 0 < scale <= 1:
            raise InputError(
                "the scale is out of range",
                found=f"{scale:g}",
                expected="above 0, at most 1: (x - mean) * scale of x in 0..255",
            )
        for name in ("resize", "crop"):
            size = getattr(self, name)
            if size and min(size) < 1:
                raise InputError(f"{name} is out of range", found=_size(size), expected="1 or more")
        if self.resize and self.crop and not _covers(self.resize, self.crop):
            raise InputError(
                "what is resized is smaller than the crop",
                found=f"resize={_size(self.resize)},crop={_size(self.crop)} (height x width)",
                expected="a crop of what was resized before",
            )
        object.__setattr__(self, "means", means[:1] if len(set(means)) == 1 else means)
        object.__setattr__(self, "scale", scale)

    @classmethod
    def parse(cls, text, source):
        """The NetInput of a text of the form FORM, blanks around commas allowed.

        source: where the text stands, for messages. Raises: InputError.
        """
        parts = [part.strip() for part in text.split(",")]
        sizes = dict(part.partition("=")[::2] for part in parts[3:])
        numbers = [*parts[1].split("/"), parts[2]] if len(parts) > 2 else [""]
        whole = (
            all(_NUMBER.fullmatch(number) for number in numbers)
            and list(sizes) in ([], ["resize"], ["crop"], ["resize", "crop"])
            and len(sizes) == len(parts) - 3
            and all(_SIZE.fullmatch(size) for size in sizes.values())
        )
        if not whole:
            raise InputError(
                f"{source}: this does not say how an input is made",
                found=repr(text),
                expected=f"{FORM}: COLOUR bgr, rgb or grey; MEAN one number, or one a channel "
                "joined by `/`; SCALE a number, 0.0078125 for 1/128",
                hint="for example bgr,128,0.0078125 or "
                "rgb,123.7/116.8/103.9,0.017,resize=128x128,crop=112x112",
            )
        numbers = [float(number) for number in numbers]
        sizes = {
            name: tuple(map(int, _SIZE.fullmatch(size).groups())) for name, size in sizes.items()
        }
        try:
            return cls(parts[0], tuple(numbers[:-1]), numbers[-1], **sizes)
        except InputError as error:
            raise InputError(
                f"{source}: {error.what}", found=error.found, expected=error.expected
            ) from None

    def __str__(self):
        """The text that `parse` reads back as this very input."""
        words = [self.colour, "/".join(map(_shortest, self.means)), _shortest(self.scale)]
        words += [
            f"{name}={_size(size)}"
            for name, size in (("resize", self.resize), ("crop", self.crop))
            if size
        ]
        return ",".join(words)

    @property
    def channels(self):
        return COLOURS[self.colour]

    @property
    def size(self):
        """(height, width) of what comes out, or None: the image's own."""
        return self.crop or self.resize

    def too_small(self, size):
        """Why an image of `size`, (height, width), cannot be cropped; None: it can."""
        if not self.crop or _covers(self.resize or size, self.crop):
            return None
        return f"{_size(size)} is smaller than the crop {_size(self.crop)} (height x width)"

    def same_as(self, other):
        """Do both give a net the same? Where nothing is cropped, both end in the net's size."""
        return self._without_end() == other._without_end()

    def _without_end(self):
        return self if self.crop else dataclasses.replace(self, resize=None)

    def fitted(self, source, net, shape):
        """This input for a net that takes `shape`: (channels, height, width).

        What is neither resized nor cropped is resized to the net's size.
        Args: source, net: where this is said, and the net's file, for messages.
        Raises: InputError: it does not make an input of that shape.
        """
        channels, *size = shape
        if self.channels != channels:
            raise InputError(
                f"{source} contradicts the net: {self.colour} is {_channels(self.channels)}",
                found=str(self),
                expected=f"{_channels(channels)}, which the input of {net} has: "
                + ", ".join(name for name, number in COLOURS.items() if number == channels),
            )
        if self.size not in (None, tuple(size)):
            raise InputError(
                f"{source} contradicts the net: it gives {_size(self.size)} (height x width)",
                found=str(self),
                expected=f"{_size(size)}, which the input of {net} has: as crop, or without a "
                "crop as resize",
            )
        return self if self.size else dataclasses.replace(self, resize=tuple(size))


def stated_input(net):
    """The NetInput that a net file states in a comment line above everything else, and where.

    Returns: (NetInput, "FILE:LINE"), or (None, None). Raises: InputError: the file cannot be
        read, the line is not of the form, or two lines contradict each other.
    """
    try:
        text = Path(net).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise InputError(f"cannot read the net {net}: {error.strerror}") from None
    found, place = None, None
    for number, line in enumerate(map(str.strip, text.split("\n")), 1):
        if line and not line.startswith("#"):
            break
        match = _STATED.match(line)
        if not match:
            continue
        another = NetInput.parse(match[1].strip(), f"{net}:{number}")
        if found and another != found:
            raise InputError(
                f"{net}:{number}: another input than in {place}",
                found=f"{another}, and before {found}",
                expected="one such line",
            )
        found, place = another, place or f"{net}:{number}"
    return found, place


def chosen_input(net, given):
    """What --input says, or else the net; both where they agree.

    Args:
        net: file. given: the option's text, or None.
    Returns: (NetInput, who says so).
    Raises: InputError: neither says it, they contradict each other, or one is not of the form.
    """
    own = None if given is None else NetInput.parse(given, "--input")
    stated, place = stated_input(net)
    if own and stated and not own.same_as(stated):
        raise InputError(
            f"--input contradicts what {place} says",
            found=f"--input {own}",
            expected=str(stated),
            hint="leave --input out; or, where it is right, write it into that line",
        )
    if own:
        return own, "--input"
    if stated:
        return stated, place
    raise InputError(
        f"{net} does not say how its input is made of an image, and there is no --input",
        expected=f"a first line such as `{STATED}{OURS}`, or `--input {OURS}`: {FORM}",
        hint="take what the net was trained with: train.json has it as `input`, a training net as "
        "mean_value and scale of its transform_param (colours are bgr there), a publication in "
        "its text; another input gives features that mean nothing",
    )


def _shortest(value):
    """The shortest decimal that is this 32-bit float."""
    if value.is_integer():
        return str(int(value))
    texts = (f"{value:.{digits}g}" for digits in range(1, 10))
    return next(text for text in texts if as_float32(float(text)) == value)


def _covers(outer, inner):
    return all(large >= small for large, small in zip(outer, inner))


def _size(size):
    return "{}x{}".format(*size)


def _channels(number):
    return f"{number} channel" + "s" * (number != 1)


# What the nets that we render are trained with, unless another mean is asked for.
OURS = NetInput("bgr", (128.0,), 0.0078125)
