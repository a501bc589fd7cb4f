"""Training and test lists of a folder's People, split by identity."""

import math
import os

import numpy as np

from amcaffe.data.files import atomic_set
from amcaffe.data.lists import image_list_text
from amcaffe.data.outputs import claimed_folder
from amcaffe.dataset.people import counted, some
from amcaffe.errors import InputError

LISTS = {"train": "train.txt", "test": "test.txt"}
BROKEN = "broken.txt"


def split_by_identity(names, holdout, seed):
    """Draw the people who are kept for the test.

    Args: names: distinct strings. holdout: how many of them. seed: int >= 0.
    Returns: (train, test): two lists that share no name, each in the order of `names`.
        The draw depends on the set of names and the seed, not on their order.
    Raises: InputError: holdout leaves no person for training, or names repeat.
    """
    if len(set(names)) != len(names):
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        raise InputError(f"{counted(twice, 'name')} given more than once: {some(twice)}")
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


def require_apart(folder, out):
    """Refuse a folder for the lists that is, or lies in, a person's folder of images."""
    inside = os.path.relpath(os.path.realpath(out), os.path.realpath(folder))
    if not inside.startswith("."):  # the folder itself, one outside of it, or a hidden one
        raise InputError(
            f"OUT lies in DIR, {folder}, where each folder is a person",
            found=str(out),
            hint="give another OUT; nothing was written",
        )


def write_lists(out, people, train, test, broken=()):
    """Write train.txt, test.txt (where anyone is in it) and identities.txt.

    broken: {path: reason} of images that were left out, for broken.txt; without any, one of an
    earlier run goes.

    A person with one image in the test is refused: there is no pair to verify. So are lists that
    stand there without identities.txt: another hand wrote them.
    """
    alone = [name for name in test if len(people.images[name]) < 2]
    if alone:
        raise InputError(
            f"{counted(alone, 'person', 'people')} drawn for the test with one image: "
            f"{some(alone)}",
            expected="at least 2 images, to compare a person with himself or herself",
            hint="give --min-images 2, or another --seed",
        )
    with claimed_folder(out, "dataset", ("identities.txt", BROKEN, *LISTS.values())) as claim:
        identities, left_out, *lists = claim.files
        _refuse_foreign(identities, [*lists, left_out])
        rows, contents = [], {}
        for path, split, names in zip(lists, LISTS, (train, test)):
            pairs = [(p, label) for label, name in enumerate(names) for p in people.images[name]]
            contents[path] = image_list_text(path, *zip(*pairs)) if pairs else None
            rows += [f"{label}\t{split}\t{name}\n" for label, name in enumerate(names)]
        # In Python's quotes where a name has a tab or a line end: a line is an image.
        shown = {path: path if path.isprintable() else repr(path) for path in broken}
        lines = [f"{shown[path]}\t{broken[path]}\n" for path in broken]
        atomic_set({identities: "".join(rows), left_out: "".join(lines) or None, **contents})


def _refuse_foreign(identities, lists):
    there = [path for path in lists if path.exists()]
    if there and not identities.exists():
        raise InputError(
            f"{there[0]} is there, and was not made by this step (there is no {identities})",
            hint="give another OUT, or move it away; nothing was written",
        )
