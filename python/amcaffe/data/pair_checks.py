"""What looks wrong about pairs of images: it is told with their result, or refused."""

from pathlib import PurePosixPath

import numpy as np

from amcaffe.data.visible import shown
from amcaffe.errors import InputError

_FEW = 0.1  # a share of contradictions that leaves no doubt about what folders' names are


def remarks(left, right, same, lines, paths, people):
    """Sentences about pairs that stand twice or contradict others or the identities.

    Identities are those of `people`. Where none are known, they are the folders that the images lie
    in, if nearly all pairs agree or nearly all disagree with them.

    Args:
        left, right: (P,) int rows. same: (P,) bool. lines: (P,) int, of the list.
        paths: N strings. people: (N,) int or None.
    Returns: tuple of strings.
    Raises: InputError: the labels of most pairs contradict `people`.
    """
    found = []
    alone = left == right
    if alone.any():
        found.append(
            f"{_counted(alone.sum())} of an image with itself, the first in line "
            f"{lines[np.argmax(alone)]}."
        )
    ends = np.stack([np.minimum(left, right), np.maximum(left, right)], axis=1)
    _, first, which = np.unique(ends, axis=0, return_index=True, return_inverse=True)
    which = which.reshape(-1)
    again = first[which] != np.arange(len(left))
    if again.any():
        row = int(np.argmax(again))
        found.append(
            f"{_counted(again.sum())} repeated, the first in line {lines[row]}, which stands in "
            f"line {lines[first[which[row]]]} already."
        )
        if (same != same[first[which]]).any():
            row = int(np.argmax(same != same[first[which]]))
            found.append(
                f"The pair of line {lines[row]} stands as matched and as mismatched, the other "
                f"time in line {lines[first[which[row]]]}."
            )
    sentence = _contradiction(left, right, same, lines, paths, people)
    return (*found, sentence) if sentence else tuple(found)


def _contradiction(left, right, same, lines, paths, people):
    """What to say where labels contradict the identities; None where they do not."""
    identities, source = people, "the images' labels"
    if people is None:
        folders = [str(PurePosixPath(path).parent) for path in paths]
        identities, source = np.unique(folders, return_inverse=True)[1], "the images' folders"
        if "." in folders or len({*folders}) < 3:
            return None
    wrong = same != (identities[left] == identities[right])
    share = wrong.mean()
    if not wrong.any() or (people is None and _FEW < share < 1 - _FEW):
        return None
    row = int(np.argmax(wrong))
    where = (
        f"in {wrong.sum()} of {len(wrong)} pairs, the first in line {lines[row]}: "
        f"{shown(paths[left[row]])} and {shown(paths[right[row]])}, "
        f"{'matched' if same[row] else 'mismatched'}"
    )
    if people is not None and share > 0.5:
        raise InputError(
            "the pairs' labels contradict the identities",
            found=f"{where}, by {source}",
            expected="1 for one person, 0 or -1 for two",
            hint="is the column of labels the other way round, or of other images?",
        )
    return f"The pairs' labels contradict the identities, which are {source}, {where}."


def _counted(number):
    return f"{number} pair" if number == 1 else f"{number} pairs"
