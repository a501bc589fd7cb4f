"""A message's bytes, rewritten from one schema's field numbers to another's, by name.

Nothing is decoded that need not be: what reads the same under both schemas stays a range of the
input, weights above all. A walk under one and the same schema checks a file, and changes nothing.
"""

from dataclasses import dataclass
from typing import Optional

from amcaffe.convert import wire
from amcaffe.convert.meaning import number_map, other_meaning
from amcaffe.convert.modelfile import shown
from amcaffe.convert.output import Output

MAX_DEPTH = 100  # protobuf's own limit
MAX_PROBLEMS = 1000  # far more than any fork has fields that another lacks
_LAYERS = ("LayerParameter", "V1LayerParameter")


@dataclass
class Problem:
    """A field that cannot be carried over as it is. droppable: it can be left out.

    where: the first place, as `layer 12 "conv1" > convolution_param`; count: of places.
    """

    where: str
    field: str
    reason: str
    droppable: bool
    count: int = 1

    def __str__(self):
        more = f" (and {self.count - 1} more)" if self.count > 1 else ""
        return f"{self.where} > {self.field}: {self.reason}{more}"


@dataclass
class _Place:
    """A message that is being read; index: which of a repeated field."""

    message: str
    field: str
    index: Optional[int]
    start: int
    end: int
    words: str = ""  # once they were asked for


