"""Damages lists, lists of pairs, .npy files and feature files: each is read or refused in words.

    python tests/fuzz_readers.py [--cases 100000] [--seed 0]

A case is a well-formed file with a few bytes changed, cut, doubled or put in from a table of what
such files have gone wrong with. Wrong are: any exception but InputError, a message without words or
longer than 10,000 characters, a result that contradicts itself, a list that is not read back as it
was written, a case of more than 5 seconds, and memory that grows by more than 200 MB.
tests/python/data/test_fuzz_readers.py runs 2000 cases of a fixed seed.
"""

import argparse
import io
import random
import resource
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np

from amcaffe.data.features import load_features
from amcaffe.data.lists import image_list_text, read_image_list
from amcaffe.data.pair_lists import read_pairs
from amcaffe.data.pairs import locate
from amcaffe.errors import InputError

SECONDS = 5
MEGABYTES = 200
LONGEST = 10_000  # characters of a message

_PATHS = ["a/1.jpg", "a/2.jpg", "b b/1.jpg", "c/王 1.png", "d/5.png", "e/6.pgm"]
_SPLICES = [
    b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\r", b"\n", b"\r\n", b"\t", b" ",
    b",", b";", b"#", b"./", b"\\", b"/", b'"', b"'", b"-", b"+", b"0", b"1", b"-1", b"1.0", b"1e9",
    b"nan", b"99999999999999999999", b"10\t300\n", b"3\n", b"\xd5\xc5", "\u200b".encode(),
    "\u3000".encode(), "\u0661".encode(), "\u2028".encode(), b" 1 2", b"\x1b[2J", b"path label\n",
    b"(" * 300, b" " * 5000, b"./" * 3000, b"1 " * 3000, b"9" * 6000, b"{'descr'", b"'|O'",
    b"(1000000000000, 8)", b"True",
]  # fmt: skip


def _image_lists():
    for gap in (" ", "\t", ",", ";"):
        yield "".join(f"{path}{gap}{row // 2}\n" for row, path in enumerate(_PATHS)).encode()
    yield "".join(f"{row // 2} {path}\n" for row, path in enumerate(_PATHS)).encode()
    yield "".join(f"{path}\n" for path in _PATHS).encode()
    yield "".join(f"{path} {row}\r\n" for row, path in enumerate(_PATHS)).encode("utf-16")
    yield "".join(f"{path} {row}\n" for row, path in enumerate(_PATHS)).encode("gbk")


def _pair_lists():
    plain = [(_PATHS[k], _PATHS[(k * 3 + 1) % 6], k % 2) for k in range(6)]
    for form in ("{}\t{}\t{}\n", "{},{},{}\n", "{2}\t{0}\t{1}\n", "{0} {2}\n{1} {2}\n"):
        yield "".join(form.format(*pair) for pair in plain).encode()
    yield b"2\t1\nAnn\t1\t2\nAnn\t3\tBo\t1\nCy\t4\t1\nCy\t1\tDi\t1\n"
    yield b"2\nAnn\t1\t2\nCy\t4\t1\nAnn\t3\tBo\t1\nCy\t1\tDi\t1\n"
    yield b"Ann 1\nAnn 2\nCy 4\nDi 1\nAnn 3\nBo 1\nCy 1\nCy 2\n"
    yield b"Ann 1 2\nCy 4 1\nAnn 3 Bo 1\nCy 1 Di 1\n"


def _arrays():
    matrix = np.arange(48, dtype=np.float32).reshape(6, 8)
    for array in (matrix, matrix.astype(">f8"), np.asfortranarray(matrix)):
        for version in ((1, 0), (2, 0)):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, version)
            yield buffer.getvalue()


def _mutated(content, draw):
    """The content with a change, or with up to four."""
    content = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 4))):
        at = draw.randint(0, len(content))
        end = min(len(content), at + draw.choice((1, 2, 8, 40)))
        kind = draw.randrange(6)
        if kind == 0 and at < len(content):
            content[at] = draw.randrange(256)
        elif kind == 1:
            del content[at:end]
        elif kind == 2:
            content[at:at] = content[at:end]
        elif kind == 3:
            del content[at:]
        elif kind == 4:
            content[at:end] = draw.choice(_SPLICES)
        else:
            content[at:at] = draw.choice(_SPLICES)
    return bytes(content)


