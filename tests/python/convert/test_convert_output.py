"""Bytes put together from ranges of an input."""

from amcaffe.convert.output import Output

DATA = memoryview(bytes(range(256)) * 64)


def joined(out):
    return b"".join(out.blocks())


def test_pieces_stay_in_order():
    out, inner = Output(DATA), Output(DATA)
    out.copy(10, 12)
    inner.copy(0, 5000)
    inner.add(b"x")
    inner.copy(7, 8)
    out.extend(inner)
    out.copy(8, 9)
    expected = bytes([10, 11]) + bytes(DATA[:5000]) + b"x" + bytes([7, 8])
    assert joined(out) == expected and out.size == len(expected)


def test_neighbouring_ranges_are_one():
    out = Output(DATA)
    for at in range(0, 10000, 10):
        out.copy(at, at + 10)
    assert not out.changed
    (whole,) = out.blocks()
    assert len(whole) == 10000 and whole.obj is DATA.obj
    assert [len(block) for block in out.blocks(most=4096)] == [4096, 4096, 1808]
