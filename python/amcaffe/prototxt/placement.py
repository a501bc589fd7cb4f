"""Putting rendered files into a folder, where other files may bear their names."""

import itertools

from amcaffe.data.files import atomic_set
from amcaffe.data.outputs import claimed_folder
from amcaffe.errors import InputError
from amcaffe.nets.rendering import RENDERED_BY


def place(files, folder, overwrite=False):
    """Write all files, or none.

    One that is there already is left alone if it holds the same, but for the command in one of
    its first lines: that of another head's solver renders the same deploy net.

    Args:
        files: {name: text}, of nets.rendering.render_files.
        folder: made where missing.
        overwrite: replace files that hold something else.
    Returns: {path: whether it was written}
    Raises: InputError: a file holds something else, and `overwrite` is not set; names each, and
        what made it.
    """
    with claimed_folder(folder, "prototxt", files) as claim:
        return _place(files, claim.folder, overwrite)


def _place(files, folder, overwrite):
    standing = {name: _standing(folder / name) for name in files}
    if not overwrite:
        _refuse_losses(files, standing, folder)  # so that what stands holds the same
    written = {
        name: text
        for name, text in files.items()
        if standing[name] is None or (overwrite and standing[name] != text)
    }
    atomic_set({folder / name: text for name, text in written.items()})
    return {folder / name: name in written for name in files}


def _standing(path):
    """Text of a file that is there, or None. What is no text comes as text that is never ours."""
    try:
        return path.read_bytes().decode(errors="surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def _refuse_losses(files, standing, folder):
    lost = {}
    for name, text in files.items():
        if standing[name] is not None and _body(standing[name]) != _body(text):
            lost.setdefault(_maker(standing[name], text), []).append(name)
    if lost:
        number = sum(map(len, lost.values()))
        raise InputError(
            f"{number} of the {len(files)} files are in {folder} already, with something else in "
            "them",
            found="\n            ".join(
                f"{', '.join(names)}: {maker}" for maker, names in lost.items()
            ),
            hint="give another --out, or --overwrite to replace them; nothing was written",
        )


def _maker(old, new):
    """What made a file, by the line that says so."""
    line = _rendered_by(old)
    if line is None:
        return "not rendered by amcaffe"
    if line == _rendered_by(new):
        return "rendered by this very command, and edited since, or by another version of amcaffe"
    return f"rendered by `{line[len(RENDERED_BY) :]}`"


def _body(text):
    """The text without the line that names its command."""
    line = _rendered_by(text)
    return text if line is None else text.replace(f"{line}\n", "", 1)


def _rendered_by(text):
    """The line that names a text's command, of the comments that it begins with, or None."""
    comments = itertools.takewhile(lambda line: line.startswith("#"), text.split("\n"))
    return next((line for line in comments if line.startswith(RENDERED_BY)), None)
