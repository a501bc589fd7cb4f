"""Text of others in messages: what cannot be seen in it is shown, and long lines are cut."""

import unicodedata

_SHOWN = 100  # characters
_NAMED = 3  # hidden characters that are named


def visible(text):
    """Text in quotes for an error, cut where long, what cannot be seen escaped and named."""
    short = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    hidden = [c for c in dict.fromkeys(short) if not c.isprintable()]
    names = ", ".join(f"U+{ord(c):04X} {unicodedata.name(c, '')}".rstrip() for c in hidden[:_NAMED])
    return f"{short!r} ({names})" if names else repr(short)


def shown(path):
    """A path as it is where all of it can be seen, else as `visible` has it."""
    path = str(path)
    return path if path.isprintable() and len(path) < 2 * _SHOWN else visible(path)
