"""Image lists from a folder of people, one sub-folder a person, split by identity."""

import math
import os
import re
import sys
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from amcaffe import cli
from amcaffe.errors import InputError
from amcaffe.files import atomic_write
from amcaffe.lists import write_image_list

IMAGE_TYPES = {".jpg", ".jpeg", ".png", ".bmp", ".pgm", ".ppm", ".pnm", ".tif", ".tiff", ".webp"}
SHOWN = 5  # names that an error lists before it counts the rest


class People(NamedTuple):
    """A folder of people.

    images: name to its image paths, relative to the folder, "/" between the parts;
        names and paths in natural order. skipped: (name, number of images) of people
        with fewer images than asked for.
    """

    images: dict
    skipped: list


def main(argv):
    parser = cli.parser(
        "dataset",
        "Lists of the images of a folder of people.",
        "python -m amcaffe.dataset lists data/faces data/lists --holdout-fraction 0.25",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    lists = commands.add_parser(
        "lists",
        help="a folder of people, one sub-folder a person, to train.txt and test.txt",
        description="Write OUT/train.txt and OUT/test.txt (`path label` a line, paths relative to\n"
        "DIR, labels from 0 in each) and OUT/identities.txt (label, split, name). No person\n"
        "is in both lists.",
        epilog="example:\n  python -m amcaffe.dataset lists data/faces data/lists --holdout 10",
        formatter_class=parser.formatter_class,
    )
    lists.add_argument("dir", metavar="DIR", help="the folder of people")
    lists.add_argument("out", metavar="OUT", help="the folder for the lists")
    amount = lists.add_mutually_exclusive_group()
    amount.add_argument("--holdout", type=int, metavar="N", help="people kept for the test")
    amount.add_argument(
        "--holdout-fraction",
        type=float,
        default=0.25,
        metavar="F",
        help="share of the people kept for the test (%(default)s)",
    )
    lists.add_argument(
        "--seed", type=int, default=1, metavar="S", help="of the draw of people (%(default)s)"
    )
    lists.add_argument(
        "--min-images",
        type=int,
        default=2,
        metavar="K",
        help="leave out people with fewer images (%(default)s; 1 keeps all)",
    )
    args = parser.parse_args(argv)
    people = find_people(args.dir, args.min_images)
    for name, count in people.skipped:
        images = "image" if count == 1 else "images"
        print(f"left out {name}: {count} {images}, fewer than {args.min_images}")
    if args.holdout is None:
        holdout = holdout_count(len(people.images), args.holdout_fraction)
    else:
        holdout = args.holdout
    train, test = split_by_identity(list(people.images), holdout, args.seed)
    require_readable(args.dir, people)
    write_lists(args.out, people, train, test)
    for split, names in (("train", train), ("test", test)):
        if not names:
            continue
        count = sum(len(people.images[name]) for name in names)
        print(f"{Path(args.out) / split}.txt: {len(names)} people, {count} images")
    print(Path(args.out) / "identities.txt")


def find_people(folder, min_images=1):
    """Find the people of a folder: its sub-folders, and the images anywhere below each.

    Hidden files and folders, and files that are no images by their names, are
    passed over.

    Args: folder. min_images: people with fewer images are left out.
    Returns: People.
    Raises: InputError: no such folder, no people in it, a person without images, or
        two names that differ only in case or in their Unicode form.
    """
    folder = Path(folder)
    if min_images < 1:
        raise InputError("--min-images is at least 1", found=min_images)
    try:
        names = [e.name for e in os.scandir(folder) if e.is_dir() and not _hidden(e.name)]
    except OSError as error:
        raise InputError(f"cannot read the folder of people {folder}: {error.strerror}") from None
    if not names:
        loose = sum(map(_is_image, os.listdir(folder)))
        raise InputError(
            f"{folder} has no people in it",
            found=f"no sub-folder, {loose} images" if loose else "no sub-folder",
            expected="a sub-folder a person, with that person's images",
        )
    _refuse_twins(folder, names)
    images, empty, skipped = {}, [], []
    for name in sorted(names, key=natural_key):
        found = _images_below(folder, name)
        if not found:
            empty.append(name)
        elif len(found) < min_images:
            skipped.append((name, len(found)))
        else:
            images[name] = found
    if empty:
        raise InputError(
            f"{folder}: {_count(empty, 'person', 'people')} without an image: {_some(empty)}",
            expected="images of the types " + " ".join(sorted(IMAGE_TYPES)),
            hint="remove the empty folders",
        )
    if not images:
        raise InputError(
            f"{folder}: no person has {min_images} images or more",
            found=f"at most {max(count for _, count in skipped)}",
            hint="lower --min-images",
        )
    return People(images, skipped)


def split_by_identity(names, holdout, seed):
    """Draw the people who are kept for the test.

    Args: names: distinct strings. holdout: how many of them. seed: int >= 0.
    Returns: (train, test): two lists that share no name, each in the order of `names`.
        The draw depends on the set of names and the seed, not on their order.
    Raises: InputError: holdout leaves no person for training, or names repeat.
    """
    if len(set(names)) != len(names):
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        raise InputError(f"{_count(twice, 'name')} given more than once: {_some(twice)}")
    if not 0 <= holdout < len(names):
        raise InputError(
            f"cannot keep {holdout} of {len(names)} people for the test",
            expected=f"0 to {len(names) - 1}",
            hint="change --holdout or --holdout-fraction",
        )
    if seed < 0:
        raise InputError("--seed is 0 or more", found=seed)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(names))
    pool = sorted(names)
    kept = {pool[row] for row in order[:holdout]}
    return [n for n in names if n not in kept], [n for n in names if n in kept]