class Transcoder:
    """Rewrites messages of `data`, a memoryview of bytes, from one Schema to another."""

    def __init__(self, data, source, target):
        self.data, self.source, self.target = data, source, target
        self._path: list[_Place] = []
        self._problems, self._meanings, self._renumbered = {}, {}, {}

    @property
    def problems(self):
        """What stands in the way: a Problem for each field and reason."""
        return list(self._problems.values())

    @property
    def renumbered(self):
        """{(message's name, source's FieldType, target's): count} of fields with a new number."""
        return self._renumbered

    def message(self, source, target, start, end):
        """Output of the message at data[start:end], of MessageTypes `source` and `target`.

        Raises: wire.WireError: no message of that type is there; where() then says where.
        """
        if len(self._path) >= MAX_DEPTH:
            raise wire.WireError(start, f"messages nested deeper than {MAX_DEPTH},")
        out, seen, kept = Output(self.data), {}, set()
        for field in wire.fields(self.data, start, end):
            here = source.by_number.get(field.number)
            if here is None:
                reason = f"{source.name} has no such field in {self.source.origin}"
                self.problem(source, f"field {field.number}", reason, True)
                out.changed = True
                continue
            index = seen.get(here.number, 0)
            seen[here.number] = index + 1
            self.before(out, source, here, index)
            if self._field(out, source, target, here, index, field):
                kept.add(self.name(source, here))
            else:
                out.changed = True
        for needed in target.by_name.values():
            if needed.label == "required" and needed.name not in kept:
                reason = f"{target.name} requires it in {self.target.origin}, and it is not there"
                self.problem(target, needed.name, reason)
        self.finish(source, start, end, out)
        return out

    def name(self, source, field):
        """The target's name of a field of a message."""
        return field.name

    def text(self, source, field, value):
        """The bytes to write for the value, a memoryview, of a string field of a message."""
        return value

    def before(self, out, source, here, index):
        """Called before each known field of a message, with its index, to add to the Output."""

    def otherwise(self, out, source, here, field):
        """True where something else was appended for a field that the target lacks."""
        return False

    def finish(self, source, start, end, out):
        """Called at the end of each message, to add to its Output."""

    def problem(self, message, field, reason, droppable=False):
        """Note what is wrong with a field of a message."""
        # A blob without its numbers is none; its gradients are of no use to anyone.
        droppable = droppable and (message.name != "BlobProto" or "diff" in field)
        key = (message.name, field, reason)
        if key in self._problems:
            self._problems[key].count += 1
            return
        if len(self._problems) >= MAX_PROBLEMS:
            place = self._path[-1].start if self._path else 0
            raise wire.WireError(place, f"more than {MAX_PROBLEMS} unknown or unfit fields")
        self._problems[key] = Problem(self.where() or message.name, field, reason, droppable)

    def where(self):
        """The message that is being read, as a path of fields; empty at the top."""
        return " > ".join(map(self._place_in_words, self._path))

    def _place_in_words(self, place):
        if not place.words:
            place.words = place.field
            if place.message in _LAYERS and place.index is not None:
                value = self.source.last(self.data, place.message, "name", place.start, place.end)
                place.words = f"layer {place.index}"
                if value:
                    place.words += f" {shown(self.data[value.value : value.end])}"
            elif place.index is not None:
                place.words += f"[{place.index}]"
        return place.words

    def _field(self, out, source, target, here, index, field):
        """Append one occurrence of the field `here`; False where the target cannot take it."""
        self._check_wire_type(source, here, field)
        there = target.by_name.get(self.name(source, here))
        if there is None:
            if not self.otherwise(out, source, here, field):
                reason = f"{target.name} has no such field in {self.target.origin}"
                self.problem(source, here.name, reason, True)
            return False
        reason, mapped = self._meaning(source, here, there)
        if reason:
            self.problem(source, here.name, reason)
            return False
        if here.number != there.number:
            key = source.name, here, there
            self._renumbered[key] = self._renumbered.get(key, 0) + 1
        if index and here.label == "repeated" != there.label:
            return self._several(source, here)
        if self.source.wire_type(here) is None:  # in both: one schema, which does not say
            return _verbatim(out, here, there, field)
        inner = self.source.messages.get(here.type)
        if inner is not None:
            self._path.append(
                _Place(inner.name, here.name, index if here.label == "repeated" else None,
                       field.value, field.end)
            )  # fmt: skip
            new = self.message(inner, self.target.messages[there.type], field.value, field.end)
            self._path.pop()
            if not new.changed:
                return _verbatim(out, here, there, field)
            out.add(wire.tag(there.number, wire.LENGTH) + wire.varint(new.size))
            out.extend(new)
            return True
        if here.type in ("string", "bytes"):
            old = self.data[field.value : field.end]
            new = self.text(source, here, old)
            if new is old:
                return _verbatim(out, here, there, field)
            out.add(wire.packed(there.number, new))
            return True
        return self._numbers(out, source, here, there, field, mapped)

    def _meaning(self, source, here, there):
        """(why the field cannot be carried over or None, the map of its varints or None)."""
        key = (source.name, here.name)
        if key not in self._meanings:
            reason = other_meaning(self.source, here, self.target, there)
            varints = not reason and self.source.wire_type(here) == wire.VARINT
            mapped = number_map(self.source, here, self.target, there) if varints else None
            self._meanings[key] = reason, mapped
        return self._meanings[key]

    def _numbers(self, out, source, here, there, field, mapped):
        """Append the numbers of a field, one or packed."""
        kind = self.source.wire_type(here)
        count, changed = 0, False
        if mapped is None:
            count = _count(field, 4 if kind == wire.FIXED32 else 8)
        else:
            try:
                for value in wire.varints(self.data, field.value, field.end):
                    count += 1
                    changed = changed or mapped(value) != value
            except LookupError as reason:
                self.problem(source, here.name, str(reason))
                return False
        packed = field.wire_type == wire.LENGTH
        if packed and there.label != "repeated":  # which reads one number, and no packed one
            if count > 1:
                return self._several(source, here)
            changed, packed = True, False
        if not changed:
            return _verbatim(out, here, there, field)
        content = self.data[field.value : field.end]
        if mapped is not None:
            varints = wire.varints(self.data, field.value, field.end)
            content = b"".join(wire.varint(mapped(value)) for value in varints)
        if packed:
            out.add(wire.packed(there.number, content))
        else:
            out.add(wire.tag(there.number, kind) + content if count else b"")
        return True

    def _several(self, source, here):
        reason = f"holds several values, and {self.target.origin} takes one"
        self.problem(source, here.name, reason)
        return False

    def _check_wire_type(self, source, here, field):
        expected = self.source.wire_type(here)
        packed = here.label == "repeated" and field.wire_type == wire.LENGTH
        if expected is not None and field.wire_type != expected and not packed:
            raise wire.WireError(
                field.start,
                f"{source.name}.{here.name} (field {here.number}), {wire.NAMES[expected]} in "
                f"{self.source.origin}, is {wire.NAMES[field.wire_type]}",
            )


def _verbatim(out, here, there, field):
    if here.number == there.number:
        out.copy(field.start, field.end)
        return True
    head = wire.tag(there.number, field.wire_type)
    if field.wire_type == wire.LENGTH:
        head += wire.varint(field.end - field.value)
    out.add(head)
    out.copy(field.value, field.end)
    return True


def _count(field, size):
    length = field.end - field.value
    if length % size:
        raise wire.WireError(field.start, f"{length} bytes where {size} make a number,")
    return length // size
