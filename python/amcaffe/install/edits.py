"""Edits of text that others own: found in one text, applied together, and undone later.

Text is latin-1 throughout (a character is a byte), so that nothing but the
edited lines can change, whatever the file's encoding and line endings.
"""

import hashlib
import re
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher, unified_diff

from amcaffe.errors import TreeError

BEGIN = "// amcaffe begin"
END = "// amcaffe end"
_MOST_ADDED = 20  # lines put into an edit that are still told from what follows it


def digest(data):
    """SHA-256 of bytes in hex, or None for None (no file)."""
    return None if data is None else hashlib.sha256(data).hexdigest()


def line_ending(text):
    """The line ending most lines of a text have."""
    crlf = text.count("\r\n")
    return "\r\n" if crlf > text.count("\n") - crlf else "\n"


def pattern_of(literal):
    """A regular expression for a text of which each line may end in LF or CRLF."""
    return r"\r?\n".join(re.escape(line) for line in literal.split("\n"))


@dataclass(frozen=True)
class Span:
    """text[start:end] becomes `new` (LF line endings; the host's are put in)."""

    name: str
    start: int
    end: int
    new: str


@dataclass(frozen=True)
class Hunk:
    """Whole lines `old` became `new`, at `offset` of the patched text.

    `above` and `below` are the lines around, which tell equal hunks apart.
    """

    name: str
    offset: int
    old: str
    new: str
    above: str
    below: str

    def as_dict(self):
        return asdict(self)


def apply_spans(text, spans):
    """Apply non-overlapping spans to a text.

    Returns: (patched text, [Hunk] in order of their place).
    """
    eol = line_ending(text)
    regions = []  # [first offset, last offset, names, spans], whole lines
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        first = text.rfind("\n", 0, span.start) + 1
        last = span.end
        at_line_start = last == 0 or text[last - 1] == "\n"
        if not (at_line_start and span.new.endswith("\n")):
            last = text.find("\n", last) + 1 or len(text)
        if regions and first < regions[-1][1]:
            regions[-1][1] = max(last, regions[-1][1])
            regions[-1][2].append(span)
        else:
            regions.append([first, last, [span]])
    patched, hunks, done = [], [], 0
    for first, last, members in regions:
        patched.append(text[done:first])
        at, new = first, ""
        for span in members:
            if span.start < at:
                raise AssertionError(f"edits {members[0].name} and {span.name} overlap")
            new += text[at : span.start] + span.new.replace("\n", eol)
            at = span.end
        new += text[at:last]
        names = ", ".join(dict.fromkeys(span.name for span in members))
        offset = sum(map(len, patched))
        above = text[text.rfind("\n", 0, max(first - 1, 0)) + 1 : first]
        below = text[last : text.find("\n", last) + 1 or len(text)]
        hunks.append(Hunk(names, offset, text[first:last], new, above, below))
        patched.append(new)
        done = last
    patched.append(text[done:])
    return "".join(patched), hunks


def reverse(path, text, hunks, exact):
    """Undo hunks in a text that may have been edited elsewhere since.

    Args:
        path: the file, for errors.
        text: the file as it is now.
        hunks: [Hunk] in order, as apply_spans gave them.
        exact: the text is as apply_spans left it, so that the offsets hold.
    Returns: the text without the hunks.
    Raises: TreeError: the lines of a hunk were changed, so it cannot be undone.
    """
    if exact:
        found = [(hunk.offset, hunk.offset + len(hunk.new), hunk) for hunk in hunks]
    else:
        found = find_again(path, text, hunks)
    for start, end, hunk in sorted(found, key=lambda place: place[0], reverse=True):
        old = hunk.old if text[start:end] == hunk.new else _as_in(text, start, end, hunk.old)
        text = text[:start] + old + text[end:]
    return text


def find_again(path, text, hunks):
    """[(start, end, hunk)] of the hunks in an edited text, without those undone by hand.

    Line endings may have been converted since.

    Raises: TreeError: the lines of a hunk were changed.
    """
    places = []
    for new in dict.fromkeys(hunk.new for hunk in hunks):
        group = [hunk for hunk in hunks if hunk.new == new]
        found = _occurrences(text, new)
        if len(found) > len(group):
            wanted = {(_unix(hunk.above), _unix(hunk.below)) for hunk in group}
            found = [(start, end) for start, end in found if _around(text, start, end) in wanted]
        if len(found) == len(group):
            places += [(start, end, hunk) for (start, end), hunk in zip(found, group)]
        elif found or not all(_is_undone(text, hunk) for hunk in group):
            _refuse(path, text, group, found)
    return places


