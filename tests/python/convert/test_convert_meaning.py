"""What may become of a field whose label, type or enum differs; bytes written by hand."""

import struct

import pytest

from amcaffe.convert.conversion import convert, plan
from amcaffe.convert.layer_transcoder import LayerTranscoder
from amcaffe.convert.schema import read_schema
from amcaffe.convert.wire import packed, tag, varint
from amcaffe.errors import AmcaffeError, InputError

PROTO = """
message NetParameter {{ optional string name = 1; repeated LayerParameter layer = 100; }}
message SolverState {{ optional int32 iter = 1; }}
message LayerParameter {{ optional string name = 1; {field} }}
message BlobProto {{ repeated float data = 5; }}
enum Ours {{ NO = 0; YES = 1; MAYBE = 2; ALSO = 2; MINUS = -1; }}
enum Theirs {{ YES = 0; NO = 1; ALSO = 5; MINUS = -7; }}
message A {{ optional int32 a = 1; }}
message B {{ optional int32 b = 1; }}
message C {{ optional int32 c = 1; optional int32 a = 2; }}
message Empty {{ }}
"""
NUMBER = 7


def carried(field, ours, theirs):
    """The bytes that those of field 7 become where its definition `ours` meets `theirs`."""
    source = read_schema("ours", PROTO.format(field=f"{ours} x = 7;"))
    target = read_schema("theirs", PROTO.format(field=f"{theirs} x = 9;"))
    data = packed(100, field)
    new = b"".join(plan("f", memoryview(data), source, target).output.blocks())
    assert new[:2] == data[:2]
    return new[3:]


def number(at, *values):
    return b"".join(tag(at, 0) + varint(value % (1 << 64)) for value in values)


def pack(at, *values):
    return packed(at, b"".join(varint(value % (1 << 64)) for value in values))


def real(at, *values):
    return b"".join(tag(at, 5) + struct.pack("<f", value) for value in values)


INT, INTS = "optional int32", "repeated int32"


@pytest.mark.parametrize("ours, theirs, before, after", [
    # BVLC's pad became repeated, and OpenCL's axis 64 bits wide
    (INT, INTS, number(7, -3), number(9, -3)),
    (INTS, INT, number(7, 3), number(9, 3)),
    (INTS, INT, pack(7, 300), number(9, 300)),
    (INTS, INT, pack(7), b""),
    (INTS, INTS, pack(7, 1, 300), pack(9, 1, 300)),
    ("repeated float", "optional float", packed(7, struct.pack("<f", 2)), real(9, 2)),
    ("repeated float", "repeated float", packed(7, bytes(12)), packed(9, bytes(12))),
    (INT, "optional int64", number(7, -1), number(9, -1)),
    ("optional uint64", "optional uint32", number(7, (1 << 32) - 1), number(9, (1 << 32) - 1)),
    ("optional bool", "optional uint32", number(7, 1), number(9, 1)),
    (INT, "optional bool", number(7, 1), number(9, 1)),
    ("optional string", "optional bytes", packed(7, b"\xff"), packed(9, b"\xff")),
    ("optional Ours", "optional Theirs", number(7, 1), number(9, 0)),
    ("optional Ours", "optional Theirs", number(7, -1), number(9, -7)),
    ("optional Ours", "optional Theirs", number(7, 2), number(9, 5)),  # ALSO is MAYBE's other name
    ("repeated Ours", "repeated Theirs", pack(7, 0, 1, 0), pack(9, 1, 0, 1)),
    ("repeated Ours", "repeated Theirs", number(7, 0, 1), number(9, 1, 0)),
    ("optional A", "optional C", packed(7, number(1, 4)), packed(9, number(2, 4))),
    ("optional A", "optional Empty", packed(7, b""), packed(9, b"")),
])  # fmt: skip
def test_what_carries_over(ours, theirs, before, after):
    assert carried(before, ours, theirs) == after


