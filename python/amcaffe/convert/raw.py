"""Blobs as NVIDIA's Caffe since 0.16 writes them: bytes, and beside them what they are."""

import numpy as np

from amcaffe.convert import wire

_FIELDS = {
    ("raw_data", "FLOAT"): "data",
    ("raw_data", "FLOAT16"): "data",
    ("raw_data", "DOUBLE"): "double_data",
    ("raw_diff", "FLOAT"): "diff",
    ("raw_diff", "FLOAT16"): "diff",
    ("raw_diff", "DOUBLE"): "double_diff",
}
_SIZES = {"FLOAT": 4, "DOUBLE": 8, "FLOAT16": 2}
_HALVES = 1 << 20  # at a time


def write_plainly(out, data, field, name, kind, blob):
    """Append a blob's bytes as the numbers that every Caffe reads; half precision becomes float.

    Args:
        out: an Output.
        data, field: where the bytes are.
        name: raw_data or raw_diff. kind: their type's name, or None.
        blob: the target's MessageType of a blob.
    Returns: False where this cannot be done.
    Raises: wire.WireError: the bytes are no whole count of numbers.
    """
    plain = blob.by_name.get(_FIELDS.get((name, kind)))
    if plain is None:
        return False
    size = field.end - field.value
    if size % _SIZES[kind]:
        raise wire.WireError(field.start, f"{size} bytes of {kind}")
    half = kind == "FLOAT16"
    out.add(wire.tag(plain.number, wire.LENGTH) + wire.varint(2 * size if half else size))
    if not half:
        out.copy(field.value, field.end)
        return True
    for at in range(field.value, field.end, 2 * _HALVES):
        block = data[at : min(field.end, at + 2 * _HALVES)]
        out.add(np.frombuffer(block, "<f2").astype("<f4").tobytes())
    return True
