"""What an installation or its removal would change: pure, from a tree to a Plan.

A plan is made as if the tree had never been touched: the edits that an earlier
run recorded are undone in memory first, and the new ones made on top. So a
second run, an upgrade and a first run are one and the same.
"""

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Dict, List, Optional

from amcaffe import __version__
from amcaffe.errors import TreeError
from amcaffe.install import inner_product, proto_merge
from amcaffe.install.edits import BEGIN, apply_spans, digest
from amcaffe.install.host_edits import HOST_EDITS
from amcaffe.install.record import (
    MANIFEST,
    HostFile,
    Record,
    host_without_edits,
    load,
    require_untouched,
)
from amcaffe.install.sources import (
    is_marked,
    own_sources,
    require_free_types,
    require_headers,
)
from amcaffe.resources import resource_dir
from amcaffe.tree import PROTO

STALE = ("include/caffe/proto/caffe.pb.h", "src/caffe/proto/caffe.pb.h")


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
    present: what of caffe.proto was there already.
    """

    changes: List[Change] = field(default_factory=list)
    make: List[str] = field(default_factory=list)
    remove: List[str] = field(default_factory=list)
    record: Record = field(default_factory=Record)
    edits: Dict[str, List[str]] = field(default_factory=dict)
    unneeded: List[str] = field(default_factory=list)
    present: List[str] = field(default_factory=list)
    warnings: List[str] = field(default_factory=list)

    def change(self, tree, path, after):
        before = tree.read(path)
        if before != after:
            self.changes.append(Change(path, before, after))


def plan_install(tree):
    """The Plan that brings a tree to this version's installation.

    Raises: TreeError: the tree clashes with ours, or was changed where we edited it.
    """
    old = load(tree) or Record()
    require_untouched(tree, old)
    sources = own_sources()
    _require_free_places(tree, sources, old)
    require_free_types(tree, sources, set(old.files) | {source.target for source in sources})
    require_headers(tree, sources)

    plan = Plan(record=Record(version=__version__))
    spans = _host_spans(tree, old, plan)
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
    plan.warnings += [
        f"{path} is a generated file that hides the one a build makes: delete it"
        for path in STALE
        if (tree.root / path).exists()
    ]
    plan.change(tree, MANIFEST, plan.record.dump())
    return plan


def plan_uninstall(tree):
    """The Plan that restores a tree, or None where nothing is installed.

    Raises: TreeError: a file or lines of ours were changed, so undoing would lose that.
    """
    old = load(tree)
    if old is None:
        _require_no_orphans(tree)
        return None
    require_untouched(tree, old)
    plan = Plan(remove=list(reversed(old.folders)))
    for path in sorted(old.files):
        plan.change(tree, path, None)
    for path in sorted(old.hosts):
        plan.change(tree, path, host_without_edits(tree, old, path))
    plan.change(tree, MANIFEST, None)
    return plan


def _require_free_places(tree, sources, old):
    """No file of someone else's where ours go, and none of ours without its record."""
    taken = [s.target for s in sources if s.target not in old.files and tree.read(s.target)]
    foreign = [path for path in taken if not is_marked(tree.read(path))]
    if foreign:
        raise TreeError(
            f"{tree.root}: files of these names exist and are not ours: {', '.join(foreign)}",
            expected="no such files, or ones with the first line `// installed by amcaffe`",
            hint="nothing was changed; install into a tree without that layer, or remove it first",
        )
    _require_no_orphans(tree, taken, old)


def _require_no_orphans(tree, files=(), old=None):
    orphans = list(files)
    for path in (PROTO, inner_product.CPU, inner_product.GPU):
        if old is None or path not in old.hosts:
            if BEGIN in (tree.text(path) or ""):
                orphans.append(path)
    if orphans:
        raise TreeError(
            f"{tree.root} holds work of amcaffe, but not the record of it ({MANIFEST})",
            found=", ".join(orphans),
            expected="the record beside it, without which nothing can be undone exactly",
            hint="bring the record back, or these files to their original state "
            "(`git checkout`, or a fresh tree); nothing was changed",
        )


def _host_spans(tree, old, plan):
    """{path: [Span]} for the tree without our edits; fills the plan's proto notes."""
    spans = {}

    def base(path):
        data = host_without_edits(tree, old, path)
        return None if data is None else data.decode("latin-1")

    addition = resource_dir("proto") / "toadd.proto"
    merged = proto_merge.merge(
        PROTO, base(PROTO), "proto/toadd.proto", _unix_text(addition), old.numbers
    )
    spans[PROTO] = merged.spans
    plan.record.numbers, plan.present = merged.numbers, merged.present

    for path in (inner_product.CPU, inner_product.GPU):
        text = base(path)
        if text is None and path == inner_product.CPU:
            raise TreeError(f"{tree.root} lacks {path}", hint="nothing was changed")
        found = None if text is None else inner_product.spans(path, text)
        if found is None:
            plan.unneeded.append(f"{inner_product.NAME} in {path}")
        else:
            spans.setdefault(path, []).extend(found)

    for edit in HOST_EDITS:
        applied = False
        for path in tree.glob(*edit.files):
            if path in old.files:
                continue
            text = base(path) if path in old.hosts else tree.peek(path)
            found = edit.spans(text)
            if found:
                tree.path(path)
                spans.setdefault(path, []).extend(found)
                applied = True
        if not applied:
            plan.unneeded.append(edit.name)
    return spans


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
