"""Annealed margins: this package's layers keep their count in a blob, other forks' in none.

A net of those therefore gets a blob in its caffemodel, and a history for it in its solverstate,
where Caffe's solver keeps one blob for each weight, in order (Adam and AdaDelta: twice).
"""

import struct
from dataclasses import dataclass

from amcaffe.convert import wire
from amcaffe.convert.modelfile import MODEL, STATE, broken, kind_of
from amcaffe.errors import InputError


@dataclass(frozen=True)
class Annealed:
    """A layer type of ours whose margin can be annealed.

    parameter: its field of LayerParameter.  ours: a field of its message that only ours has.
    switch: the float that anneals it, by being there, or, if `nonzero`, by its value.
    blob: the number of the blob that is the count.
    """

    type: str
    parameter: str
    ours: str
    switch: str
    nonzero: bool
    blob: int

    @property
    def message(self):
        return f"{self.type}Parameter"


ANNEALED = (
    Annealed(
        "LabelSpecificAdd", "label_specific_add_param", "unconditional",
        switch="bias_base", nonzero=False, blob=0,
    ),
    Annealed(
        "LabelSpecificMargin", "label_specific_margin_param", "bound",
        switch="margin_base", nonzero=False, blob=1,
    ),
    Annealed(
        "MarginInnerProduct", "margin_inner_product_param", "transform_test",
        switch="gamma", nonzero=True, blob=1,
    ),
)  # fmt: skip


def keeps_count(schema, kind, type_name=None):
    """Is the layer of an Annealed kind this package's in a schema's tree?

    Args: type_name: the layer's type there, if it is another.
    """
    message = schema.messages.get(f"{type_name}Parameter" if type_name else kind.message)
    return message is not None and kind.ours in message.by_name


def annealed(data, schema, start, end):
    """(Annealed kind, its parameter as a Field) of the layer at data[start:end]; None: none."""
    type_name = schema.last(data, "LayerParameter", "type", start, end)
    for kind in ANNEALED:
        if type_name is None or bytes(data[type_name.value : type_name.end]) != kind.type.encode():
            continue
        field = schema.last(data, "LayerParameter", kind.parameter, start, end)
        if field is None:
            return None
        switch = schema.last(data, kind.message, kind.switch, field.value, field.end, wire.FIXED32)
        if switch is None or (kind.nonzero and not any(data[switch.value : switch.end])):
            return None
        return kind, field
    return None


def first_count(data, schema, kind, field):
    """Where an annealed layer's count starts, by its kind and its parameter, a Field."""
    found = schema.last(data, kind.message, "iteration", field.value, field.end, wire.VARINT)
    return wire.signed(wire.read_varint(data, found.value, found.end)[0]) if found else 0


def one_number(schema, number, value):
    """The bytes of a field that is a blob of one number."""
    blob, shape = schema.messages["BlobProto"], schema.messages["BlobShape"]
    dims = wire.packed(shape.by_name["dim"].number, wire.varint(1))
    content = wire.packed(blob.by_name["shape"].number, dims)
    content += wire.packed(blob.by_name["data"].number, struct.pack("<f", value))
    return wire.packed(number, content)


def history_length(data, schema):
    """How many blobs of history a solverstate has."""
    known = schema.messages[STATE].by_name.get("history")
    numbers = (field.number for field in wire.fields(data, 0, len(data)))
    return sum(known is not None and number == known.number for number in numbers)


@dataclass(frozen=True)
class Missing:
    """weights: of a net, shared ones once. before: which of them a count would come before."""

    weights: int
    before: tuple[int, ...]

    def in_history(self, path, length):
        """The numbers of history blobs, of `length`, before which one is to be added.

        Raises: InputError: that many are of another net's solverstate.
        """
        if not self.weights or length not in (self.weights, 2 * self.weights):
            raise InputError(
                f"{path} is of another net than --model",
                found=f"{length} blobs of history",
                expected=f"{self.weights} or {2 * self.weights}, for as many weights",
            )
        return [at + half for half in range(0, length, self.weights) for at in self.before]


def missing_counts(path, data, schema, target):
    """The Missing counts of a caffemodel's annealed layers, of those that keep one in the target.

    Args: schema, target: the Schemas that it was written under and that it goes to.
    Raises: InputError: no caffemodel.
    """
    if kind_of(path, data) != MODEL:
        raise InputError(f"{path} is no caffemodel", expected="the one saved with the solverstate")
    layer = schema.messages[MODEL].by_name["layer"].number
    weights, shared, before = 0, set(), []
    try:
        for field in wire.fields(data, 0, len(data)):
            if (field.number, field.wire_type) == (layer, wire.LENGTH):
                names, blobs = _weights(data, schema, field)
                for number in range(blobs):
                    name = names[number] if number < len(names) else b""
                    if not name or name not in shared:
                        weights += 1
                        shared.add(name)
                found = annealed(data, schema, field.value, field.end)
                if found and found[0].blob == blobs and keeps_count(target, found[0]):
                    before.append(weights)
    except wire.WireError as error:
        raise broken(path, error) from None
    return Missing(weights, tuple(before))


def _weights(data, schema, place):
    """(names of a layer's weights, where they are shared; how many blobs it has)."""
    message = schema.messages["LayerParameter"]
    names, blobs = [], 0
    for field in wire.fields(data, place.value, place.end):
        known = message.by_number.get(field.number)
        if known is None or field.wire_type != wire.LENGTH:
            continue
        blobs += known.name == "blobs"
        if known.name == "param":
            name = schema.last(data, "ParamSpec", "name", field.value, field.end)
            names.append(bytes(data[name.value : name.end]) if name else b"")
    return names, blobs