def _refuse(path, text, group, found):
    first = group[0]
    back = f"put all of the original ones back:{_quote(first.old)}"
    otherwise = back if first.old else "remove them all"
    line, now = _what_is_there(text, first.new, found)
    many = f"{len(found)} of {len(group)} places" if found else "not the lines as installed"
    raise TreeError(
        f"{path}{line}: the edit {first.name!r} cannot be undone: its lines were changed since",
        found=f"{many}; what differs (- as installed, + now):{now}" if now else many,
        expected=None if now else _quote(first.new),
        hint=f"put {'the lines marked -' if now else 'these lines'} back, or {otherwise}"
        "\n  nothing was changed",
    )


def _what_is_there(text, lines, found):
    """(":line", how it differs, quoted) of the place most like `lines`, apart from those found.

    Both are empty where no place is like them. The line is the first that differs.
    """
    there, at = [], 0
    for line in text.splitlines(keepends=True):
        taken = any(start <= at < end for start, end in found)
        there.append("" if taken else line.strip())
        at += len(line)
    wanted = [line.strip() for line in lines.splitlines()]
    matchers = [SequenceMatcher(b=line, autojunk=False) for line in wanted]

    def likeness(first):
        total = 0
        for matcher, line in zip(matchers, there[first : first + len(wanted)]):
            matcher.set_seq1(line)
            total += matcher.quick_ratio() if line else 0
        return total

    best = max(range(len(there)), key=likeness, default=0)
    if not wanted or likeness(best) < 0.6 * len(wanted):
        return "", ""
    return _difference(lines.splitlines(), text.splitlines()[best:], best + 1)


def _difference(wanted, now, number):
    """(":line", unified diff, quoted) of lines and the start of a text's rest.

    Args:
        wanted, now: lists of lines; `now` begins at line `number` of its file.
    """
    now = now[: len(wanted) + _MOST_ADDED]
    changes = SequenceMatcher(a=wanted, b=now, autojunk=False).get_opcodes()
    _, start, end, here, _ = changes[-1]
    if changes[-1][0] in ("insert", "replace"):  # what follows the edit is no part of it
        now = now[: here + end - start]
    pairs = enumerate(zip(wanted, now))
    same = next((at for at, (one, other) in pairs if one != other), min(len(wanted), len(now)))
    diff = list(unified_diff(wanted, now, lineterm="", n=2))[2:]
    shown = ["..." if line.startswith("@@") else line for line in diff]
    return f":{number + same}", _quote("\n".join(shown[1:]))


def _is_undone(text, hunk):
    """True where the old lines stand again, and of the new ones none that would tell."""
    old = set(hunk.old.splitlines())
    added = [line for line in hunk.new.splitlines() if line not in old]
    present = set(text.splitlines())
    telling = [line for line in added if len(line.strip()) > len("endif()")]
    return bool(not hunk.old or _occurrences(text, hunk.old)) and present.isdisjoint(telling)


def _occurrences(text, lines):
    """[(start, end)] of whole lines in a text, whatever their line endings."""
    found = []
    for match in re.finditer(f"(?=({pattern_of(_unix(lines))}))", text):
        start, end = match.span(1)
        starts = start == 0 or text[start - 1] == "\n"
        ends = not lines or lines.endswith("\n") or end == len(text) or text[end] in "\r\n"
        if starts and ends:
            found.append((start, end))
    return found


def _around(text, start, end):
    above = text[text.rfind("\n", 0, max(start - 1, 0)) + 1 : start]
    return _unix(above), _unix(text[end : text.find("\n", end) + 1 or len(text)])


def _as_in(text, start, end, lines):
    """Lines with the line ending that text[start:end] has, or the text where that has none."""
    region = text[start:end]
    eol = line_ending(region if "\n" in region else text)
    return _unix(lines).replace("\n", eol)


def _unix(text):
    return text.replace("\r\n", "\n")


def _quote(lines):
    return "".join(f"\n    | {line}" for line in lines.splitlines())
