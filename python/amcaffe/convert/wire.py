"""Protobuf's wire format: fields with their offsets, read from bytes that may be hostile.

Nothing is decoded beyond what is asked for, and nothing is copied: a field is a range of the
data. Reading never goes beyond the range it was given.
"""

from typing import NamedTuple

VARINT, FIXED64, LENGTH, GROUP_START, GROUP_END, FIXED32 = range(6)
NAMES = ("a varint", "8 bytes", "a length and bytes", "a group", "the end of a group", "4 bytes")
MAX_NUMBER = (1 << 29) - 1
MAX_FILE = (1 << 31) - 1  # protobuf reads no longer message


class WireError(ValueError):
    """Bytes that are no protobuf message. Args: at: offset in the data; what: what is there."""

    def __init__(self, at, what):
        super().__init__(f"{what} at byte {at}")
        self.at, self.what = at, what


class Field(NamedTuple):
    """A field at data[start:end]; its value is data[value:end], for LENGTH without the length."""

    number: int
    wire_type: int
    start: int
    value: int
    end: int


def fields(data, start, end):
    """The fields of the message at data[start:end], in order.

    Args: data: bytes or a memoryview of bytes.
    Yields: Field.
    Raises: WireError: the range does not end with a field's end, or holds what protobuf refuses
        (groups too: no Caffe has any).
    """
    at = start
    while at < end:
        tag, value = read_varint(data, at, end, most=5)
        number, wire_type = tag >> 3, tag & 7
        if not 0 < number <= MAX_NUMBER:
            raise WireError(at, f"a field of number {number}")
        if wire_type == LENGTH:
            length, value = read_varint(data, value, end, most=5)
            if length > end - value:
                raise WireError(
                    at, f"field {number}, {length} bytes long where {end - value} are left,"
                )
            stop = value + length
        elif wire_type == VARINT:
            _, stop = read_varint(data, value, end)
        elif wire_type in (FIXED32, FIXED64):
            stop = value + (4 if wire_type == FIXED32 else 8)
            if stop > end:
                raise WireError(at, f"field {number}, cut short")
        else:
            kind = NAMES[wire_type] if wire_type < len(NAMES) else "of no known kind"
            raise WireError(at, f"field {number}, {kind},")
        yield Field(number, wire_type, at, value, stop)
        at = stop


def read_varint(data, at, end, most=10):
    """(unsigned value, offset behind it) of the varint at data[at], of at most `most` bytes.

    Raises: WireError: cut short, or longer.
    """
    if at < end and data[at] < 0x80:
        return data[at], at + 1
    value = 0
    for position in range(at, min(end, at + most)):
        byte = data[position]
        value |= (byte & 0x7F) << (7 * (position - at))
        if byte < 0x80:
            if value >= 1 << 64:
                raise WireError(at, "a varint of more than 64 bits")
            return value, position + 1
    if end - at < most:
        raise WireError(at, "a varint that is cut short")
    raise WireError(at, f"a varint of more than {most} bytes")


def varint(value):
    """The bytes of an unsigned varint."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(number, wire_type):
    """The bytes that open a field."""
    return varint(number << 3 | wire_type)


def packed(number, content):
    """The bytes of a whole LENGTH field."""
    return tag(number, LENGTH) + varint(len(content)) + content


def last(data, start, end, number, wire_type):
    """The last Field of a number in the message at data[start:end], which is the one that counts.

    Returns: None where there is none, or the message is broken.
    """
    found = None
    try:
        for field in fields(data, start, end):
            if field.number == number and field.wire_type == wire_type:
                found = field
    except WireError:
        return None
    return found


def varints(data, start, end):
    """The unsigned values of the varints that fill data[start:end].

    Raises: WireError: something else fills it.
    """
    while start < end:
        value, start = read_varint(data, start, end)
        yield value


def signed(value):
    """An int64, or an int32 as protobuf writes it, from a varint's unsigned value."""
    return value - (1 << 64) if value >= 1 << 63 else value
