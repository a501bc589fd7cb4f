"""Balanced folds of pairs, drawn from the labels of images after the pattern of LFW's View 2."""

import numpy as np

from amcaffe.data.pairs import Pairs
from amcaffe.errors import InputError

LFW_HALF = 300  # matched, and mismatched, pairs of a fold in LFW's View 2


def balanced_pairs(labels, folds=10, per_fold=None, seed=0):
    """Folds of as many matched as mismatched pairs, after the pattern of LFW's View 2.

    No pair stands twice. With two people or more a fold (of two images or more each) every
    person belongs to one fold, so that a threshold is tried on people it was not chosen on.
    With fewer people that cannot be: pairs are then drawn among all people and dealt to
    the folds, which share people but no pair. Within a fold, matched pairs are spread
    evenly over people, and mismatched ones over couples of people.

    Args:
        labels: (N,) int, the person on each image.
        folds: number of folds, at least 2.
        per_fold: pairs of a fold, even; None for 600 as in LFW, or as many as there are.
        seed: int, of the draw.
    Returns: Pairs, fold after fold, matched before mismatched.
    Raises: InputError: one person only, or too few images for the folds or for per_fold.
    """
    labels = np.asarray(labels)
    if folds < 2 or (per_fold is not None and (per_fold < 2 or per_fold % 2)):
        raise InputError(
            "balanced folds need two folds or more, and an even number of pairs in each",
            found=f"folds={folds}, per_fold={per_fold}",
        )
    rng = np.random.default_rng(seed)
    people = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    several = sum(len(images) > 1 for images in people)
    shared = several < 2 * folds
    groups = [people] if shared else _deal(people, folds, rng)
    deals = folds if shared else 1
    room = min(min(_room(group)) // deals for group in groups)
    half = min(LFW_HALF, room) if per_fold is None else per_fold // 2
    if len(people) < 2 or not 0 < half <= room:
        raise InputError(
            f"{len(people)} people with {len(labels)} images, {several} of them with two or "
            f"more, do not give {folds} folds"
            + ("" if per_fold is None else f" of {per_fold} pairs"),
            found=f"at most {2 * room} pairs a fold",
            expected="two people or more, and in each fold a matched and a mismatched pair",
            hint="give more people and images, or ask for fewer folds or pairs",
        )
    left, right, same, fold = [], [], [], []
    for number, group in enumerate(groups):
        for kind, draw in ((True, _matched), (False, _mismatched)):
            drawn = rng.permutation(draw(group, half * deals, rng))
            left.append(drawn.min(axis=1))
            right.append(drawn.max(axis=1))
            same.append(np.full(len(drawn), kind))
            fold.append(np.repeat(np.arange(number, number + deals), half))
    left, right, same, fold = map(np.concatenate, (left, right, same, fold))
    order = np.lexsort((~same, fold))
    rule = (
        f"{folds} folds of {half} matched and {half} mismatched pairs, drawn with seed {seed}; "
        "no pair stands twice.",
        f"The folds share people: {several} have two images or more, and folds of different "
        f"people would need {2 * folds}."
        if shared
        else "No person stands in two folds.",
    )
    return Pairs(left[order], right[order], same[order], fold[order], rule, shared)


def _deal(people, folds, rng):
    """People in `folds` groups of like size: the most photographed first, back and forth."""
    shuffled = rng.permutation(len(people))
    sizes = np.array([len(people[k]) for k in shuffled])
    order = shuffled[np.argsort(-sizes, kind="stable")]
    groups = [[] for _ in range(folds)]
    for place, k in enumerate(order):
        turn, at = divmod(place, folds)
        groups[at if turn % 2 == 0 else folds - 1 - at].append(people[k])
    return groups


def _room(group):
    """How many matched and mismatched pairs a group of people has."""
    sizes = np.array([len(images) for images in group])
    matched = int(np.sum(sizes * (sizes - 1) // 2))
    return matched, int(sizes.sum() * (sizes.sum() - 1) // 2) - matched


def _matched(group, total, rng):
    pairs = []
    sizes = np.array([len(images) for images in group])
    for images, quota in zip(group, _quotas(sizes * (sizes - 1) // 2, total, rng)):
        number = rng.choice(len(images) * (len(images) - 1) // 2, quota, replace=False)
        # Pairs i > j are numbered i (i - 1) / 2 + j.
        i = ((1 + np.sqrt(1 + 8 * number.astype(np.float64))) // 2).astype(np.int64)
        pairs.append(np.stack([images[i], images[number - i * (i - 1) // 2]], axis=1))
    return np.concatenate(pairs)


def _mismatched(group, total, rng):
    # 2 total + 1 people have more couples than pairs are asked for: a large group is not all met.
    chosen = sorted(rng.choice(len(group), min(len(group), 2 * total + 1), replace=False))
    group = [group[k] for k in chosen]
    sizes = np.array([len(images) for images in group])
    one, other = np.tril_indices(len(group), -1)
    quotas = _quotas(sizes[one] * sizes[other], total, rng)
    pairs = []
    for k in np.flatnonzero(quotas):
        a, b = group[one[k]], group[other[k]]
        i, j = np.divmod(rng.choice(len(a) * len(b), quotas[k], replace=False), len(b))
        pairs.append(np.stack([a[i], b[j]], axis=1))
    return np.concatenate(pairs)


def _quotas(room, total, rng):
    """(K,) int: `total` spread evenly over K cells, none above its room; the odd ones by lot."""
    quotas = np.zeros(len(room), np.int64)
    while total:
        free = np.flatnonzero(quotas < room)
        each = total // len(free)
        if each:
            added = np.minimum(room[free] - quotas[free], each)
        else:
            free, added = rng.choice(free, total, replace=False), 1
        quotas[free] += added
        total -= int(np.sum(np.broadcast_to(added, free.shape)))
    return quotas