@pytest.mark.parametrize("ours, theirs, before, reason", [
    (INTS, INT, number(7, 3, 4), "x: holds several values, and theirs takes one"),
    (INTS, INT, pack(7, 3, 4), "x: holds several values, and theirs takes one"),
    ("repeated float", "optional float", packed(7, bytes(8)), "holds several values"),
    ("repeated A", "optional A", packed(7, b"") * 2, "holds several values"),
    (INT, "optional uint32", number(7, -1), "x: -1 is no uint32"),
    ("optional int64", INT, number(7, 1 << 31), "x: 2147483648 is no int32"),
    ("optional uint64", "optional int64", number(7, 1 << 63), "9223372036854775808 is no int64"),
    ("optional uint32", "optional bool", number(7, 2), "x: 2 is no bool"),
    (INT, "optional float", number(7, 2), "x: is int32 in ours, and float in theirs"),
    ("optional float", "optional double", real(7, 2), "is float in ours, and double in theirs"),
    (INT, "optional sint32", number(7, 2), "x: is int32 in ours, and sint32 in theirs"),
    ("optional Ours", INT, number(7, 1), "x: is Ours in ours, and int32 in theirs"),
    ("optional Ours", "optional Theirs", number(7, 9), "x: 9 is no Ours of ours"),
    ("optional A", "optional B", packed(7, b""), "x: means something else: a in ours, b in theirs"),
    ("optional A", "optional string", packed(7, b""), "x: is A in ours, and string in theirs"),
    ("optional A", "optional Gone", packed(7, b""), "x: its type Gone is not defined in theirs"),
    ("optional C", "optional A", packed(7, number(1, 4)), "x > c: A has no such field in theirs"),
])  # fmt: skip
def test_what_does_not(ours, theirs, before, reason):
    with pytest.raises(InputError) as error:
        carried(before, ours, theirs)
    assert reason in str(error.value)


def test_nothing_is_put_in_place_that_the_target_could_not_read(tmp_path, monkeypatch):
    schema = read_schema("ours", PROTO.format(field=""))
    (tmp_path / "in").write_bytes(packed(1, b"net"))
    monkeypatch.setattr(
        LayerTranscoder, "finish", lambda self, source, start, end, out: out.add(b"\x0a\x09")
    )
    with pytest.raises(AmcaffeError, match="does not read under ours"):
        convert(tmp_path / "in", schema, schema, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


PLAIN = """
message BlobProto { repeated float data = 5; repeated double double_data = 8; }
enum Type { DOUBLE = 0; FLOAT = 1; FLOAT16 = 2; INT = 3; }
message NetParameter { repeated LayerParameter layer = 100; }
message LayerParameter { repeated BlobProto blobs = 7; }
message SolverState { optional int32 iter = 1; }
"""
RAW = PLAIN.replace(
    "double double_data = 8;",
    """double double_data = 8;
  optional Type raw_data_type = 10; optional bytes raw_data = 12;""",
)


def plain_blob(blob):
    source, target = read_schema("nvidia", RAW), read_schema("plain", PLAIN)
    data = packed(100, packed(7, blob))
    conversion = plan("f", memoryview(data), source, target, drop=True)
    return b"".join(conversion.output.blocks())[5:]


@pytest.mark.parametrize("kind, code, field", [(0, "d", 8), (1, "f", 5), (2, "e", 5)])
def test_nvidias_raw_blobs_become_plain_ones(kind, code, field):
    values = (1.5, -2.25, 0.0009765625)
    raw = packed(12, struct.pack(f"<3{code}", *values))
    expected = packed(field, struct.pack("<3d" if code == "d" else "<3f", *values))
    assert plain_blob(number(10, kind) + raw) == expected
    assert plain_blob(raw + number(10, kind)) == expected


@pytest.mark.parametrize("blob, words", [
    (packed(12, bytes(8)), "raw_data: BlobProto has no such field in plain"),
    (number(10, 3) + packed(12, bytes(8)), "raw_data: BlobProto has no such field in plain"),
    (number(10, 2) + packed(12, bytes(7)), "7 bytes of FLOAT16"),
])  # fmt: skip
def test_raw_blobs_of_no_type_are_refused(blob, words):
    with pytest.raises(InputError, match=words):
        plain_blob(blob)
