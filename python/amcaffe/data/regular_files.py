"""Files of users, opened only where they are files: who opens a pipe may wait for ever."""

import os
import stat

from amcaffe.data.visible import shown, visible
from amcaffe.errors import InputError


def waits(path):
    """Whether who opens `path` to read may wait for ever: it is a pipe, a socket or a device.

    A folder is none of these; opening it fails at once, with words of the system's.

    Raises: OSError, ValueError: as os.stat does.
    """
    mode = os.stat(path).st_mode
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def read_regular(path, what):
    """Bytes of a regular file. `what` it is, and errors: as open_regular has them."""
    with open_regular(path, what) as file:
        try:
            return file.read()
        except OSError as error:
            raise InputError(f"cannot read the {what} {shown(path)}: {error.strerror}") from None


def open_regular(path, what, hint=None):
    """Open a regular file to read its bytes.

    Args: path. what: it is, and hint: what to do where it is not there, for errors.
    Raises: InputError: no such file, a folder, a pipe or a device, or no name of a file.
    """
    try:
        if waits(path):
            raise InputError(
                f"cannot read the {what} {shown(path)}: it is a pipe or a device",
                expected="a file on disk, which can be read again",
            )
        return open(path, "rb")
    except OSError as error:
        raise InputError(
            f"cannot read the {what} {shown(path)}: {error.strerror}", hint=hint
        ) from None
    except ValueError:  # a NUL, or a character that the system's encoding lacks
        raise InputError(f"cannot read the {what} {visible(str(path))}: no file's name") from None
