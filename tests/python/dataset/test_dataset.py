import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from amcaffe import cli
from amcaffe.data.lists import read_image_list
from amcaffe.dataset import (
    find_people,
    holdout_count,
    main,
    require_readable,
    split_by_identity,
    write_lists,
)
from amcaffe.dataset.people import natural_key
from amcaffe.errors import InputError


def add(folder, *files):
    """Write small images, each of another colour."""
    for row, file in enumerate(files):
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        done, data = cv2.imencode(path.suffix, np.full((8, 6, 3), 10 * row, np.uint8))
        assert done
        path.write_bytes(data.tobytes())


def people(folder, count, images=3):
    for person in range(count):
        add(folder, *(f"s{person}/{image}.png" for image in range(images)))
    return folder


def run(*arguments):
    return cli.run("dataset", main, ["lists", *map(str, arguments)])


@pytest.mark.parametrize("holdout", [0, 1, 7, 19])
def test_a_split_shares_no_identity_and_loses_none(holdout):
    names = [f"p{number}" for number in range(20)]
    train, test = split_by_identity(names, holdout, seed=3)
    assert len(test) == holdout and not set(train) & set(test)
    assert sorted(train + test) == sorted(names)


def test_a_split_depends_on_the_set_of_names_and_the_seed_alone():
    names = [f"p{number}" for number in range(30)]
    train, test = split_by_identity(names, 10, seed=3)
    again = split_by_identity(names[::-1], 10, seed=3)
    assert (set(train), set(test)) == tuple(map(set, again))
    assert set(split_by_identity(names, 10, seed=4)[1]) != set(test)


def test_a_split_keeps_the_order_of_the_names():
    names = ["b", "c", "a", "d", "e", "f"]
    for part in split_by_identity(names, 3, seed=1):
        assert part == sorted(part, key=names.index)


@pytest.mark.parametrize("holdout", [-1, 5, 6])
def test_a_split_that_leaves_nobody_to_train_on_is_refused(holdout):
    with pytest.raises(InputError, match=f"cannot keep {holdout} of 5 people"):
        split_by_identity(list("abcde"), holdout, seed=1)


def test_a_split_of_repeated_names_or_a_negative_seed_is_refused():
    with pytest.raises(InputError, match="1 name given more than once: b"):
        split_by_identity(["a", "b", "b"], 1, seed=1)
    with pytest.raises(InputError, match="--seed"):
        split_by_identity(["a", "b"], 1, seed=-1)


@pytest.mark.parametrize(
    "people, fraction, count", [(40, 0.25, 10), (40, 0, 0), (3, 0.01, 1), (9, 0.5, 5)]
)
def test_a_fraction_is_the_nearest_number_of_people_and_at_least_one(people, fraction, count):
    assert holdout_count(people, fraction) == count


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 25, float("nan")])
def test_a_fraction_that_is_none_is_refused(fraction):
    with pytest.raises(InputError, match="--holdout-fraction"):
        holdout_count(10, fraction)


def test_natural_order_puts_p2_before_p10():
    names = ["p10", "p2", "P1", "a", "p2b", "10", "9", ""]
    assert sorted(names, key=natural_key) == ["", "9", "10", "a", "P1", "p2", "p2b", "p10"]


def test_people_and_images_come_in_natural_order_with_relative_paths(tmp_path):
    add(tmp_path, "s10/1.png", "s2/10.png", "s2/9.png", "s2/more/1.jpg", "s2/a.BMP")
    found = find_people(tmp_path)
    assert list(found.images) == ["s2", "s10"]
    assert found.images["s2"] == ["s2/9.png", "s2/10.png", "s2/a.BMP", "s2/more/1.jpg"]


def test_hidden_and_foreign_files_are_passed_over(tmp_path):
    add(tmp_path, "s1/1.png", "s1/.2.png", ".cache/1.png", "s1/.thumbs/1.png", "loose.png")
    (tmp_path / "s1" / "notes.txt").write_text("x")
    assert find_people(tmp_path).images == {"s1": ["s1/1.png"]}


def test_lists_of_names_with_spaces_and_accents_can_be_read_back(tmp_path):
    names = ["Ana Mar\u00eda", "\u5f20\u4f1f", "o'Neil 2"]
    for name in names:
        add(tmp_path / "in", f"{name}/a b.png", f"{name}/2.png")
    assert run(tmp_path / "in", tmp_path / "out", "--holdout", 1) == 0
    seen = []
    for split in ("train", "test"):
        images = read_image_list(tmp_path / "out" / f"{split}.txt")
        paths, labels = images.paths, images.labels
        assert all((tmp_path / "in" / path).is_file() for path in paths)
        assert sorted(set(labels)) == list(range(len(set(labels))))
        seen += [path.split("/")[0] for path in paths[::2]]
    assert sorted(seen) == sorted(names)


