"""Files that are broken, or something else: an error in words, nothing that protobuf refuses."""

import contextlib
import os
import random
import resource

import pytest

from amcaffe.convert.check import check
from amcaffe.convert.conversion import convert, plan
from amcaffe.convert.forks import fork_schema
from amcaffe.convert.layer_transcoder import LayerTranscoder
from amcaffe.convert.listing import listing
from amcaffe.convert.modelfile import kind_of, open_model
from amcaffe.convert.schema import read_schema
from amcaffe.convert.wire import packed, tag, varint
from amcaffe.errors import AmcaffeError, InputError

UPSTREAM, HAPPYNEAR = fork_schema("upstream"), fork_schema("happynear")


def field(number, value):
    return packed(number, value) if isinstance(value, bytes) else tag(number, 0) + varint(value)


def layer(*fields):
    return field(100, b"".join(fields))


NAME, CONV = field(1, b"conv1"), field(2, b"Convolution")
BLOB = field(7, field(7, field(1, b"\x02\x03")) + field(5, bytes(24)))
MODEL = field(1, b"net") + layer(NAME, CONV, BLOB, field(106, field(1, 2) + field(3, 1)))


def refusal(data, source=UPSTREAM, target=HAPPYNEAR):
    with pytest.raises(InputError) as error:
        plan("FILE", memoryview(data), source, target)
    return str(error.value)


@pytest.mark.parametrize("data, words", [
    (MODEL[:-1], "field 100, "),
    (field(1, b"net") + b"\xa2\x06\xff\xff\xff\xff\x0f", "4294967295 bytes long where 0 are left"),
    (field(1, b"net") + b"\xa2\x06" + b"\x80" * 9 + b"\x01", "a varint of more than 5 bytes"),
    (field(1, b"net") + b"\x00\x00", "a field of number 0"),
    (field(1, b"net") + b"\x0b\x0c", "field 1, a group, at byte 5"),
    (field(1, b"net") + b"\x0f", "field 1, of no known kind, at byte 5"),
    (layer(NAME, CONV, field(10, 0)[:-1]), 'is cut short at byte'),
    (layer(NAME, b"\x50" + b"\xff" * 10), "a varint of more than 10 bytes"),
    (layer(NAME, b"\x50" + b"\xff" * 9 + b"\x02"), "a varint of more than 64 bits"),
    (layer(NAME, field(106, 7)), "LayerParameter.convolution_param (field 106), a length and bytes "
                                 "in upstream, is a varint"),
    (layer(NAME, field(7, field(5, bytes(23)))), "23 bytes where 4 make a number, at byte"),
])  # fmt: skip
def test_broken_bytes_are_told_with_their_place(data, words):
    assert words in refusal(data) and "FILE is broken, or is something else" in refusal(data)


def test_the_place_is_a_path_of_fields():
    message = refusal(field(1, b"net") + layer(NAME) + layer(NAME, field(7, field(5, b"\x01"))))
    assert 'at byte 27, in layer 1 "conv1" > blobs[0]' in message


def test_required_fields_of_the_target():
    """LayerParameter 148 of CombinedMargin's proto is upstream's clip_param with min and max."""
    data = layer(NAME, field(148, b""))
    message = refusal(data, fork_schema("upstream"), fork_schema("upstream"))
    assert 'layer 0 "conv1" > clip_param > min: ClipParameter requires it' in message


def test_a_field_of_which_only_the_number_is_known():
    """A fork's own layer: its file is read, but goes to no other fork."""
    data = layer(NAME, field(200, b"whatever"))  # happynear's bn_param
    assert check(memoryview(data), "NetParameter", HAPPYNEAR) == []
    experiment = fork_schema("happynear-experiment")
    assert "what it holds in happynear is not known here" in refusal(data, HAPPYNEAR, experiment)
    assert "bn_param: LayerParameter has no such field in upstream" in refusal(
        data, HAPPYNEAR, UPSTREAM
    )


def test_nesting_has_an_end():
    proto = "message NetParameter { optional NetParameter layer = 100; }"
    proto += "message SolverState { optional int32 iter = 1; }"
    schema, data = read_schema("deep", proto), b""
    for _ in range(101):
        data = field(100, data)
    assert "messages nested deeper than 100" in refusal(data, schema, schema)


def test_a_result_that_protobuf_would_not_read(monkeypatch):
    monkeypatch.setattr("amcaffe.convert.wire.MAX_FILE", len(MODEL) - 1)
    assert "would be too long for protobuf" in refusal(MODEL)


def test_countless_unknown_fields_end_in_one_error():
    data = layer(*(field(number, 1) for number in range(5000, 7000)))
    assert "more than 1000 unknown or unfit fields" in refusal(data)


