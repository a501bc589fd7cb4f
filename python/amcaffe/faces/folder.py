"""A folder of made-up people: made in parallel, resumed, and kept from being mixed."""

import hashlib
import json
import multiprocessing
import os
import signal
from pathlib import Path

import cv2

from amcaffe.data.files import atomic_write, remove_parts
from amcaffe.data.outputs import FOLDER_LOCK, claimed_folder
from amcaffe.errors import InputError
from amcaffe.faces import head, render, skin, traits
from amcaffe.progress import Progress

SETTINGS = "faces.json"
MOST = 10000  # of people, and of pictures of each: what the names' digits hold with ease
SMALLEST, LARGEST = 32, 1024  # sides of a picture


def make_faces(out, identities, images, size, seed, workers=None):
    """Draw the pictures that a folder lacks.

    Args:
        out: the folder; made where missing. Made earlier with the same seed and size,
            it is completed, and its complete pictures are kept.
        identities, images: people, and pictures of each.
        size: (height, width) in pixels.
        seed: int >= 0.
        workers: processes; as many as the CPU cores this process may use by default.
    Returns: int, the number of pictures drawn now.
    Raises: InputError: an argument is out of range, or `out` holds something else.
    """
    out = Path(out)
    workers = workers or (len(os.sched_getaffinity(0)) if workers is None else 0)
    _check(identities, images, size, seed, workers)
    with claimed_folder(out, "faces", (SETTINGS,)):
        _settle(out, identities, images, size, seed)
        return _make_missing(out, identities, images, size, seed, workers)


def _make_missing(out, identities, images, size, seed, workers):
    jobs = []
    for person in range(identities):
        missing = [i for i in range(images) if not _complete(picture_path(out, person, i))]
        if missing:
            jobs.append((out, seed, person, missing, size))
    todo = sum(len(job[3]) for job in jobs)
    total = identities * images
    with Progress("faces", total, "img", initial=total - todo) as bar:
        for count in _run(jobs, min(workers, len(jobs))):
            bar.update(count)
    return todo


def picture_path(out, person, image):
    """The file of a person's image'th picture."""
    return Path(out) / f"p{person:04d}" / f"{image:03d}.jpg"


def _run(jobs, workers):
    """Do the jobs, yielding the number of pictures of each as it ends."""
    if workers <= 1:
        yield from map(_draw_person, jobs)
        return
    context = multiprocessing.get_context("spawn")  # a fork would inherit OpenCV's threads
    answer = signal.signal(signal.SIGINT, signal.SIG_IGN)  # workers inherit: Ctrl-C is not theirs
    try:
        pool = context.Pool(workers, cv2.setNumThreads, (1,))
    finally:
        signal.signal(signal.SIGINT, answer)
    with pool:
        yield from pool.imap_unordered(_draw_person, jobs)


def _draw_person(job):
    out, seed, person, missing, size = job
    identity = traits.draw_identity(seed, person)
    folder = picture_path(out, person, 0).parent
    if folder.is_dir():
        remove_parts(folder, {picture_path(out, person, image).name for image in missing})
    for image in missing:
        shot = traits.draw_shot(seed, person, image)
        pixels = render.render(identity, shot, size)
        quality = [cv2.IMWRITE_JPEG_QUALITY, round(shot.quality)]
        content = cv2.imencode(".jpg", pixels, quality)[1].tobytes()
        # Not waited for: a picture that a power cut takes is drawn again.
        atomic_write(picture_path(out, person, image), content, durable=False)
    return len(missing)


def _complete(path):
    """Whether a picture is there up to its end mark (a full disk or a power cut may cut it)."""
    try:
        with open(path, "rb") as file:
            file.seek(-2, os.SEEK_END)
            return file.read() == b"\xff\xd9"
    except OSError:
        return False


def _check(identities, images, size, seed, workers):
    for name, value, low, high in (
        ("--identities", identities, 1, MOST),
        ("--images", images, 1, MOST),
        ("--size (height)", size[0], SMALLEST, LARGEST),
        ("--size (width)", size[1], SMALLEST, LARGEST),
        ("--seed", seed, 0, 2**63),
        ("--workers", workers, 1, 1024),
    ):
        if not low <= value <= high:
            raise InputError(f"{name} is out of range", found=value, expected=f"{low} to {high}")


def _settle(out, identities, images, size, seed):
    """Write the settings into a new folder, or compare them with those of an old one."""
    wanted = {
        "seed": seed,
        "size": "{}x{}".format(*size),
        "drawing": drawing(),
        "identities": identities,
        "images": images,
    }
    path = out / SETTINGS
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        found = {name: found[name] for name in wanted}
    except FileNotFoundError:
        if any(path.name != FOLDER_LOCK for path in out.iterdir()):
            raise InputError(
                f"{out} is not empty and was not made by this step (it has no {SETTINGS})",
                hint="give a new folder",
            ) from None
        found = wanted
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"cannot read {path}: {error!r}", hint=f"remove {out} and run again"
        ) from None
    for name in ("seed", "size", "drawing"):
        if found[name] != wanted[name]:
            raise InputError(
                f"{out} holds faces made with another {name}",
                found=found[name],
                expected=wanted[name],
                hint=f"give another folder, or remove {out}",
            )
    for name in ("identities", "images"):
        if found[name] > wanted[name]:
            raise InputError(
                f"{out} was made with more {name} than asked for now",
                found=found[name],
                expected=f"at most {wanted[name]}",
                hint=f"give another folder, or remove {out}",
            )
    if found != wanted or not path.exists():
        atomic_write(path, json.dumps(wanted, indent=1) + "\n")


def drawing():
    """A mark of the code that draws: pictures of two versions do not belong together."""
    digest = hashlib.sha256()
    for module in (traits, head, skin, render):
        digest.update(Path(module.__file__).read_bytes())
    return digest.hexdigest()[:12]
