"""Protobuf's wire format, against protobuf itself."""

import pytest

from amcaffe.convert import wire
from amcaffe.convert.wire import FIXED32, FIXED64, LENGTH, VARINT, WireError, fields

VALUES = [0, 1, 127, 128, 300, (1 << 32) - 1, 1 << 63, (1 << 64) - 1]


@pytest.mark.parametrize("value", VALUES)
def test_varints_are_protobufs(value):
    wrappers = pytest.importorskip("google.protobuf.wrappers_pb2")
    data = wire.tag(1, VARINT) + wire.varint(value)
    assert wrappers.UInt64Value.FromString(data).value == value
    assert wire.read_varint(data, 1, len(data)) == (value, len(data))
    assert list(wire.varints(data[1:] * 3, 0, 3 * len(data[1:]))) == [value] * 3


def test_signed_is_protobufs():
    wrappers = pytest.importorskip("google.protobuf.wrappers_pb2")
    for value in (-1, -(1 << 63), (1 << 63) - 1, 0):
        data = wrappers.Int64Value(value=value).SerializeToString()
        for field in fields(data, 0, len(data)):
            assert wire.signed(wire.read_varint(data, field.value, field.end)[0]) == value


def test_fields_are_ranges_of_the_data():
    data = b"\x08\x96\x01" + b"\x12\x02ab" + b"\x1d1234" + b"\x2112345678"
    data += b"\xf8\xff\xff\xff\x0f\x05"
    assert list(fields(data, 0, len(data))) == [
        (1, VARINT, 0, 1, 3),
        (2, LENGTH, 3, 5, 7),
        (3, FIXED32, 7, 8, 12),
        (4, FIXED64, 12, 13, 21),
        ((1 << 29) - 1, VARINT, 21, 26, 27),
    ]
    assert [field.number for field in fields(data, 3, 12)] == [2, 3]


def test_a_field_may_be_written_longer_than_need_be():
    data = b"\x88\x00\x81\x80\x00"  # as protobuf reads it: field 1, value 1
    assert list(fields(data, 0, 5)) == [(1, VARINT, 0, 2, 5)]


@pytest.mark.parametrize("data, at, what", [
    (b"\x08", 1, "cut short"),
    (b"\x0d123", 0, "cut short"),
    (b"\x08\x01\x12\x05abc", 2, "5 bytes long where 3 are left"),
    (b"\x80\x80\x80\x80\x80\x01", 0, "more than 5 bytes"),
    (b"\x80\x80\x80\x80\x10\x01", 0, "a field of number 536870912"),
    (b"\x08\x01\x13", 2, "field 2, a group,"),
    (b"\x0e", 0, "of no known kind"),
])  # fmt: skip
def test_what_protobuf_refuses_is_told_with_its_offset(data, at, what):
    wrappers = pytest.importorskip("google.protobuf.wrappers_pb2")
    message = pytest.importorskip("google.protobuf.message")
    with pytest.raises(WireError, match=what) as error:
        list(fields(data, 0, len(data)))
    assert error.value.at == at
    with pytest.raises(message.DecodeError):
        wrappers.UInt64Value.FromString(data)


def test_the_last_of_a_field_counts():
    data = b"\x12\x01a\x08\x01\x12\x01b"
    assert wire.last(data, 0, len(data), 2, LENGTH).value == 7
    assert wire.last(data, 0, len(data), 3, LENGTH) is None
    assert wire.last(data[:-1], 0, len(data) - 1, 2, LENGTH) is None