@pytest.mark.parametrize("content, words", [
    (b"", "is empty"),
    (b'name: "net"\nlayer { }\n', "a prototxt goes by names and needs no conversion"),
    (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    (b"PK\x03\x04" + bytes(30), "is a zip archive"),
    (b"\x1f\x8b\x08" + bytes(30), "is a gzip archive"),
    (b"\x89HDF\r\n\x1a\n" + bytes(30), "no field numbers: the file needs no conversion"),
])  # fmt: skip
def test_files_of_another_kind(tmp_path, content, words):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(InputError) as error:
        open_model(tmp_path / "f")
    assert words in str(error.value)


def test_what_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # which would keep a plain open() waiting
    for path in (tmp_path, tmp_path / "gone", tmp_path / "pipe", "/dev/null"):
        with pytest.raises(InputError, match="cannot read|no regular file"):
            open_model(path)


def test_a_mean_image_is_not_taken_for_a_solverstate():
    mean = field(1, 1) + field(2, 3) + field(3, 4) + field(4, 5) + field(5, bytes(240))
    with pytest.raises(InputError, match="a lone blob, such as a mean image"):
        kind_of("f", memoryview(mean))


def test_names_cannot_reach_the_terminal():
    data = layer(field(1, b"\x1b[2J\xff\n" + b"x" * 200), field(106, 7))
    message = refusal(data)
    assert '"\\x1b[2J\\xff\\nxxx' in message and "\x1b" not in message and len(message) < 500


def test_memory_does_not_follow_what_a_file_claims(tmp_path):
    """Lengths and shapes are the file's word only: the limit is far below what they name."""
    shape = field(7, field(1, varint(1 << 62) * 31))
    data = layer(NAME, CONV, field(7, shape + field(5, bytes(8))))
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), hard))
    try:
        lines = list(listing("f", memoryview(data), "NetParameter", UPSTREAM))
        plan("f", memoryview(data), UPSTREAM, HAPPYNEAR)
        refusal(field(1, b"net") + b"\xa2\x06\xff\xff\xff\xff\x07")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert "BUT 2 NUMBERS" in lines[1]


def mutated(data, chance):
    data = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at, kind = chance.randrange(len(data)), chance.random()
        if kind < 0.5:
            data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        elif kind < 0.7:
            del data[at : at + chance.randint(1, 5)]
        elif kind < 0.9:
            data[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 5)))
        else:
            data[at : at + 8] = data[chance.randrange(len(data)) :][:8]
        if not data:
            data = bytearray(b"\x00")
    return bytes(data)


def test_mutated_files_convert_or_are_refused():
    chance = random.Random(0)
    margin = field(2, b"LabelSpecificAdd"), field(241, b"\x1d\0\0\0\0")
    start = MODEL + layer(field(1, b"m"), *margin)
    state = field(1, 3) + field(2, b"x.caffemodel") + field(3, field(5, bytes(8))) + field(4, 0)
    outcomes = {True: 0, False: 0}
    for number in range(4000):
        data = memoryview(mutated(start if number % 4 else state, chance))
        try:
            b"".join(plan("f", data, HAPPYNEAR, UPSTREAM, drop=number % 2).output.blocks())
            done = True
        except AmcaffeError:
            done = False
        if done or number % 20 == 0:
            with contextlib.suppress(AmcaffeError):
                list(listing("f", data, kind_of("f", data), HAPPYNEAR))
        outcomes[done] += 1
    assert min(outcomes.values()) > 200


def test_protobuf_reads_every_file_that_converts(here):
    """Mutated files that pass unchanged through the walk are parsed by protobuf, and whole."""
    chance, passed = random.Random(1), 0
    for _ in range(2000):
        data = mutated(MODEL, chance)
        try:
            conversion = plan("f", memoryview(data), here.schema, here.schema)
        except AmcaffeError:
            continue
        if conversion.kind == "NetParameter":
            assert here.classes["NetParameter"].FromString(data).IsInitialized()
            assert not conversion.output.changed
            passed += 1
    assert passed > 100


def test_converting_is_done_in_blocks(tmp_path, monkeypatch):
    """Weights are ranges of the input: none is joined with anything else in memory."""
    weights = bytes(range(256)) * 40000
    data = layer(NAME, CONV, field(7, field(5, weights)), field(106, field(1, 2)))
    (tmp_path / "in").write_bytes(data)
    walk = LayerTranscoder(memoryview(data), UPSTREAM, HAPPYNEAR)
    root = UPSTREAM.messages["NetParameter"], HAPPYNEAR.messages["NetParameter"]
    blocks = list(walk.message(*root, 0, len(data)).blocks(most=1 << 20))
    assert len(blocks) > 9 and b"".join(blocks) == data
    convert(tmp_path / "in", UPSTREAM, HAPPYNEAR, tmp_path / "out", say=lambda line: None)
    assert (tmp_path / "out").read_bytes() == data
