"""What else in a tree its user should know of before building it: warnings, never changes."""

import re
import subprocess

from amcaffe.install.proto_merge import FREELY_NUMBERED
from amcaffe.tree import PROTO, STALE_HEADERS, without_comments

MODULE = "python/caffe/proto/caffe_pb2.py"
DEPENDENCIES = (".build_release/cuda/**/*.d", ".build_debug/cuda/**/*.d")
PROJECTS = ("*/*.vcxproj", "*/*/*.vcxproj")


def warnings(tree, old, plan):
    """[str], a sentence each.

    Args:
        old: the Record of the run before.  plan: the Plan of this one, its edits filled in.
    """
    return [
        *_generated(tree, plan),
        *_other_protos(tree),
        *_projects(tree, plan),
        *gone_headers(tree, plan),
        *_uncommitted(tree, set(plan.edits) - set(old.hosts)),
    ]


def _generated(tree, plan):
    """Files that protoc made of another caffe.proto and that hide the ones a build makes."""
    for path in STALE_HEADERS:
        if (tree.root / path).exists():
            yield f"{path} is a generated file that hides the one a build makes: delete it"
    module = tree.root / MODULE
    if module.is_file():
        data = module.read_bytes()
        names = plan.record.numbers.get(FREELY_NUMBERED, {})
        if not all(name.encode("ascii") in data for name in names):
            yield (
                f"{MODULE} was generated before these fields were added: a build writes it anew, "
                "and until then Python does not know them"
            )


def _other_protos(tree):
    """Protos beside caffe.proto are compiled with it, by Makefile and CMake alike."""
    ours = set(_messages(tree.peek(PROTO)))
    for path in tree.glob("src/caffe/proto/*.proto"):
        text = tree.peek(path)
        again = sorted(ours.intersection(_messages(text)))
        if path != PROTO and again and re.search(r"\bpackage\s+caffe\s*;", text):
            yield (
                f"{path} defines {again[0]} too, and is compiled beside {PROTO}: "
                "move it out of that folder"
            )


def _messages(text):
    return re.findall(r"^\s*message\s+(\w+)", without_comments(text), re.MULTILINE)


def _projects(tree, plan):
    """Visual Studio's projects name each source file; Makefile and CMake look for them."""
    listing = [
        path for path in tree.glob(*PROJECTS) if "inner_product_layer.cpp" in tree.peek(path)
    ]
    if listing and plan.record.files:
        yield (
            f"{', '.join(listing)}: projects of Visual Studio are not edited; add the new files "
            "there, or build with CMake"
        )


def gone_headers(tree, plan):
    """Headers that go, where the Makefile of an earlier build has noted that a .cu needs them."""
    gone = [one.path for one in plan.changes if one.after is None and one.path.endswith(".hpp")]
    noted = [
        path
        for path in (tree.glob(*DEPENDENCIES) if gone else ())
        if any(name in tree.peek(path) for name in gone)
    ]
    if noted:
        yield (
            f"{noted[0]} names headers that are gone, at which make stops (No rule to make "
            "target): run `make clean` before make"
        )


def _uncommitted(tree, paths):
    """Edits of the user's own that git knows of, in files that get ours for the first time."""
    if not paths or not any((at / ".git").exists() for at in (tree.root, *tree.root.parents)):
        return
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(tree.root)]
    command += ["diff", "--no-ext-diff", "--no-textconv", "--name-only", "--relative", "-z", "HEAD"]
    command += ["--", *sorted(paths)]
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return
    changed = [name.decode("utf-8", "replace") for name in done.stdout.split(b"\0") if name]
    if done.returncode == 0 and changed:
        yield (
            f"git has changes that are not committed in {', '.join(changed)}: --uninstall keeps "
            "them, `git checkout` of these files would not"
        )