@pytest.mark.parametrize("place", ["{}/1.png", "s0/{}.png", "s0/{}/1.png"])
def test_names_that_are_not_utf_8_are_told_with_the_fix(tmp_path, capsys, place):
    people(tmp_path / "in", 3)
    path = os.path.join(os.fsencode(tmp_path / "in"), place.format("李").encode("gbk"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    for copy in (path, path.replace(b".png", b"2.png")):
        with open(copy, "wb") as file:
            file.write((tmp_path / "in/s0/0.png").read_bytes())
    assert run(tmp_path / "in", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "not UTF-8" in said and "convmv" in said and not (tmp_path / "out").exists()


def test_identities_name_the_label_and_split_of_everyone(tmp_path):
    people(tmp_path / "in", 8)
    assert run(tmp_path / "in", tmp_path / "out", "--holdout-fraction", 0.25) == 0
    text = (tmp_path / "out" / "identities.txt").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines()]
    assert len(rows) == 8 and [split for _, split, _ in rows] == ["train"] * 6 + ["test"] * 2
    for label, split, name in rows:
        images = read_image_list(tmp_path / "out" / f"{split}.txt")
        paths, labels = images.paths, images.labels
        assert {path.split("/")[0] for path, at in zip(paths, labels) if at == int(label)} == {name}


def test_the_same_seed_makes_the_same_lists_and_another_does_not(tmp_path):
    people(tmp_path / "in", 12)
    texts = []
    for row, seed in enumerate((1, 1, 2)):
        assert run(tmp_path / "in", tmp_path / str(row), "--seed", seed) == 0
        texts.append((tmp_path / str(row) / "test.txt").read_text())
    assert texts[0] == texts[1] != texts[2]


def test_without_a_holdout_an_old_test_list_goes(tmp_path, capsys):
    people(tmp_path / "in", 4)
    assert run(tmp_path / "in", tmp_path / "out") == 0
    assert "test.txt: 1 people, 3 images" in capsys.readouterr().out
    assert run(tmp_path / "in", tmp_path / "out", "--holdout", 0) == 0
    assert not (tmp_path / "out" / "test.txt").exists()
    assert "test.txt" not in capsys.readouterr().out
    assert len(read_image_list(tmp_path / "out" / "train.txt").paths) == 12


def test_people_with_few_images_are_left_out_and_named(tmp_path, capsys):
    people(tmp_path / "in", 3)
    add(tmp_path / "in", "lonely/1.png")
    assert run(tmp_path / "in", tmp_path / "out", "--holdout", 1) == 0
    assert "left out lonely: 1 image, fewer than 2" in capsys.readouterr().out
    assert "lonely" not in (tmp_path / "out" / "identities.txt").read_text()


def test_a_person_with_one_image_in_the_test_is_refused_and_nothing_is_written(tmp_path):
    add(tmp_path / "in", "a/1.png", "b/1.png", "b/2.png")
    found = find_people(tmp_path / "in")
    with pytest.raises(InputError, match="1 person drawn for the test with one image: a"):
        write_lists(tmp_path / "out", found, ["b"], ["a"])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda folder: None, "cannot read the folder of people"),
        (lambda folder: folder.mkdir(), "has no people in it"),
        (lambda folder: add(folder, "1.png", "2.png"), "no sub-folder, 2 images"),
        (
            lambda folder: (folder / "empty one").mkdir(parents=True),
            "1 person without an image: empty one",
        ),
        (lambda folder: add(folder, "a/1.png", "b/1.png"), "no person has 2 images or more"),
        (lambda folder: people(folder, 4) and add(folder, "S1/1.png", "S1/2.png"), "'S1' and 's1'"),
        (
            lambda folder: add(folder, "e\u0301/1.png", "\u00e9/1.png"),
            "names that differ only in case or Unicode form",
        ),
    ],
)
def test_a_folder_that_is_none_of_people_is_named_with_the_reason(tmp_path, capsys, make, said):
    make(tmp_path / "in")
    assert run(tmp_path / "in", tmp_path / "out") == InputError.exit_status
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_unreadable_images_are_all_named_and_nothing_is_written(tmp_path, capsys):
    folder = people(tmp_path / "in", 8)
    (folder / "s1" / "1.png").write_bytes(b"")
    (folder / "s3" / "bad.jpg").write_bytes(b"not a picture")
    with pytest.raises(InputError, match="2 images cannot be read") as error:
        require_readable(folder, find_people(folder))
    assert "s1/1.png" in str(error.value) and "s3/bad.jpg" in str(error.value)
    assert run(folder, tmp_path / "out") == InputError.exit_status
    assert "s3/bad.jpg" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_unreadable_images_are_skipped_and_listed_where_that_is_asked_for(tmp_path, capsys):
    folder = people(tmp_path / "in", 6)
    (folder / "s1/1.png").write_bytes(b"")
    (folder / "s3/a b.jpg").write_bytes(b"not a picture")
    for image in range(2):  # leaves s5 with one image, fewer than two
        (folder / f"s5/{image}.png").write_bytes(b"x")
    out = tmp_path / "out"
    assert run(folder, out, "--holdout", 2, "--skip-broken") == 0
    said = capsys.readouterr().out
    assert "left out s5: 1 image, fewer than 2" in said
    assert "broken.txt: 4 images left out, not readable" in said
    rows = [line.split("\t") for line in (out / "broken.txt").read_text().splitlines()]
    assert [path for path, _ in rows] == ["s1/1.png", "s3/a b.jpg", "s5/0.png", "s5/1.png"]
    assert rows[0][1] == "an empty file" and "not an image" in rows[1][1]
    lists = [read_image_list(out / f"{split}.txt") for split in ("train", "test")]
    listed = {path for images in lists for path in images.paths}
    assert len(listed) == 6 * 3 - 4 + 1 - 1 and not listed & {path for path, _ in rows}
    assert [len(set(images.labels)) for images in lists] == [3, 2]

    (folder / "s1/1.png").unlink()
    (folder / "s3/a b.jpg").unlink()
    shutil.rmtree(folder / "s5")
    assert run(folder, out) == 0
    assert not (out / "broken.txt").exists()