class Fuzz:
    """Cases in a folder, one after the other, each drawn from a seed and its number."""

    def __init__(self, folder, seed):
        self.folder, self.seed = Path(folder), seed
        self.read, self.refused = 0, 0
        for path in _PATHS:
            file = self.folder / path
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(b"")
        matrix = np.arange(48, dtype=np.float32).reshape(6, 8)
        self.matrix = io.BytesIO()
        np.save(self.matrix, matrix)
        self.seeds = {
            self._image_list: [*_image_lists()],
            self._pair_list: [*_pair_lists()],
            self._array: [*_arrays()],
            self._feature_list: [*_image_lists()],
        }

    def case(self, number):
        """Run a case. Raises what a reader should not have raised, and AssertionError."""
        draw = random.Random(f"{self.seed} {number}")
        reader = [*self.seeds][number % len(self.seeds)]
        content = _mutated(draw.choice(self.seeds[reader]), draw)
        try:
            reader(content, draw)
            self.read += 1
        except InputError as error:
            self.refused += 1
            assert 10 < len(str(error)) < LONGEST, "a message without words, or without end"

    def _write(self, name, content):
        (self.folder / name).write_bytes(content)
        return self.folder / name

    def _image_list(self, content, draw):
        file_of = draw.choice((None, lambda name: f"{self.folder}/{name}"))
        encoding = draw.choice((None, None, None, "gbk", "utf-16-le"))
        images = read_image_list(self._write("list.txt", content), file_of, encoding)
        assert len(images.paths) == len(images.lines) > 0 and all(images.paths)
        assert images.labels is None or images.labels.shape == images.lines.shape
        text = image_list_text("again.txt", images.paths, images.labels)
        again = read_image_list(self._write("again.txt", text.encode()))
        assert again.paths == images.paths and not again.notes
        assert np.array_equal(again.labels, images.labels)

    def _pair_list(self, content, draw):
        named = read_pairs(self._write("pairs.txt", content), 2)
        count = len(named.left)
        assert count == len(named.right) == len(named.same) == len(named.fold) == len(named.lines)
        assert named.same.any() and not named.same.all() and set(named.fold) >= {0, 1}
        people = draw.choice((None, np.repeat(np.arange(3), 2)))
        pairs = locate(named, _PATHS, people, allow_missing=draw.random() < 0.5)
        assert len(pairs.left) == len(pairs.right) == len(pairs.same) > 0

    def _array(self, content, draw):
        self._write("f.npy", content)
        self._write("f.txt", "".join(f"{path}\n" for path in _PATHS).encode())
        self._check(load_features(self.folder / "f"))

    def _feature_list(self, content, draw):
        self._write("f.npy", self.matrix.getvalue())
        self._write("f.txt", content)
        self._check(load_features(self.folder / "f"))

    @staticmethod
    def _check(features):
        assert features.matrix.shape[0] == len(features.paths) == len(set(features.paths))
        assert features.matrix.dtype == np.float32 and np.isfinite(features.matrix).all()


def _too_long(*_):
    raise TimeoutError(f"a case took more than {SECONDS} seconds")


def run(cases, seed, folder):
    """Run so many cases: (read, refused). Raises RuntimeError naming the first that is wrong."""
    fuzz = Fuzz(folder, seed)
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    handler = signal.signal(signal.SIGALRM, _too_long)
    try:
        for number in range(cases):
            signal.alarm(SECONDS)
            try:
                fuzz.case(number)
            except Exception as error:
                raise RuntimeError(f"case {number} of seed {seed}: {error!r}") from error
            finally:
                signal.alarm(0)
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) >> 10
            if grown > MEGABYTES:
                raise RuntimeError(f"case {number} of seed {seed}: memory grew by {grown} MB")
    finally:
        signal.signal(signal.SIGALRM, handler)
    return fuzz.read, fuzz.refused


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        read, refused = run(arguments.cases, arguments.seed, folder)
    print(f"{arguments.cases} cases of seed {arguments.seed}: {read} read, {refused} refused")


if __name__ == "__main__":
    sys.exit(main())
