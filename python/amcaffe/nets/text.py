"""Protobuf text format, written from ordered (field, value) pairs. No protobuf needed."""

import math
import struct
from numbers import Integral


class Token(str):
    """A value written without quotes: an enum's name."""


def as_float32(value):
    """A number as a float field holds it; NaN, of which no rule is true, where it cannot."""
    try:
        return struct.unpack("f", struct.pack("f", value))[0]
    except (OverflowError, struct.error):
        return math.nan


def render(fields, depth=0):
    """Text of a message.

    Args:
        fields: sequence of (name, value); a value is a bool, int, float, str (quoted),
            Token (not quoted) or, for a message, such a sequence itself. A repeated
            field stands once for each value.
    Returns: str, two spaces of indent a level, ending in a newline.
    """
    indent = "  " * depth
    lines = []
    for name, value in fields:
        if isinstance(value, (list, tuple)):
            lines.append(f"{indent}{name} {{\n{render(value, depth + 1)}{indent}}}\n")
        else:
            lines.append(f"{indent}{name}: {_scalar(value)}\n")
    return "".join(lines)


def _scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Token):
        return str(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    if isinstance(value, Integral) or value.is_integer():
        return str(int(value))
    return repr(float(value))  # of a number of NumPy's, too
