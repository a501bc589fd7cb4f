"""Text lists of many hands: their bytes to lines, whatever encoding and line ends they have.

UTF-8 with or without a byte order mark, UTF-16 and UTF-32 with one, or the encoding that is
asked for. Line ends are LF, CR LF or, in a file without LF, CR; the last one may be missing.
Blanks and tabs around a line are no part of it, nor is a byte order mark at its start, which
joined files leave there. Blank lines, and lines that begin with `#`, are passed over.
"""

import codecs
import re
from dataclasses import dataclass

from amcaffe.data.regular_files import read_regular
from amcaffe.data.visible import visible
from amcaffe.errors import InputError

_MARKS = (  # UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MARK = "\ufeff"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SHOWN = 100  # characters, or bytes, of a line in an error
_LOOKED_AT = 1 << 16  # bytes that tell an encoding


@dataclass(frozen=True)
class TextLines:
    """The lines of a text list.

    lines: [(number from 1, text)], at least one. comments: those that begin with `#`.
    raw: the bytes of the file. encoding: they were read in. notes: sentences on how.
    """

    lines: list[tuple[int, str]]
    comments: list[tuple[int, str]]
    raw: bytes
    encoding: str
    notes: tuple[str, ...]


def read_text_lines(path, what="list", expected=None, encoding=None):
    """The lines of a text list that are neither blank nor comments.

    Args:
        path: a regular file. what: it is, and expected: what a line should hold, for errors.
        encoding: as Python names it; None: UTF-8. A byte order mark goes before both.
    Returns: TextLines.
    Raises: InputError: no such file, a pipe or a device, another encoding, a control
        character, or no line; names the line, and what cannot be seen in it.
    """
    raw = read_regular(path, what)
    text, encoding = _decode(path, raw, encoding)
    if "\n" in text:
        text = text.replace("\r\n", "\n")
    else:
        text = text.replace("\r", "\n")
    _refuse_control_characters(path, text, raw)
    lines, comments = [], []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.lstrip(_MARK).strip(" \t")
        if line:
            (comments if line[0] == "#" else lines).append((number, line))
    if not lines:
        found = f"{len(comments)} lines that begin with #" if comments else None
        raise InputError(f"the {what} {path} is empty", found=found, expected=expected)
    notes = []
    if encoding not in ("utf-8", "utf-8-sig"):
        notes.append(f"read as {encoding}")
    if comments:
        notes.append(f"lines that begin with # passed over, {len(comments)} of them")
    return TextLines(lines, comments, raw, encoding, tuple(notes))


def _decode(path, raw, encoding):
    """(text, encoding that it was in)"""
    asked = encoding
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), asked or "utf-8")
    try:
        return raw.decode(encoding), encoding
    except LookupError:
        raise InputError(
            f"--encoding {asked}: no encoding of that name", expected="gbk, big5, utf-16-le, ..."
        ) from None
    except UnicodeError as error:
        start = getattr(error, "start", 0)
    first = raw.rfind(b"\n", 0, start) + 1
    number = raw.count(b"\n", 0, start) + 1
    if encoding != "utf-8":
        raise InputError(
            f"{path}:{number}: not {encoding}",
            found=f"byte {start} of the file",
            hint="--encoding NAME says how it is written" if asked else None,
        )
    likely, hint = _likely_encoding(raw[first : first + _LOOKED_AT])
    raise InputError(
        f"{path}:{number}: not UTF-8{likely}",
        found=repr(raw[first : first + _SHOWN].split(b"\n")[0])[1:],
        hint=hint,
    )


def _likely_encoding(raw):
    """("; looks like ...", hint) of bytes that are not UTF-8, ("", other hint) where unknown."""
    if b"\0" not in raw:
        whole = raw[: raw.rfind(b"\n") + 1] or raw
        # GB2312's characters, most of those in use, have both bytes above A0. Western letters
        # stand alone between ASCII ones.
        high = re.findall(rb"[\x80-\xff]+", whole)
        even = sum(len(run) for run in high if len(run) % 2 == 0)
        if even > sum(map(len, high)) / 2 and _decodes(whole, "gbk"):
            return "; looks like GBK", "--encoding gbk, or write it as UTF-8: iconv -f gbk -t utf-8"
        if _decodes(whole, "cp1252") and all(len(run) <= 2 for run in high):
            return "; looks like Windows-1252", "--encoding cp1252, or write it as UTF-8"
    return "", "is it a text list? --encoding NAME says how it is written"


def _decodes(raw, encoding):
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _refuse_control_characters(path, text, raw):
    found = _CONTROL.search(text)
    if not found:
        return
    at = found.start()
    number, start = text.count("\n", 0, at) + 1, text.rfind("\n", 0, at) + 1
    hint = None
    if found.group() == "\0" and 2 * raw.count(b"\0") >= len(raw) - 2:
        hint = "--encoding utf-16-le: it looks like UTF-16 without a byte order mark"
        if raw[:1] == b"\0":
            hint = hint.replace("le", "be", 1)
    raise InputError(
        f"{path}:{number}: a control character",
        found=visible(text[max(start, at - _SHOWN // 2) : at + 1]),
        expected="text",
        hint=hint,
    )