def test_people_of_broken_images_alone_are_refused_and_nothing_is_written(tmp_path, capsys):
    folder = people(tmp_path / "in", 3)
    for path in folder.rglob("*.png"):
        path.write_bytes(b"")
    assert run(folder, tmp_path / "out", "--skip-broken") == InputError.exit_status
    said = capsys.readouterr().err
    assert "no person has 2 images that can be read" in said and "s0/0.png" in said
    assert not (tmp_path / "out").exists()


def test_a_broken_txt_of_another_hand_is_not_removed(tmp_path):
    people(tmp_path / "in", 4)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/broken.txt").write_text("mine")
    assert run(tmp_path / "in", tmp_path / "out") == InputError.exit_status
    assert (tmp_path / "out/broken.txt").read_text() == "mine"


def test_of_many_who_are_left_out_the_first_are_named_and_the_rest_counted(tmp_path, capsys):
    people(tmp_path / "in", 4)
    add(tmp_path / "in", *(f"t{number}/1.png" for number in range(12)))
    assert run(tmp_path / "in", tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert said.count("left out t") == 5 and "and 7 more people with fewer than 2 images" in said


def test_a_long_row_of_names_is_cut_short_with_a_count(tmp_path):
    for number in range(9):
        (tmp_path / f"p{number}").mkdir()
    with pytest.raises(
        InputError, match="9 people without an image: p0, p1, p2, p3, p4 and 4 more"
    ):
        find_people(tmp_path)


def test_grey_images_of_other_sizes_are_fine(tmp_path):
    for number in range(4):
        (tmp_path / "in" / str(number)).mkdir(parents=True)
        for image in range(2):
            grey = np.full((20 + number, 10 + image), 9, np.uint8)
            cv2.imwrite(str(tmp_path / "in" / str(number) / f"{image}.pgm"), grey)
    assert run(tmp_path / "in", tmp_path / "out", "--holdout", 2) == 0
    assert len(read_image_list(tmp_path / "out" / "train.txt").paths) == 4


def test_forty_photographed_people_split_into_thirty_and_ten(tmp_path):
    folder = Path(__file__).parents[4] / "shared" / "data" / "att_faces"
    if not folder.is_dir():
        pytest.skip("no ../shared/data/att_faces beside this checkout")
    assert run(folder, tmp_path, "--holdout", 10) == 0
    for split, count in (("train", 30), ("test", 10)):
        images = read_image_list(tmp_path / f"{split}.txt")
        paths, labels = images.paths, images.labels
        assert len(paths) == 10 * count and len(set(labels)) == count


@pytest.mark.parametrize("out", ["faces/lists", "faces/s1", "faces/s1/deep", "link/lists"])
def test_lists_are_not_written_among_the_people(tmp_path, out, capsys):
    people(tmp_path / "faces", 3)
    (tmp_path / "link").symlink_to("faces")
    assert run(tmp_path / "faces", tmp_path / out) == 2
    assert "OUT lies in DIR" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.txt")) and not (tmp_path / "faces/lists").exists()


@pytest.mark.parametrize("out", ["faces", "faces/.lists", "lists", "."])
def test_lists_may_stand_beside_the_people(tmp_path, out):
    people(tmp_path / "faces", 3)
    for _ in range(2):
        assert run(tmp_path / "faces", tmp_path / out) == 0
    assert (tmp_path / out / "train.txt").exists()


def test_a_list_of_another_hand_is_not_overwritten(tmp_path, capsys):
    people(tmp_path / "faces", 3)
    (tmp_path / "train.txt").write_text("mine 0\n")
    assert run(tmp_path / "faces", tmp_path) == 2
    assert "train.txt is there, and was not made by this step" in capsys.readouterr().err
    assert (tmp_path / "train.txt").read_text() == "mine 0\n"
    assert not (tmp_path / "identities.txt").exists()
