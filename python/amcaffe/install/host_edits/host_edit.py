"""What an edit of a host file is."""

import re
from dataclasses import dataclass

from amcaffe.install.edits import Span, pattern_of

CPP = tuple(
    f"{top}/**/*.{suffix}"
    for top in ("include", "src", "tools", "examples", "python")
    for suffix in ("cpp", "hpp", "cu", "cuh", "h")
)
NOT_IN_A_DIRECTIVE = r"(?<!define )(?<!ifdef )(?<!ifndef )(?<!defined\()(?<!defined )"


@dataclass(frozen=True)
class HostEdit:
    """One edit of the files (paths or globs) in which its old text stands.

    `changes` are pairs (old, new). As literal text they belong together: all of
    a file's pairs are applied, or none. As regular expressions each stands alone.
    `needs` names earlier edits, and files of ours in a tree, without which it is not made.
    """

    name: str
    why: str
    files: tuple[str, ...]
    changes: tuple[tuple[str, str], ...]
    regex: bool = False
    needs: tuple[str, ...] = ()

    def spans(self, text):
        """[Span] for each place of a file's text that is to change."""
        found = []
        for old, new in self.changes:
            matches = list(re.finditer(old if self.regex else pattern_of(old), text))
            if not matches and not self.regex:
                return []
            for match in matches:
                replacement = match.expand(new).replace("\r\n", "\n") if self.regex else new
                found.append(Span(self.name, match.start(), match.end(), replacement))
        return found
