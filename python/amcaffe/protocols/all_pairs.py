"""The scores of all N (N - 1) / 2 pairs of N images, counted block by block and never stored."""

import numpy as np

from amcaffe.protocols.roc import Tally, false_accepts
from amcaffe.protocols.scores import ONE, TILE, require_both_kinds

CELLS, CELL = 2**20, 2**33  # cells of the first count of all pairs, and the units in one


def tally_all_pairs(rows, labels, fars=()):
    """Count the scores of all N (N - 1) / 2 pairs, none of which is stored.

    Cells are 2e-6 wide. One that holds both kinds, and in which the threshold of a FAR
    of `fars` or the EER falls, is counted anew in ever smaller cells until it has one
    kind or is one score. So those figures are exact, after two or three passes.
    Memory: 24 MiB of counts, the rows, and 150 MiB for a block of 2048 x 2048 scores.

    Args:
        rows: (N, D) from unit_rows.
        labels: (N,) int, the person on each image.
        fars: fractions in (0, 1); those that the pairs cannot resolve are passed over.
    Raises: InputError: all images of one person, or each of another.
    """
    _, people = np.unique(labels, return_inverse=True)
    each = np.bincount(people)
    genuine = int(np.sum(each * (each - 1) // 2))
    impostor = len(people) * (len(people) - 1) // 2 - genuine
    require_both_kinds(genuine, impostor)
    fars = [far for far in fars if false_accepts(far, impostor) >= 1]

    counts = np.zeros((2, CELLS + 1), np.int64)  # cell 0 holds a score of exactly -1
    for units, same, _ in tiles(rows, people):
        index = ((units + (ONE - 1)) >> 33) + 1
        index[same] += CELLS + 1
        counts += np.bincount(index, minlength=counts.size).reshape(counts.shape)
    ceiling = np.arange(CELLS + 1) * CELL - ONE
    width = np.full(CELLS + 1, CELL)
    while True:
        used = counts.any(axis=0)
        counts, ceiling, width = counts[:, used], ceiling[used], width[used]
        found = Tally(ceiling / ONE, counts[1], counts[0])
        deciding = {found._eer_cell(), *(found._far_cell(far) for far in fars)}
        split = [cell for cell in deciding if counts[:, cell].all() and width[cell] > 1]
        if not split:
            return found
        parts = [_split(rows, people, ceiling[cell], width[cell]) for cell in split]
        counts = np.delete(counts, split, axis=1)
        counts = np.concatenate([counts, *(part[0] for part in parts)], axis=1)
        ceiling = np.concatenate([np.delete(ceiling, split), *(part[1] for part in parts)])
        width = np.concatenate([np.delete(width, split), *(part[2] for part in parts)])
        order = np.argsort(ceiling)
        counts, ceiling, width = counts[:, order], ceiling[order], width[order]


def _split(rows, people, ceiling, width):
    """Counts (2, n), ceilings and widths of a cell cut into at most 2**17 equal ones."""
    shift = max(0, int(width).bit_length() - 1 - 17)
    number = int(width) >> shift
    counts = np.zeros((2, number), np.int64)
    for units, same, _ in tiles(rows, people):
        inside = (units > ceiling - width) & (units <= ceiling)
        index = (units[inside] - (ceiling - width + 1)) >> shift
        index[same[inside]] += number
        counts += np.bincount(index, minlength=counts.size).reshape(counts.shape)
    ceilings = ceiling - width + ((np.arange(number) + 1) << shift)
    return counts, ceilings, np.full(number, 1 << shift)


def tiles(rows, people):
    """All pairs in blocks: (units, same, place).

    units: (n,) int64 scores in units of 2**-52; same: (n,) bool; place: function of
    (k,) positions in these that gives the two rows of each, (k,) int each.
    """
    for top in range(0, len(rows), TILE):
        for left in range(0, top + 1, TILE):
            a, b = slice(top, top + TILE), slice(left, left + TILE)
            units = np.clip(rows[a] @ rows[b].T, -ONE, ONE).astype(np.int64)
            same = people[a, None] == people[None, b]
            if top == left:
                lower = np.tril_indices(len(units), -1)
                yield units[lower], same[lower], _placer(lower, top)
            else:
                yield units.ravel(), same.ravel(), _unraveller(units.shape, top, left)


def _placer(indices, start):
    return lambda at: (indices[0][at] + start, indices[1][at] + start)


def _unraveller(shape, top, left):
    def place(at):
        i, j = np.divmod(at, shape[1])
        return i + top, j + left

    return place
