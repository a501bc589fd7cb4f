"""What an installation or its removal would change: pure, from a tree to a Plan.

A plan is made as if the tree had never been touched: the edits that an earlier
run recorded are undone in memory first, and the new ones made on top. So a
second run, an upgrade and a first run are one and the same.
"""

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Optional

from amcaffe import __version__
from amcaffe.errors import TreeError
from amcaffe.host.resources import resource_dir
from amcaffe.host.tree import PROTO, require_our_interface
from amcaffe.host.tree_layers import layers_of
from amcaffe.install import notices, proto_merge
from amcaffe.install.choices import Choices, require_known, require_layers
from amcaffe.install.edits import BEGIN, apply_spans, digest
from amcaffe.install.host_edits import HOST_EDITS
from amcaffe.install.host_layers import HOST_LAYERS
from amcaffe.install.naming import renamed
from amcaffe.install.own_layers import load_package
from amcaffe.install.record import (
    MANIFEST,
    HostFile,
    Record,
    host_without_edits,
    load,
    require_untouched,
)
from amcaffe.install.selection import Host, select
from amcaffe.install.sources import is_marked

ADDITION = "proto/toadd.proto"
EDIT_NAMES = tuple(edit.name for edit in HOST_EDITS) + tuple(layer.name for layer in HOST_LAYERS)


@dataclass(frozen=True)
class Change:
    """A file's contents before and after; None where there is no file."""

    path: str
    before: Optional[bytes]
    after: Optional[bytes]


@dataclass
class Plan:
    """All that one run does to a tree.

    changes: files to write or remove, the manifest last.
    make, remove: folders, in the order in which to make or (where empty) remove them.
    edits: {path: [names of the edits in it]}; unneeded: names of edits with no place here.
    renamed: {layer type of ours: another type, under which it is installed}.
    alone, out: what the tree has already, and what it does not get, in words.
    moved: {message.field: what has its own number in this tree}.
    """

    changes: list[Change] = field(default_factory=list)
    make: list[str] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    record: Record = field(default_factory=Record)
    edits: dict[str, list[str]] = field(default_factory=dict)
    unneeded: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    alone: list[str] = field(default_factory=list)
    out: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def change(self, tree, path, after):
        before = tree.read(path)
        if before != after:
            self.changes.append(Change(path, before, after))


def plan_install(tree, asked=None, forget=False):
    """The Plan that brings a tree to this version's installation.

    Args:
        asked: Choices of this run, on top of those that the tree's record holds.
        forget: leave the recorded choices out of account.
    Raises:
        TreeError: the tree clashes with ours, or was changed where we edited it.
        InputError: a choice names what there is not, or layers where none are to be.
    """
    old = load(tree) or Record()
    require_untouched(tree, old)
    package = load_package()
    asked = asked or Choices()
    require_known(asked, package.layers, EDIT_NAMES)
    kept = Choices() if forget else old.choices.among(package.layers, EDIT_NAMES)
    require_layers(asked, kept)
    plan = Plan(record=Record(version=__version__, choices=kept.followed_by(asked)))
    spans, sources = _all_spans(tree, old, package, plan)
    require_no_orphans(tree, [source.target for source in sources], old)
    for source in sources:
        plan.change(tree, source.target, source.data)
        plan.record.files[source.target] = digest(source.data)
    for path in sorted(set(old.files) - set(plan.record.files)):
        plan.change(tree, path, None)
    for path in sorted(set(spans) | set(old.hosts)):
        base = host_without_edits(tree, old, path)
        if base is None or not spans.get(path):
            plan.change(tree, path, base)
            continue
        patched, hunks = apply_spans(base.decode("latin-1"), spans[path])
        after = patched.encode("latin-1")
        plan.record.hosts[path] = HostFile(digest(base), digest(after), hunks)
        plan.edits[path] = list(dict.fromkeys(span.name for span in spans[path]))
        plan.change(tree, path, after)
    _plan_folders(tree, old, plan)
    plan.warnings += notices.warnings(tree, old, plan)
    plan.change(tree, MANIFEST, plan.record.dump())
    return plan


