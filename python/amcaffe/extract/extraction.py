"""From a list of images to a feature file."""

import hashlib
import json
import math
import sys
import time
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Optional

import numpy as np

from amcaffe.data.features import feature_paths, save_features
from amcaffe.data.images import check_images
from amcaffe.data.outputs import claimed_stem, named
from amcaffe.data.provenance import made_from, stamp_of
from amcaffe.data.visible import shown
from amcaffe.errors import InputError
from amcaffe.extract.batches import Batches
from amcaffe.extract.listed import listed_images
from amcaffe.extract.partial import Partial
from amcaffe.host.caffe_log import caffe_log, is_failed_check
from amcaffe.host.pycaffe import import_caffe, use_device
from amcaffe.nets.deploy import Network
from amcaffe.nets.mirror import normalize
from amcaffe.nets.net_input import chosen_input
from amcaffe.progress import Progress

_SAVE_SECONDS = 5.0
_SHOWN = 5
_ROOT = "--root gives the folder that the list's paths start from"
_WRITTEN = (".npy", ".txt", ".json", ".unreadable.txt", ".partial.json")
_NOT_OF_ROWS = ("batch", "gpu", "strict", "max_bad", "out")
_KEPT_OPEN = (".partial.npy", ".caffe.log")


@dataclass(frozen=True)
class Options:
    """As the command line's, which see."""

    image_list: str
    out: str
    net: str
    weights: str
    root: str = ""
    blob: str = "fc5"
    mirror: Optional[str] = None
    normalize: bool = True
    input: Optional[str] = None
    batch: int = 64
    gpu: Optional[int] = None
    strict: bool = False
    max_bad: float = 1.0
    encoding: Optional[str] = None


def extract(options):
    """Write OUT.npy, OUT.txt, OUT.json and, where images were unreadable, OUT.unreadable.txt.

    Returns: the summary that OUT.json holds.
    Raises: InputError: before the net runs, except where more images are unreadable than
        max_bad allows, a feature is not finite, or the disk has no room at the end.
    """
    stem = str(feature_paths(named(options.out))[0])[: -len(".npy")]
    with claimed_stem(stem, "extract", _WRITTEN, _KEPT_OPEN) as claim:
        return _extract(options, stem, claim)


def _extract(options, stem, claim):
    caffe = import_caffe()  # before the list, which may be one of millions
    listed = listed_images(options.image_list, options.root, options.encoding)
    names = listed.names
    if options.batch < 1:
        raise InputError("--batch must be 1 or more", found=str(options.batch))
    if not 0 <= options.max_bad <= 1:
        raise InputError(
            "--max-bad is a share of the list's images",
            found=str(options.max_bad),
            expected="0..1, such as 0.01 for one in a hundred",
        )
    paths = [str(Path(options.root) / name) for name in names]
    claim.spare([options.image_list, options.net, options.weights, *paths])
    _refuse_foreign(stem)
    log = Path(f"{stem}.caffe.log")
    with caffe_log(log, "extract", "mend that; the same command goes on where it was"):
        try:
            device = use_device(caffe, options.gpu)
            network = Network(caffe, options.net, options.weights, options.blob, options.mirror)
            net_input, said_by = chosen_input(options.net, options.input)
            fitted = net_input.fitted(said_by, options.net, network.shape)
            if options.strict:
                _refuse_unreadable(options.image_list, paths, fitted)
            sources = {
                "list": made_from(options.image_list),
                "net": made_from(options.net),
                "weights": made_from(options.weights),
            }
            signature = _signature(options, paths, sources)
            partial = Partial(stem, (len(names), network.dim), signature)
            try:
                speed = _run(network, fitted, partial, paths, options)
            finally:
                partial.save()
        finally:
            if not is_failed_check(sys.exc_info()[1]):
                log.unlink()  # it is of use, and stays, where Caffe stops by itself
    facts = {
        "input": str(net_input),
        "images_per_second": speed,
        "device": device,
        "caffe": caffe.__version__,
        "made_from": sources,
    }
    summary = _finish(stem, partial, listed, network, options, facts)
    partial.remove()
    return summary


def _refuse_foreign(stem):
    """Files that an extraction wrote are replaced; others of their names may be all there is."""
    there = [path for path in map(Path, (f"{stem}.npy", f"{stem}.txt")) if path.is_file()]
    summary = Path(f"{stem}.json")
    try:
        made = json.loads(summary.read_text(encoding="utf-8"))
        ours = isinstance(made, dict) and {"blob", "dim"} <= made.keys()
    except FileNotFoundError:
        ours = not there
    except (OSError, ValueError):
        ours = False
    if not ours:
        raise InputError(
            f"{(there or [summary])[0]} is there, and no extraction wrote it",
            found=f"{summary} is {'of something else' if summary.exists() else 'not there'}",
            hint="give another OUT, or move it away; nothing was written",
        )


def _refuse_unreadable(image_list, paths, net_input):
    sizes, problems = check_images(paths, color=net_input.channels == 3)
    unread = {row for row, _ in problems}
    small = [(row, net_input.too_small(size)) for row, size in enumerate(sizes.tolist())]
    problems += [(row, reason) for row, reason in small if reason and row not in unread]
    if problems:
        raise InputError(
            f"{image_list}: {len(problems)} of {len(paths)} images cannot be used (--strict)",
            found=_first(f"{shown(paths[row])}: {reason}" for row, reason in problems),
            hint="mend or remove them, or leave out --strict to go on without them",
        )


