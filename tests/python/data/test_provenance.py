"""What a result was made from."""

import hashlib
import os

import pytest

from amcaffe.data.provenance import made_from, stamp_of
from amcaffe.errors import InputError


def test_a_file_is_named_by_path_and_hash(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"a 0\n")
    digest = hashlib.sha256(b"a 0\n").hexdigest()
    assert made_from(path) == {"path": str(path), "sha256": digest}
    with pytest.raises(InputError, match="cannot read .*No such file"):
        made_from(tmp_path / "none")


def test_a_stamp_shows_another_size_time_order_and_absence(tmp_path):
    paths = [tmp_path / name for name in ("a", "b")]
    for path in paths:
        path.write_bytes(b"12")
        os.utime(path, (1000, 1000))
    stamps = [stamp_of(paths)]
    assert stamp_of(paths) == stamps[0]
    os.utime(paths[1], (1000, 1001))
    stamps.append(stamp_of(paths))
    paths[1].write_bytes(b"123")
    os.utime(paths[1], (1000, 1001))
    stamps.append(stamp_of(paths))
    stamps.append(stamp_of(reversed(paths)))
    paths[1].unlink()
    stamps.append(stamp_of(paths))
    assert len(set(stamps)) == len(stamps)
    assert stamp_of(["\0"]) == stamp_of([tmp_path / "none"])
