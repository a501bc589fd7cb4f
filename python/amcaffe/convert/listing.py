"""What a caffemodel or solverstate holds, in lines."""

import math
from dataclasses import dataclass, field

from amcaffe.convert import wire
from amcaffe.convert.check import check, fitting
from amcaffe.convert.modelfile import MODEL, STATE, shown

_LEGACY = ("num", "channels", "height", "width")
_MOST_AXES = 32  # Caffe's own limit
_MOST_SHOWN = 12
_MOST_FIELDS = 10000  # of one message; a file of many small ones must not fill the memory


def listing(path, data, kind, schema):
    """Yields: the lines of a file's description, its fields named by a Schema.

    What does not read under the schema is told in the last lines, and does not stop it.

    Args: data: a memoryview of the file, whose outermost fields are whole. kind: MODEL or STATE.
    """
    yield f"{path}: {len(data)} bytes, fields as in {schema.origin}"
    yield from _model(data, schema) if kind == MODEL else _state(data, schema)
    wrong = check(data, kind, schema)
    for line in wrong[:_MOST_SHOWN]:
        yield f"does not fit {schema.origin}: {line}"
    if wrong:
        yield f"fits the field numbers of: {', '.join(fitting(data, kind)) or 'no fork known here'}"


@dataclass
class _Record:
    """A message's fields by name. notes: what could not be named or read."""

    values: dict[str, list[wire.Field]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def of(self, name, wire_type=wire.LENGTH):
        return [one for one in self.values.get(name, ()) if one.wire_type == wire_type]


def _read(data, message, place):
    record = _Record()
    try:
        for count, one in enumerate(wire.fields(data, place.value, place.end)):
            if count == _MOST_FIELDS:
                record.notes.append(f"more than {_MOST_FIELDS} fields, of which no more is said")
                break
            if one.number in message.by_number:
                record.values.setdefault(message.by_number[one.number].name, []).append(one)
            elif len(record.notes) < _MOST_SHOWN:
                record.notes.append(f"field {one.number}: unknown")
    except wire.WireError as error:
        record.notes.append(f"BROKEN: {error}")
    return record


def _model(data, schema):
    root, layers, blobs, total, size = schema.messages[MODEL], 0, 0, 0, 0
    for one in wire.fields(data, 0, len(data)):
        name = root.by_number[one.number].name if one.number in root.by_number else None
        if name == "name" and one.wire_type == wire.LENGTH:
            yield f"net {_text(data, one)}"
        elif name in ("layer", "layers") and one.wire_type == wire.LENGTH:
            line, found = _layer(data, schema, schema.messages[root.by_name[name].type], one)
            yield f"{layers:>5}  {line}"
            layers, blobs = layers + 1, blobs + len(found)
            total, size = total + sum(b.count for b in found), size + sum(b.size for b in found)
        elif name is None:
            yield f"field {one.number}: unknown"
    yield f"{layers} layers, {blobs} blobs, {total} numbers in {size} bytes"


def _layer(data, schema, message, place):
    """(a line on a layer, its blobs)."""
    record = _read(data, message, place)
    for inner in record.of("layer")[-1:]:  # a net of 2013 has the layer in its connection
        within = _read(data, schema.messages[message.by_name["layer"].type], inner)
        record.values.update(within.values)
        record.notes += within.notes
    blobs = [_blob(data, schema, one) for one in record.of("blobs")]
    names = [", ".join(_text(data, one) for one in record.of(end)) for end in ("bottom", "top")]
    words = [_text(data, one) for one in record.of("name")[-1:]] or ["without a name"]
    words += [_type(data, schema, message, record)]
    words += [" -> ".join(names)] if any(names) else []
    words += [str(blob) for blob in blobs]
    words += [
        f"{name} {message.by_name[name].number}"
        for name in record.values
        if name.endswith("_param") and name in message.by_name
    ]
    return "  ".join(words + record.notes), blobs


def _type(data, schema, message, record):
    """A layer's type: a string, or in old nets a number."""
    for one in record.of("type")[-1:]:
        return _text(data, one)[1:-1]
    for one in record.of("type", wire.VARINT)[-1:]:
        number, _ = wire.read_varint(data, one.value, one.end)
        values = schema.enums.get(message.by_name["type"].type, {})
        return next((name for name, value in values.items() if value == number), f"type {number}")
    return "without a type"


def _state(data, schema):
    record = _read(data, schema.messages[STATE], wire.Field(0, wire.LENGTH, 0, 0, len(data)))
    for name in ("iter", "current_step"):
        for one in record.of(name, wire.VARINT)[-1:]:
            yield f"{name} {wire.signed(wire.read_varint(data, one.value, one.end)[0])}"
    for one in record.of("learned_net")[-1:]:
        yield f"learned_net {_text(data, one)}"
    blobs = [_blob(data, schema, one) for one in record.of("history")]
    for number, blob in enumerate(blobs):
        yield f"{number:>5}  {blob}"
    yield from record.notes
    total, size = sum(blob.count for blob in blobs), sum(blob.size for blob in blobs)
    yield f"{len(blobs)} blobs of history, {total} numbers in {size} bytes"


@dataclass(frozen=True)
class _Blob:
    shape: str
    kind: str
    count: int
    size: int
    fits: bool

    def __str__(self):
        wrong = "" if self.fits else f", BUT {self.count} NUMBERS"
        return f"[{self.shape} {self.kind}{wrong}]"


def _blob(data, schema, place):
    message = schema.messages["BlobProto"]
    record = _read(data, message, place)
    counts = {
        "float": _count(record, "data", wire.FIXED32, 4),
        "double": _count(record, "double_data", wire.FIXED64, 8),
    }
    kinds = [kind for kind, count in counts.items() if count]
    count = sum(counts.values())
    size = 4 * counts["float"] + 8 * counts["double"]
    raw = sum(one.end - one.value for one in record.of("raw_data"))
    if raw:  # NVIDIA's, of a type that is written beside it
        return _Blob("", f"{raw} bytes of raw_data", 0, raw, True)
    dims = _dims(data, schema, record)
    if len(dims) > _MOST_AXES:
        return _Blob(f"{len(dims)} axes", " + ".join(kinds), count, size, False)
    shape = " x ".join(map(str, dims)) or "1"
    return _Blob(shape, " + ".join(kinds) or "empty", count, size, math.prod(dims) == count)


def _count(record, name, single, size):
    packed = sum((one.end - one.value) // size for one in record.of(name))
    return packed + len(record.of(name, single))


def _dims(data, schema, record):
    """A blob's shape; the four numbers of an old one."""
    legacy = [record.of(name, wire.VARINT)[-1:] for name in _LEGACY]
    if any(legacy):
        return [wire.signed(_varint(data, one[0])) if one else 0 for one in legacy]
    dims = []
    for shape in record.of("shape")[-1:]:
        try:
            for one in _read(data, schema.messages["BlobShape"], shape).values.get("dim", ()):
                for value in wire.varints(data, one.value, one.end):
                    dims.append(wire.signed(value))
                    if len(dims) > _MOST_AXES:
                        return dims
        except wire.WireError:
            return dims
    return dims


def _varint(data, one):
    return wire.read_varint(data, one.value, one.end)[0]


def _text(data, one):
    return shown(data[one.value : one.end])