def holdout_count(people, fraction):
    """How many of `people` a fraction in [0, 1) is: the nearest number, at least 1 above 0."""
    if not 0 <= fraction < 1:
        raise InputError(
            "--holdout-fraction is a share of the people", found=fraction, expected="0 to below 1"
        )
    return max(1, math.floor(people * fraction + 0.5)) if fraction else 0


def require_readable(folder, people):
    """Raise InputError naming the images of a folder's People that cannot be decoded."""
    from amcaffe.images import check_images

    paths = [path for found in people.images.values() for path in found]
    _, problems = check_images([str(Path(folder) / path) for path in paths])
    if problems:
        broken = [f"{paths[row]} ({reason})" for row, reason in problems]
        raise InputError(
            f"{folder}: {_count(broken, 'image')} cannot be read: {_some(broken)}",
            hint="remove or replace them",
        )


def write_lists(out, people, train, test):
    """Write train.txt, test.txt (where anyone is in it) and identities.txt.

    A person with one image in the test is refused: there is no pair to verify.
    """
    alone = [name for name in test if len(people.images[name]) < 2]
    if alone:
        raise InputError(
            f"{_count(alone, 'person', 'people')} drawn for the test with one image: "
            f"{_some(alone)}",
            expected="at least 2 images, to compare a person with himself or herself",
            hint="give --min-images 2, or another --seed",
        )
    rows = []
    for split, names in (("train", train), ("test", test)):
        if not names:
            Path(out, f"{split}.txt").unlink(missing_ok=True)
            continue
        pairs = [(p, label) for label, name in enumerate(names) for p in people.images[name]]
        write_image_list(Path(out) / f"{split}.txt", *zip(*pairs))
        rows += [f"{label}\t{split}\t{name}\n" for label, name in enumerate(names)]
    atomic_write(Path(out) / "identities.txt", "".join(rows))


def natural_key(text):
    """Sorts p2 before p10; ties by the text itself."""
    parts = re.split(r"([0-9]+)", text.casefold())
    return [int(part) if row % 2 else part for row, part in enumerate(parts)], text


def _images_below(folder, name):
    found = []
    for base, folders, files in os.walk(folder / name):
        folders[:] = [f for f in folders if not _hidden(f)]
        inside = Path(base).relative_to(folder).as_posix()
        found += [f"{inside}/{file}" for file in files if _is_image(file)]
    return sorted(found, key=natural_key)


def _refuse_twins(folder, names):
    same = defaultdict(list)
    for name in names:
        same[unicodedata.normalize("NFC", name).casefold()].append(name)
    twins = [" and ".join(map(repr, sorted(group))) for group in same.values() if len(group) > 1]
    if twins:
        raise InputError(
            f"{folder}: names that differ only in case or Unicode form: {_some(sorted(twins))}",
            hint="merge the folders where they are one person, rename one where not",
        )


def _hidden(name):
    return name.startswith(".")


def _is_image(name):
    return not _hidden(name) and Path(name).suffix.lower() in IMAGE_TYPES


def _count(things, one, many=None):
    return f"{len(things)} {one if len(things) == 1 else many or one + 's'}"


def _some(names):
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


if __name__ == "__main__":
    sys.exit(cli.run("dataset", main))
