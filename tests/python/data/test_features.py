import re

import numpy as np
import pytest

from amcaffe.data.features import load_features, save_features
from amcaffe.errors import InputError

MATRIX = np.arange(12, dtype=np.float32).reshape(3, 4)
PATHS = ["a.jpg", "b.jpg", "c.jpg"]


@pytest.mark.parametrize("name", ["f", "f.npy", "softmax.v2"])
@pytest.mark.parametrize("labels", [None, [2, 0, 2]])
def test_features_come_back_as_they_were_saved(tmp_path, name, labels):
    save_features(tmp_path / name, MATRIX, PATHS, labels)
    found = load_features(tmp_path / name)
    assert found.matrix.dtype == np.float32 and (found.matrix == MATRIX).all()
    assert found.paths == PATHS
    assert found.labels is None if labels is None else found.labels.tolist() == labels


@pytest.mark.parametrize(
    "matrix, paths, words",
    [
        (MATRIX[:2], PATHS, "2 features, but the list has 3"),
        (MATRIX[0], PATHS, r"shape \(4,\)"),
        (MATRIX[:0], [], r"shape \(0, 4\)"),
        (np.where(MATRIX == 6, np.nan, MATRIX), PATHS, r"row 1 \(b.jpg\)"),
        (MATRIX, ["a.jpg", "b.jpg", "a.jpg"], "a.jpg stands in row 0 and in row 2"),
    ],
)
def test_features_that_do_not_fit_their_list_are_neither_saved_nor_loaded(
    tmp_path, matrix, paths, words
):
    with pytest.raises(InputError) as caught:
        save_features(tmp_path / "f", matrix, paths)
    assert not list(tmp_path.iterdir())
    np.save(tmp_path / "f.npy", matrix)
    (tmp_path / "f.txt").write_text("".join(f"{path}\n" for path in paths) or "a.jpg\n")
    with pytest.raises(InputError) as again:
        load_features(tmp_path / "f")
    if paths:
        for error in (caught, again):
            assert re.search(words, str(error.value))


def test_an_overwrite_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    save_features(tmp_path / "f", MATRIX, PATHS)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="No space left"):
        save_features(tmp_path / "f", MATRIX[::-1], PATHS[::-1])
    assert (load_features(tmp_path / "f").matrix == MATRIX).all()
    assert load_features(tmp_path / "f").paths == PATHS


def test_a_pickle_is_refused_and_not_run(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (tmp_path.joinpath("run").touch, ())

    np.save(tmp_path / "f.npy", np.array([Hostile()], object), allow_pickle=True)
    (tmp_path / "f.txt").write_text("a.jpg\n")
    with pytest.raises(InputError, match="no feature file"):
        load_features(tmp_path / "f")
    assert not (tmp_path / "run").exists()


def test_a_missing_or_truncated_file_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match="f.npy"):
        load_features(tmp_path / "f")
    save_features(tmp_path / "f", MATRIX, PATHS)
    whole = (tmp_path / "f.npy").read_bytes()
    (tmp_path / "f.npy").write_bytes(whole[:-8])
    with pytest.raises(InputError, match="f.npy is no feature file"):
        load_features(tmp_path / "f")


def test_a_header_of_more_rows_than_the_list_has_is_refused_before_it_is_read(tmp_path):
    save_features(tmp_path / "f", MATRIX, PATHS)
    np.save(tmp_path / "f.npy", np.zeros((4, 4), np.float32))
    with pytest.raises(InputError, match="4 features, but the list has 3 images"):
        load_features(tmp_path / "f")


def test_values_that_float32_cannot_hold_are_refused(tmp_path):
    save_features(tmp_path / "f", MATRIX, PATHS)
    np.save(tmp_path / "f.npy", np.where(MATRIX == 6, 1e200, MATRIX.astype(float)))
    with pytest.raises(InputError, match=r"row 1 \(b.jpg\) has values that are not finite"):
        load_features(tmp_path / "f")


@pytest.mark.parametrize("columns_first", [False, True])
def test_features_of_other_programs_are_read(tmp_path, columns_first):
    matrix = np.array(MATRIX, ">f8", order="F" if columns_first else "C")
    np.save(tmp_path / "f.npy", matrix)
    (tmp_path / "f.txt").write_bytes("\ufeffa.jpg\t2\r\nb.jpg\t0\r\nc.jpg\t2".encode())
    found = load_features(tmp_path / "f")
    assert found.matrix.dtype == np.float32 and np.array_equal(found.matrix, MATRIX)
    assert found.paths == PATHS and found.labels.tolist() == [2, 0, 2]
