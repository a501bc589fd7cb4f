"""Caffe's binary files: opened without reading them, and which of them a file is."""

import mmap
import os
import stat

from amcaffe.convert import wire
from amcaffe.errors import InputError

MODEL, STATE = "NetParameter", "SolverState"
_EXPECTED = "a binary .caffemodel or .solverstate"
_MAGIC = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x80\x02": "a Python pickle",
    b"\x80\x04": "a Python pickle",
}


def open_model(path):
    """The bytes of a file, mapped, not read.

    Returns: memoryview of bytes.
    Raises: InputError: no regular file, empty, too long for protobuf, or of a kind that is known
        to be no protobuf message.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InputError(f"{path} is no regular file", expected=_EXPECTED)
            if not 0 < status.st_size <= wire.MAX_FILE:
                raise InputError(
                    f"{path} is {'too long for protobuf' if status.st_size else 'empty'}",
                    found=f"{status.st_size} bytes",
                    expected=_EXPECTED,
                )
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", expected=_EXPECTED) from None
    _refuse_other_kinds(path, bytes(data[:512]))
    return data


def _without_waiting(path, flags):
    """An opener that does not wait at a pipe for someone to write to it."""
    return os.open(path, flags | os.O_NONBLOCK)


def kind_of(path, data):
    """MODEL or STATE: what a file holds, by its outermost fields.

    Raises: InputError: neither, or broken.
    """
    marks = {(1, wire.VARINT), (2, wire.VARINT), (5, wire.LENGTH)}
    layers = {(1, wire.LENGTH), (2, wire.LENGTH), (100, wire.LENGTH)}
    found = set()
    try:
        for field in wire.fields(data, 0, len(data)):
            found |= {(field.number, field.wire_type)} & (marks | layers)
    except wire.WireError as error:
        raise broken(path, error) from None
    if (1, wire.VARINT) in found and (2, wire.VARINT) not in found:
        return STATE
    if found & layers:
        return MODEL
    mean = {(1, wire.VARINT), (5, wire.LENGTH)} <= found
    raise InputError(
        f"{path} is {'a lone blob, such as a mean image' if mean else 'no file of a net'}",
        expected=_EXPECTED,
        hint="forks do not differ in these: use the file as it is" if mean else None,
    )


def broken(path, error, where="", hint=None):
    """The InputError for a WireError in a file. where: the message that was being read."""
    return InputError(
        f"{path} is broken, or is something else: {error}{f', in {where}' if where else ''}",
        expected=_EXPECTED,
        hint=hint or "copy or download it again; a file cut short cannot be mended",
    )


def shown(name):
    """A name out of a file, bytes, in quotes and without what a terminal would act on."""
    text = bytes(name[:80]).decode("utf-8", "backslashreplace")
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return f'"{safe}{"..." if len(name) > 80 else ""}"'


def _refuse_other_kinds(path, head):
    kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
    hint = None
    if kind == "an HDF5 file":
        hint = (
            "HDF5 files hold weights by the names of layers and no field numbers: the file "
            "needs no conversion, use it as it is"
        )
    elif kind is None and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head):
        kind = "a text file"
        hint = "a prototxt goes by names and needs no conversion"
        if head.startswith(b"version https://git-lfs"):
            hint = "it is Git LFS's note of where the file is: `git lfs pull` brings it"
    if kind:
        raise InputError(f"{path} is {kind}", expected=_EXPECTED, hint=hint)
