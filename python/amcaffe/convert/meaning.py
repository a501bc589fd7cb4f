"""Can a field's value be carried from one schema to another, and what becomes of a number?"""

from amcaffe.convert import wire
from amcaffe.convert.schema import UNSTATED, WIRE_TYPES

_RANGES = {
    "int32": (-(1 << 31), (1 << 31) - 1),
    "int64": (-(1 << 63), (1 << 63) - 1),
    "uint32": (0, (1 << 32) - 1),
    "uint64": (0, (1 << 64) - 1),
    "bool": (0, 1),
}
_BYTES = ("string", "bytes")


def other_meaning(source, here, target, there):
    """Why values of the field `here` of a schema are none of the field `there`; None: they are."""
    if source is target and here is there:
        return None
    ours, theirs = _kind(source, here), _kind(target, there)
    if None in (ours, theirs):
        schema, one = (source, here) if ours is None else (target, there)
        if one.type == UNSTATED:
            return f"what it holds in {schema.origin} is not known here: give its caffe.proto"
        return f"its type {one.type} is not defined in {schema.origin}"
    if ours == theirs == "message":
        return foreign(source, here.type, target, there.type)
    both = {ours, theirs}
    if ours == theirs or both <= set(_RANGES) or both <= set(_BYTES):
        return None
    return f"is {here.type} in {source.origin}, and {there.type} in {target.origin}"


def foreign(source, ours, target, theirs):
    """Why two messages, by their names, have nothing in common, or None."""
    ours, theirs = source.messages[ours], target.messages[theirs]
    if not ours.by_name or not theirs.by_name or ours.by_name.keys() & theirs.by_name.keys():
        return None
    return (
        f"means something else: {', '.join(ours.by_name)} in {source.origin}, "
        f"{', '.join(theirs.by_name)} in {target.origin}"
    )


def number_map(source, here, target, there):
    """How to carry a varint field's numbers: a function of an unsigned value as it is written.

    It returns the value to write, and raises LookupError, with the reason, where the target
    cannot hold it.
    """
    if here.type not in source.enums:
        return _same if here.type == there.type else _in_range(here.type, there.type)
    names = {}
    for name, number in source.enums[here.type].items():
        names.setdefault(number, []).append(name)
    numbers = target.enums[there.type]

    def mapped(value):
        known = names.get(wire.signed(value))
        if known is None:
            raise LookupError(f"{wire.signed(value)} is no {here.type} of {source.origin}")
        number = next((numbers[name] for name in known if name in numbers), None)
        if number is None:
            raise LookupError(f"{known[0]} is no {there.type} of {target.origin}")
        return number % (1 << 64)

    return mapped


def _kind(schema, one):
    if one.type in schema.messages:
        return "message"
    if one.type in schema.enums:
        return "enum"
    return one.type if one.type in WIRE_TYPES else None


def _same(value):
    return value


def _in_range(ours, theirs):
    low, high = _RANGES[theirs]

    def checked(value):
        number = value if ours == "uint64" else wire.signed(value)
        if not low <= number <= high:
            raise LookupError(f"{number} is no {theirs}")
        return value

    return checked
