"""The record of an installation, kept in the tree: what it takes to undo it exactly."""

import json
from dataclasses import dataclass, field
from typing import Optional

from amcaffe.errors import TreeError
from amcaffe.install.choices import Choices, from_dict
from amcaffe.install.edits import Hunk, digest, reverse

FOLDER = ".amcaffe"
MANIFEST = f"{FOLDER}/manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class HostFile:
    """A file of the host that we edited: its digests before and after, and the edits."""

    before: str
    after: str
    hunks: list[Hunk]


@dataclass
class Record:
    """What one installation wrote.

    files: {path: SHA-256} of files that are wholly ours.
    hosts: {path: HostFile}.
    folders: the folders that we made, parents first.
    numbers: {message: {field: number}} in caffe.proto.
    choices: what the user chose, in this run and earlier ones.
    """

    version: str = ""
    files: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, HostFile] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    numbers: dict[str, dict[str, int]] = field(default_factory=dict)
    choices: Choices = field(default_factory=Choices)

    def dump(self):
        """The bytes of the manifest file."""
        hosts = {
            path: {
                "before": host.before,
                "after": host.after,
                "hunks": [hunk.as_dict() for hunk in host.hunks],
            }
            for path, host in self.hosts.items()
        }
        content = {
            "format": FORMAT,
            "amcaffe": self.version,
            "files": self.files,
            "hosts": hosts,
            "folders": self.folders,
            "numbers": self.numbers,
            "choices": self.choices.as_dict(),
        }
        return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode("ascii")


def load(tree) -> Optional[Record]:
    """The record in a tree, or None where nothing is installed.

    Raises: TreeError: it cannot be read, or a later amcaffe wrote it.
    """
    data = tree.read(MANIFEST)
    if data is None:
        return None
    path = tree.root / MANIFEST
    try:
        content = json.loads(data.decode("ascii"))
        if content["format"] != FORMAT:
            raise TreeError(
                f"{path} was written by another amcaffe ({content['amcaffe']})",
                found=f"format {content['format']}",
                expected=f"format {FORMAT}",
                hint="uninstall with that version; nothing was changed",
            )
        hosts = {
            name: HostFile(host["before"], host["after"], [Hunk(**h) for h in host["hunks"]])
            for name, host in content["hosts"].items()
        }
        # The first version had no choices to record.
        choices = from_dict(content["choices"]) if "choices" in content else Choices()
        return Record(
            content["amcaffe"],
            content["files"],
            hosts,
            content["folders"],
            content["numbers"],
            choices,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TreeError(
            f"{path} is damaged, so what was installed cannot be told",
            found=f"{type(error).__name__}: {error}",
            hint="restore that file, or start from a fresh tree; nothing was changed",
        ) from error


def host_without_edits(tree, record, path):
    """A host file's bytes as they would be had we never edited it; None where it is gone.

    Raises: TreeError: the user changed lines that an edit of ours wrote.
    """
    data = tree.read(path)
    host = record.hosts.get(path) if record else None
    if host is None or data is None or digest(data) == host.before:
        return data
    exact = digest(data) == host.after
    text = data.decode("latin-1")
    return reverse(tree.root / path, text, host.hunks, exact).encode("latin-1")


def require_untouched(tree, record):
    """Refuse where the user changed a file that is ours: his changes would be lost."""
    changed = [
        path
        for path, recorded in record.files.items()
        if tree.read(path) is not None and digest(tree.read(path)) != recorded
    ]
    if changed:
        raise TreeError(
            f"{tree.root}: files installed by amcaffe were changed since: {', '.join(changed)}",
            expected="the files as they were installed",
            hint="move your changes elsewhere and delete these files, then run this again; "
            "nothing was changed",
        )
