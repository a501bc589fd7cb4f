"""What a caffe.proto says of the wire: messages, and their fields by name and by number."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from amcaffe.convert import wire
from amcaffe.convert.wire import FIXED32, FIXED64, LENGTH, VARINT
from amcaffe.errors import InputError, TreeError
from amcaffe.host.proto_parse import parse, tokens_of
from amcaffe.host.tree import PROTO

WIRE_TYPES = {
    **dict.fromkeys(("int32", "int64", "uint32", "uint64", "sint32", "sint64", "bool"), VARINT),
    **dict.fromkeys(("fixed32", "sfixed32", "float"), FIXED32),
    **dict.fromkeys(("fixed64", "sfixed64", "double"), FIXED64),
    **dict.fromkeys(("string", "bytes"), LENGTH),
}
ROOTS = ("NetParameter", "SolverState")
_MOST_NESTED = 32
UNSTATED = "?"  # type of a field of which only name and number are known


@dataclass(frozen=True)
class FieldType:
    """A field. type: a scalar's name, or the whole name of a message or enum of the schema."""

    name: str
    number: int
    label: str
    type: str


@dataclass
class MessageType:
    """A message's fields."""

    name: str
    by_name: dict[str, FieldType] = field(default_factory=dict)
    by_number: dict[int, FieldType] = field(default_factory=dict)

    def add(self, one):
        """Add a field; those that have its name or its number leave."""
        for other in (self.by_name.get(one.name), self.by_number.get(one.number)):
            if other is not None:
                self.by_name.pop(other.name, None)
                self.by_number.pop(other.number, None)
        self.by_name[one.name] = self.by_number[one.number] = one

    def required(self):
        return [one for one in self.by_name.values() if one.label == "required"]


@dataclass
class Schema:
    """A caffe.proto. origin: what to call it. enums: names to {value's name: number}."""

    origin: str
    messages: dict[str, MessageType] = field(default_factory=dict)
    enums: dict[str, dict[str, int]] = field(default_factory=dict)

    def last(self, data, message, name, start, end, wire_type=LENGTH):
        """The last wire.Field of a name in the message at data[start:end], or None."""
        known = self.messages[message].by_name.get(name) if message in self.messages else None
        return known and wire.last(data, start, end, known.number, wire_type)

    def wire_type(self, one):
        """How values of a field are written, or None where the type is not defined."""
        if one.type in self.messages:
            return LENGTH
        return VARINT if one.type in self.enums else WIRE_TYPES.get(one.type)


def read_schema(origin, text):
    """The Schema of a .proto file's text.

    Raises: TreeError: the text is not protobuf 2, with file and line.
    """
    schema, declared = Schema(origin), {}
    package, enums = _outermost(tokens_of(origin, text))
    messages, _ = parse(origin, text)
    for name, (start, end) in enums.items():
        schema.enums[name] = _enum(origin, text[start:end])
    todo = list(messages.items())
    while todo:
        name, message = todo.pop()
        if name.count(".") >= _MOST_NESTED:
            raise TreeError(f"{origin}: messages nested deeper than {_MOST_NESTED}")
        declared[name] = message.fields.values()
        schema.messages[name] = MessageType(name)
        for inner, (start, end) in message.nested.items():
            if text.startswith("enum", start):
                schema.enums[f"{name}.{inner}"] = _enum(origin, text[start:end])
            else:
                above = re.sub(r"[^\n]", " ", text[:start])  # for lines and offsets of the file
                todo.append((f"{name}.{inner}", parse(origin, above + text[start:end])[0][inner]))
    for name, fields in declared.items():
        for one in fields:
            label, kind = one.meaning[0], one.meaning[1]
            resolved = _resolve(schema, package, name, kind)
            schema.messages[name].add(FieldType(one.name, one.number, label, resolved))
    return schema


def read_proto(path):
    """The Schema of a caffe.proto, or of the one in a Caffe tree.

    Raises: InputError: no such file, or none that describes caffemodels.
        TreeError: not protobuf 2.
    """
    origin, path = str(path), Path(path)
    if path.is_dir():
        path = path / PROTO
    try:
        text = path.read_bytes().decode("latin-1")  # as amcaffe.host.tree: every byte a character
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}",
            expected="a caffe.proto, or the root of a Caffe tree",
        ) from None
    schema = read_schema(str(path), text)
    schema.origin = origin
    needed = (*ROOTS, "LayerParameter", "BlobProto")
    lacking = [name for name in needed if name not in schema.messages]
    if lacking:
        raise InputError(
            f"{path} does not describe caffemodels",
            found=f"no message {', no message '.join(lacking)}",
            expected="a Caffe tree's src/caffe/proto/caffe.proto",
        )
    return schema


def _outermost(tokens):
    """(package, {name: (start, end)} of the enums that are in no message)."""
    package, enums, name, depth, start = "", {}, None, 0, 0
    for before, token, after in zip([None, *tokens], tokens, [*tokens[1:], None]):
        opens = before is None or before.text in (";", "}")
        if depth == 0 and opens and after is not None:
            if token.text == "package":
                package = after.text
            name = after.text if token.text == "enum" else None
            start = token.start
        depth += (token.text == "{") - (token.text == "}")
        if depth == 0 and token.text == "}" and name:
            enums[name] = start, token.end
    return package, enums


def _enum(origin, text):
    """{value's name: number} of an enum's definition."""
    words = [token.text for token in tokens_of(origin, text)]
    values = {}
    for at in range(3, len(words) - 2):
        if words[at - 1] in ("{", ";") and words[at + 1] == "=":
            sign = words[at + 2] == "-"
            digits = words[at + 2 + sign]
            try:
                number = int(digits, 8 if re.fullmatch("0[0-7]+", digits) else 0)
            except ValueError:
                raise TreeError(
                    f"{origin}: the enum {words[1]} cannot be read",
                    found=f"{words[at]} = {digits}",
                    expected="a number",
                ) from None
            values[words[at]] = -number if sign else number
    return values


def _resolve(schema, package, scope, name):
    """The whole name of a type as protobuf looks it up: from the innermost scope outwards."""
    if name in WIRE_TYPES:
        return name
    parts = scope.split(".")
    whole = re.match(rf"\.?{re.escape(package)}\." if package else r"\.", name)
    if whole:
        name, parts = name[whole.end() :], []
    for depth in range(len(parts), -1, -1):
        candidate = ".".join(parts[:depth] + [name])
        if candidate in schema.messages or candidate in schema.enums:
            return candidate
    return name
