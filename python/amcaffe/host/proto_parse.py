"""Just enough of a protobuf 2 parser to say where things stand in a .proto file.

Comments, strings, nested braces and numbers (decimal, hex, octal) are read as
protoc reads them; everything keeps its offsets in the text.
"""

import re
from dataclasses import dataclass, field

from amcaffe.errors import TreeError

_TOKEN = re.compile(
    r"(?P<skip>\s+|//[^\n]*|/\*.*?\*/)"
    r"|(?P<string>\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')"
    r"|(?P<word>[A-Za-z_.][A-Za-z0-9_.]*)"
    r"|(?P<number>[0-9][A-Za-z0-9_.]*(?:(?<=[eE])[+-][0-9]+)?)"
    r"|(?P<symbol>[{}\[\]()<>=;,:+\-/])",
    re.DOTALL,
)
LABELS = ("optional", "required", "repeated")
MAX_NUMBER = 536870911


@dataclass(frozen=True)
class Token:
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Field:
    """A field of a message; `meaning` is everything but its name and number, normalised."""

    name: str
    number: int
    meaning: tuple[str, ...]
    start: int
    end: int
    number_start: int
    number_end: int


@dataclass
class Message:
    """A top-level message: its fields, what else its body says, and where it stands.

    nested: {name: (start, end)} of the messages and enums inside it.
    """

    name: str
    start: int
    fields: dict[str, Field] = field(default_factory=dict)
    reserved: list[tuple[int, int]] = field(default_factory=list)
    other: list[tuple[str, ...]] = field(default_factory=list)
    nested: dict[str, tuple[int, int]] = field(default_factory=dict)
    body: int = 0
    close: int = 0

    def meaning(self):
        """What decides whether two messages are the same: never comments, order or layout."""
        fields = sorted((f.name, f.number, f.meaning) for f in self.fields.values())
        return fields, sorted(self.reserved), sorted(self.other)

    def taken(self, number):
        """What holds a field number: a field's name, "a reserved range", or None."""
        for one in self.fields.values():
            if one.number == number:
                return one.name
        if any(low <= number <= high for low, high in self.reserved) or 19000 <= number <= 19999:
            return "a reserved range"
        return None


def tokens_of(path, text):
    """All tokens of a text. Raises: TreeError: a character that no token can hold."""
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise _broken(path, text, at, repr(text[at : at + 20]))
        if match.lastgroup != "skip":
            tokens.append(Token(match.group(), match.start(), match.end()))
        at = match.end()
    return tokens


def parse(path, text):
    """The top-level messages of a .proto file and the names of its other definitions.

    Args:
        path: for errors.
        text: the file's text.
    Returns: ({name: Message}, {names of top-level enums and services}).
    Raises: TreeError: the text is not protobuf 2, with file and line.
    """
    reader = _Reader(path, text)
    messages, others = {}, set()
    while reader.more():
        word = reader.peek()
        if word.text == "message":
            message = reader.message()
            if message.name in messages:
                raise _broken(path, text, message.start, f"a second message {message.name}")
            messages[message.name] = message
        elif word.text in ("enum", "service"):
            others.add(reader.statement()[1].text)
        else:
            reader.statement()
    return messages, others


class _Reader:
    def __init__(self, path, text):
        self.path, self.text, self.at = path, text, 0
        self.tokens = tokens_of(path, text)

    def more(self):
        return self.at < len(self.tokens)

    def peek(self):
        if not self.more():
            raise _broken(self.path, self.text, len(self.text), "the end of the file")
        return self.tokens[self.at]

    def take(self, expected=None):
        token = self.peek()
        if expected and token.text != expected:
            raise _broken(self.path, self.text, token.start, repr(token.text), repr(expected))
        self.at += 1
        return token

    def statement(self):
        """The tokens up to a `;`, or through a block in braces, nested ones included."""
        taken, depth = [], 0
        while True:
            token = self.take()
            taken.append(token)
            depth += (token.text in "{[(") - (token.text in ")]}")
            if depth < 0:
                raise _broken(self.path, self.text, token.start, repr(token.text), "a statement")
            if depth == 0 and token.text in (";", "}"):
                return taken

    def message(self):
        start = self.take("message").start
        message = Message(self.take().text, start)
        message.body = self.take("{").end
        self._body(message)
        message.close = self.tokens[self.at - 1].start
        return message

    def _body(self, message, in_oneof=False):
        while True:
            token = self.peek()
            if token.text == "}":
                self.take()
                return
            if token.text == "oneof":
                if in_oneof:
                    raise _broken(self.path, self.text, token.start, "a oneof in a oneof")
                self.take()
                self.take()
                self.take("{")
                self._body(message, in_oneof=True)
                continue
            statement = self.statement()
            words = [token.text for token in statement]
            if words[0] in ("reserved", "extensions"):
                message.reserved += self._ranges(statement)
            elif words[0] in ("message", "enum", "option", "extend"):
                message.other.append(tuple(words))
                if words[0] in ("message", "enum"):
                    message.nested[words[1]] = (statement[0].start, statement[-1].end)
            elif words != [";"]:
                self._field(message, statement)

    def _field(self, message, statement):
        words = [token.text for token in statement]
        if "=" not in words[2:]:
            found = repr(" ".join(words))
            raise _broken(self.path, self.text, statement[0].start, found, "a field")
        equals = words.index("=", 2)
        name, number = words[equals - 1], statement[equals + 1]
        if name in message.fields:
            raise _broken(self.path, self.text, number.start, f"a second field {name}")
        label = words[: equals - 1] if words[0] in LABELS else ["optional"] + words[: equals - 1]
        meaning = tuple(label) + tuple(map(_normal, words[equals + 2 : -1]))
        message.fields[name] = Field(
            name, self._integer(number), meaning, statement[0].start, statement[-1].end,
            number.start, number.end,
        )  # fmt: skip

    def _integer(self, token):
        digits = token.text
        octal = re.fullmatch(r"0[0-7]+", digits)
        try:
            return int(digits, 8) if octal else int(digits, 0)
        except ValueError:
            raise _broken(self.path, self.text, token.start, repr(digits), "a number") from None

    def _ranges(self, statement):
        words = " ".join(token.text for token in statement[1:-1]).split(",")
        found = []
        for word in words:
            ends = re.fullmatch(r"\s*(\w+)(?: to (\w+))?\s*", word)
            if ends and ends.group(1)[0].isdigit():
                low = int(ends.group(1), 0)
                high = ends.group(2) or ends.group(1)
                found.append((low, MAX_NUMBER if high == "max" else int(high, 0)))
        return found


def _normal(word):
    """A token of a field's options such that 1, 1.0 and "a", 'a' are the same."""
    if word[0] in "\"'":
        return f'"{word[1:-1]}"'
    try:
        return str(float(word))
    except ValueError:
        return word


def _broken(path, text, at, found, expected=None):
    line = text.count("\n", 0, at) + 1
    return TreeError(
        f"{path}:{line}: cannot be read as protobuf 2",
        found=found,
        expected=expected,
        hint="a file that protoc accepts; nothing was changed",
    )
