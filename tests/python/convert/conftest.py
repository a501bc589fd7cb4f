"""Protobuf's own classes as the oracle: of caffe_pb2, and of forks of it made up here.

A fork is caffe_pb2's descriptor with other field numbers, and the same edits in the text of
caffe.proto: what writes and reads the files is protobuf, what converts them has only the text.
"""

import re
from pathlib import Path

import pytest

from amcaffe.convert.schema import read_schema


class Dialect:
    """proto: text of a caffe.proto; classes: its messages by name; schema: as amcaffe reads it."""

    def __init__(self, name, proto, file):
        from google.protobuf import descriptor_pool, message_factory

        self.proto = proto
        self.schema = read_schema(name, proto)
        pool = descriptor_pool.DescriptorPool()
        pool.Add(file)
        self.classes = {
            message.name: message_factory.GetMessageClass(
                pool.FindMessageTypeByName(f"caffe.{message.name}")
            )
            for message in file.message_type
        }


@pytest.fixture(scope="session")
def here(patched_caffe):
    """The Dialect of the patched Caffe at hand."""
    return _dialect("here", {}, ())


@pytest.fixture(scope="session")
def fork(patched_caffe):
    """A function of {(message, field): number} and (message, field)s to remove: a Dialect."""
    return lambda numbers, without=(): _dialect("fork", numbers, without)


def _dialect(name, numbers, without):
    import caffe
    from caffe.proto import caffe_pb2
    from google.protobuf import descriptor_pb2

    path = Path(caffe.__file__).parents[2] / "src/caffe/proto/caffe.proto"
    if not path.is_file():
        pytest.skip(f"{caffe.__file__} is not in its tree: there is no {path}")
    proto = path.read_text(encoding="latin-1")
    file = descriptor_pb2.FileDescriptorProto()
    caffe_pb2.DESCRIPTOR.CopyToProto(file)
    messages = {message.name: message for message in file.message_type}
    for message, field in without:
        fields = messages[message].field
        fields.remove(next(one for one in fields if one.name == field))
        proto = _edited(proto, message, rf"^[^\n]*\b{field} = [^\n]*;", "")
    for (message, field), number in numbers.items():
        next(one for one in messages[message].field if one.name == field).number = number
        proto = _edited(proto, message, rf"(?<=\b{field} = )\d+", str(number))
    return Dialect(name, proto, file)


def _edited(proto, message, pattern, new):
    start = proto.index(f"message {message} {{")
    end = proto.index("\n}", start)
    body, count = re.subn(pattern, new, proto[start:end], flags=re.MULTILINE)
    assert count == 1, (message, pattern)
    return proto[:start] + body + proto[end:]
