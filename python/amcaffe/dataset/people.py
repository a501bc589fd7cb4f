"""The people of a folder: one sub-folder a person."""

import os
import re
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from amcaffe.data.images import check_images
from amcaffe.errors import InputError

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


def find_people(folder, min_images=1):
    """Find the people of a folder: its sub-folders, and the images anywhere below each.

    Hidden files and folders, and files that are no images by their names, are
    passed over.

    Args: folder. min_images: people with fewer images are left out.
    Returns: People.
    Raises: InputError: no such folder, no people in it, a person without images, or
        two names that differ only in case or in their Unicode form, or names not UTF-8.
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
            f"{folder}: {counted(empty, 'person', 'people')} without an image: {some(empty)}",
            expected="images of the types " + " ".join(sorted(IMAGE_TYPES)),
            hint="remove the empty folders",
        )
    if not images:
        raise InputError(
            f"{folder}: no person has {min_images} images or more",
            found=f"at most {max(count for _, count in skipped)}",
            hint="lower --min-images",
        )
    _refuse_bytes(folder, [path for found in images.values() for path in found])
    return People(images, skipped)


def broken_images(folder, people):
    """The images of a folder's People that cannot be decoded: {path: reason}."""
    paths = [path for found in people.images.values() for path in found]
    _, problems = check_images([str(Path(folder) / path) for path in paths])
    return {paths[row]: reason for row, reason in problems}


def require_readable(folder, people):
    """Raise InputError naming the images of a folder's People that cannot be decoded."""
    broken = [f"{path} ({reason})" for path, reason in broken_images(folder, people).items()]
    if broken:
        raise InputError(
            f"{folder}: {counted(broken, 'image')} cannot be read: {some(broken)}",
            hint="remove or replace them, or give --skip-broken",
        )


def without(people, broken, min_images=1):
    """People less their broken images, and less who then has fewer than min_images.

    Args: people: People. broken: paths, as in people.images.
    Returns: People, the newly skipped after those before.
    Raises: InputError: nobody is left.
    """
    images, skipped = {}, list(people.skipped)
    for name, found in people.images.items():
        whole = [path for path in found if path not in broken]
        if len(whole) < min_images:
            skipped.append((name, len(whole)))
        else:
            images[name] = whole
    if not images:
        raise InputError(
            f"no person has {counted(range(min_images), 'image')} that can be read",
            found=f"{counted(broken, 'broken image')}: {some(list(broken))}",
            hint="replace them, or lower --min-images",
        )
    return People(images, skipped)


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
            f"{folder}: names that differ only in case or Unicode form: {some(sorted(twins))}",
            hint="merge the folders where they are one person, rename one where not",
        )


def _refuse_bytes(folder, names):
    """Lists are UTF-8, and so are the names in them."""
    bad = [ascii(name) for name in names if not _is_utf8(name)]
    if bad:
        raise InputError(
            f"{folder}: {counted(bad, 'name is', 'names are')} not UTF-8: {some(bad)}",
            hint=f"rename them, such as: convmv -f gbk -t utf-8 -r --notest {folder}",
        )


def _is_utf8(name):
    try:
        name.encode()
    except UnicodeEncodeError:  # Python has put stand-ins for the bytes
        return False
    return True


def _hidden(name):
    return name.startswith(".")


def _is_image(name):
    return not _hidden(name) and Path(name).suffix.lower() in IMAGE_TYPES


def counted(things, one, many=None):
    return f"{len(things)} {one if len(things) == 1 else many or one + 's'}"


def some(names):
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
