"""What a caffe.proto says of the wire: messages, and their fields by name and by number."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Optional, Tuple

from amcaffe import wire
from amcaffe.errors import InputError
from amcaffe.proto_parse import parse, tokens_of
from amcaffe.tree import PROTO
from amcaffe.wire import FIXED32, FIXED64, LENGTH, VARINT

WIRE_TYPES = {
    **dict.fromkeys(("int32", "int64", "uint32", "uint64", "sint32", "sint64", "bool"), VARINT),
    **dict.fromkeys(("fixed32", "sfixed32", "float"), FIXED32),
    **dict.fromkeys(("fixed64", "sfixed64", "double"), FIXED64),
    **dict.fromkeys(("string", "bytes"), LENGTH),
}
ROOTS = ("NetParameter", "SolverState")
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
    by_name: Dict[str, FieldType] = field(default_factory=dict)
    by_number: Dict[int, FieldType] = field(default_factory=dict)

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
    messages: Dict[str, MessageType] = field(default_factory=dict)
    enums: Dict[str, Dict[str, int]] = field(default_factory=dict)

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
    schema = Schema(origin)
    package, scopes = _scopes(tokens_of(origin, text))
    declared = {}
    for scope in scopes:
        if scope.kind == "enum":
            schema.enums[scope.name] = scope.values
        else:
            padded = "\n" * text.count("\n", 0, scope.start) + text[scope.start : scope.end]
            messages, _ = parse(origin, padded)
            declared[scope.name] = next(iter(messages.values())).fields.values()
            schema.messages[scope.name] = MessageType(scope.name)
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
        text = path.read_bytes().decode("latin-1")  # as amcaffe.tree: every byte a character
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


@dataclass
class _Scope:
    kind: str
    name: str
    start: int
    end: int = 0
    values: Optional[Dict[str, int]] = None
    depth: int = 0


def _scopes(tokens):
    """(package, every message and enum with its whole name and range in the text)."""
    package, found, open_scopes, depth = "", [], [], 0
    words = [token.text for token in tokens]
    for at, token in enumerate(tokens):
        opens = at == 0 or words[at - 1] in "{};"
        if opens and token.text == "package" and at + 1 < len(words):
            package = words[at + 1]
        elif opens and token.text in ("message", "enum") and words[at + 2 : at + 3] == ["{"]:
            outer = f"{open_scopes[-1].name}." if open_scopes else ""
            scope = _Scope(token.text, outer + words[at + 1], token.start, depth=depth)
            scope.values = {} if token.text == "enum" else None
            found.append(scope)
            open_scopes.append(scope)
        elif token.text == "{":
            depth += 1
        elif token.text == "}":
            depth -= 1
            if open_scopes and open_scopes[-1].depth == depth:
                open_scopes.pop().end = token.end
        elif opens and open_scopes and open_scopes[-1].kind == "enum":
            value = _enum_value(words[at : at + 4])
            if value:
                open_scopes[-1].values[token.text] = value[0]
    return package, [scope for scope in found if scope.end]


def _enum_value(words) -> Optional[Tuple[int]]:
    """(number,) of the statement `NAME = [-] number`, or None."""
    if len(words) < 4 or words[1] != "=":
        return None
    digits = words[2] + words[3] if words[2] == "-" else words[2]
    try:
        return (int(digits, 8 if re.fullmatch(r"-?0[0-7]+", digits) else 0),)
    except ValueError:
        return None


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