def _signature(options, paths, sources):
    """Of everything that the rows depend on, images by size and time."""
    rest = {key: value for key, value in asdict(options).items() if key not in _NOT_OF_ROWS}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    for name in ("net", "weights"):
        digest.update(sources[name]["sha256"].encode())
    digest.update("\n".join(paths).encode(errors="surrogateescape"))
    digest.update(stamp_of(paths).encode())
    return digest.hexdigest()


def _run(network, net_input, partial, paths, options):
    """Fill the rows of `partial` that are not done.

    Returns: images a second, of those that were read here and not by an earlier run that was
        interrupted; None where this one read none.
    """
    if partial.done:
        print(f"amcaffe extract: going on after {partial.done} images", file=sys.stderr)
    _refuse_too_many(partial, paths, options)
    resized, read = None, 0
    began, before = time.perf_counter(), partial.seconds
    saved = began
    with (
        Batches(paths, partial.done, options.batch, net_input) as batches,
        Progress("extracting", len(paths), "img", initial=partial.done) as bar,
    ):
        for rows, images, problems, other_size in batches:
            if other_size and resized is None:
                resized = other_size
                bar.say(
                    f"amcaffe extract: {other_size[0]} is {other_size[1]}x{other_size[2]}: it, and "
                    f"others like it, are resized to {network.shape[1]}x{network.shape[2]} "
                    "(height x width)"
                )
            readable = [row for row in rows if row not in problems]
            if readable:
                features = network(images)
                if options.normalize:
                    features = normalize(features)
                _refuse_not_finite(features, [paths[row] for row in readable], options.weights)
                partial.matrix[readable] = features
            read += len(readable)
            partial.unreadable.update(problems)
            partial.done = rows.stop
            now = time.perf_counter()
            partial.seconds = before + now - began
            if now - saved > _SAVE_SECONDS:
                partial.save()
                saved = now
            bar.update(len(rows))
            _refuse_too_many(partial, paths, options)
    return round(read / (partial.seconds - before), 3) if read else None


def _refuse_too_many(partial, paths, options):
    """Raise InputError where more images were unreadable so far than --max-bad allows."""
    # By the digits that were typed: 0.29 of 100 images are 29, and not what a float has of them.
    allowed = math.floor(Fraction(str(options.max_bad)) * len(paths))
    bad, done = partial.unreadable, partial.done
    if len(bad) > allowed:
        hint = "mend or remove them; with a larger --max-bad the same command goes on where it was"
        raise InputError(
            f"{options.image_list}: {len(bad)} of the first {done} images cannot be read",
            found=_first(f"{shown(paths[row])}: {reason}" for row, reason in sorted(bad.items())),
            expected=f"{allowed} at most of all {len(paths)} (--max-bad {options.max_bad:g})",
            hint=_ROOT if len(bad) == done else hint,
        )


def _refuse_not_finite(features, paths, weights):
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        raise InputError(
            f"the feature of {paths[int(np.argmin(finite))]} is not finite",
            hint=f"{weights} was saved after its training diverged: take an earlier snapshot",
        )


def _finish(stem, partial, listed, network, options, facts):
    """Write the files, the matrix last, and say so."""
    names, labels = listed.names, listed.labels
    report = Path(f"{stem}.unreadable.txt")
    unreadable = [(names[row], reason) for row, reason in sorted(partial.unreadable.items())]
    readable = np.ones(len(names), bool)
    readable[list(partial.unreadable)] = False
    if not readable.any():
        partial.remove()
        raise InputError(
            f"{options.image_list}: none of the {len(names)} images can be read",
            found=_first(f"{shown(name)}: {reason}" for name, reason in unreadable),
            hint=_ROOT,
        )
    summary = {
        "images": int(readable.sum()),
        "unreadable": len(unreadable),
        "lines": listed.lines,
        "seconds": round(partial.seconds, 3),
        "dim": network.dim,
        "blob": options.blob,
        "mirror": network.mirror,
        "normalized": options.normalize,
        "input_shape": list(network.shape),
        "list": options.image_list,
        "root": options.root,
        "net": options.net,
        "weights": options.weights,
        **facts,
    }
    kept = np.flatnonzero(readable)
    left_out = "".join(f"{name}\t{reason}\n" for name, reason in unreadable)
    save_features(
        stem + ".npy",
        partial.matrix if not unreadable else partial.matrix[readable],
        [names[row] for row in kept],
        None if labels is None else labels[kept],
        beside={f"{stem}.json": json.dumps(summary, indent=2) + "\n", report: left_out or None},
        finished=None if unreadable else partial.matrix_path,
    )
    speed = summary["images_per_second"]
    print(
        f"{summary['images']} images, {'' if speed is None else f'{speed:g} images/s, '}"
        f"{network.dim} values each, mirror {network.mirror}"
    )
    if unreadable:
        print(f"{len(unreadable)} unreadable, left out: {report}")
    for path in (f"{stem}.json", f"{stem}.txt", f"{stem}.npy"):
        print(path)
    return summary


def _first(lines):
    lines = list(lines)
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "\n            ".join(lines[:_SHOWN] + more)