def plan_uninstall(tree):
    """The Plan that restores a tree, or None where nothing is installed.

    Raises: TreeError: a file or lines of ours were changed, so undoing would lose that.
    """
    old = load(tree)
    if old is None:
        require_no_orphans(tree)
        return None
    require_untouched(tree, old)
    plan = Plan(remove=list(reversed(old.folders)))
    for path in sorted(old.files):
        plan.change(tree, path, None)
    for path in sorted(old.hosts):
        plan.change(tree, path, host_without_edits(tree, old, path))
    plan.change(tree, MANIFEST, None)
    plan.warnings += notices.gone_headers(tree, plan)
    return plan


def require_no_orphans(tree, files=(), old=None):
    """Nothing of ours in the tree that no record tells of."""
    recorded = old or Record()
    orphans = [
        path for path in files if path not in recorded.files and is_marked(tree.read(path) or b"")
    ]
    for path in (PROTO, *(path for layer in HOST_LAYERS for path in layer.files)):
        if path not in recorded.hosts and BEGIN in (tree.text(path) or ""):
            orphans.append(path)
    if orphans:
        raise TreeError(
            f"{tree.root} holds work of amcaffe, but not the record of it ({MANIFEST})",
            found=", ".join(orphans),
            expected="the record beside it, without which nothing can be undone exactly",
            hint="bring the record back, or these files to their original state "
            "(`git checkout`, or a fresh tree); nothing was changed",
        )


def _all_spans(tree, old, package, plan):
    """({path: [Span]} for the tree without our edits, [Source] to write); fills plan's notes."""
    choices = plan.record.choices

    def base(path):
        data = host_without_edits(tree, old, path)
        return None if data is None else data.decode("latin-1")

    ours = frozenset(old.files)
    if choices.layers:
        require_our_interface(tree)
        layers, proto = layers_of(tree, ours), base(PROTO)
    else:
        layers, proto = None, ""
    host = Host(tree, base, layers, proto, ours)
    addition = renamed(_unix_text(resource_dir("proto") / "toadd.proto"), choices.renamed)
    selection = select(host, package, choices, ADDITION, addition)
    plan.renamed, plan.alone, plan.out = selection.renamed, selection.alone, selection.out
    spans = {path: list(found) for path, found in selection.spans.items()}
    if choices.layers:
        merged = proto_merge.merge(PROTO, proto, ADDITION, addition, old.numbers, selection.leave)
        spans[PROTO] = merged.spans
        plan.record.numbers, plan.moved = merged.numbers, merged.moved
        plan.alone += merged.present

    there = {source.target for source in selection.sources}
    for edit in HOST_EDITS:
        if edit.name in choices.skip:
            plan.out.append(f"{edit.name}, as asked")
            continue
        applied = False
        for path in tree.glob(*edit.files) if there.issuperset(edit.needs) else ():
            if path in old.files or tree.is_inner_link(path):
                continue
            text = base(path) if path in old.hosts else tree.peek(path)
            found = edit.spans(text)
            if found:
                tree.path(path)
                spans.setdefault(path, []).extend(found)
                applied = True
        if applied:
            there.add(edit.name)
        else:
            plan.unneeded.append(edit.name)
    return spans, selection.sources


def _unix_text(path):
    return path.read_bytes().decode("latin-1").replace("\r\n", "\n")


def _plan_folders(tree, old, plan):
    """Folders to make, to keep on record, and to remove again."""
    needed = {
        parent.as_posix()
        for path in plan.record.files
        for parent in PurePosixPath(path).parents
        if parent.parts
    }
    missing = {folder for folder in needed if not (tree.root / folder).is_dir()}
    plan.make = sorted(missing)
    plan.record.folders = sorted(missing | (needed & set(old.folders)))
    plan.remove = sorted(set(old.folders) - set(plan.record.folders), reverse=True)
