"""A Caffe source tree: is it one, which kind, and reading its files safely."""

import os
import re
from pathlib import Path, PurePosixPath

from amcaffe.errors import TreeError
from amcaffe.host.advice import name_tree

PROTO = "src/caffe/proto/caffe.proto"
LAYER = "include/caffe/layer.hpp"
FACTORY = "include/caffe/layer_factory.hpp"
# What a build inside the sources left, and what hides the header that the next one generates.
STALE_HEADERS = ("include/caffe/proto/caffe.pb.h", "src/caffe/proto/caffe.pb.h")
MARK = b"// installed by amcaffe"  # the first line of each C++ file of ours
REQUIRED = (PROTO, LAYER, FACTORY, "include/caffe/common.hpp", "src/caffe/layers", "src/caffe/util")

_COMMENT_OR_STRING = re.compile(
    r"//(?:\\\r?\n|[^\n])*|/\*.*?(?:\*/|\Z)|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL
)


def without_comments(source):
    """C++ source with each comment turned into blanks; line numbers and offsets stay."""

    def blank(match):
        text = match.group()
        return text if text[0] in "\"'" else re.sub(r"[^\n]", " ", text)

    return _COMMENT_OR_STRING.sub(blank, source)


class CaffeTree:
    """Read access to a tree by relative paths with forward slashes.

    Args:
        root: the folder holding src/caffe and include/caffe.
    """

    def __init__(self, root):
        self.root = Path(root).resolve()

    def path(self, relative):
        """Absolute path of a file of the tree that may be read and replaced.

        Raises: TreeError: the path leads out of the tree, or is a symbolic link.
        """
        pure = PurePosixPath(relative)
        target = self.root / pure
        parent = target.parent.resolve()
        outside = self.root != parent and self.root not in parent.parents
        if pure.is_absolute() or ".." in pure.parts or outside:
            raise TreeError(
                f"{target} leads out of the tree {self.root}",
                found=str(parent / target.name),
                expected="a file inside the tree",
                hint="replace the symbolic link by a real folder; nothing was changed",
            )
        if target.is_symlink():
            raise TreeError(
                f"{target} is a symbolic link",
                found=f"a link to {os.readlink(target)}",
                expected="a regular file, which can be edited and put back",
                hint="replace the link by a copy of the file; nothing was changed",
            )
        return target

    def read(self, relative):
        """The bytes of a file, or None where there is none."""
        target = self.path(relative)
        try:
            return target.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise TreeError(
                f"cannot read {target}: {error.strerror}", hint="nothing was changed"
            ) from error

    def text(self, relative):
        """A file as text in which every byte is one character (latin-1), or None."""
        data = self.read(relative)
        return None if data is None else data.decode("latin-1")

    def peek(self, relative):
        """A file as such text, links followed, for looking only: never to be written back."""
        return (self.root / relative).read_bytes().decode("latin-1")

    def is_inner_link(self, relative):
        """True for a symbolic link to a file of this tree, which has its own path there."""
        path = self.root / relative
        return path.is_symlink() and self.root in path.resolve().parents

    def glob(self, *patterns):
        """Sorted relative paths of the regular files that match any of the patterns."""
        found = set()
        for pattern in patterns:
            for path in self.root.glob(pattern):
                if path.is_file():
                    found.add(path.relative_to(self.root).as_posix())
        return sorted(found)


def require_tree(path):
    """The CaffeTree at `path`.

    Raises: TreeError: no path, not a Caffe tree (with what is missing), or one that this user
        may not look into.
    """
    if not str(path):
        raise TreeError(
            "the path of the Caffe tree is empty: $CAFFE_ROOT is not set",
            expected="the root of a Caffe source tree",
            hint=name_tree("export CAFFE_ROOT=PATH"),
        )
    root = Path(path)
    there = _is_there(root)
    if not (there and root.is_dir()):
        raise TreeError(
            f"{path} is not a folder" if there else f"{path} does not exist",
            expected="the root of a Caffe source tree",
            hint="`python -m amcaffe.fetch DEST` gets one",
        )
    missing = [name for name in REQUIRED if not _is_there(root / name)]
    if missing:
        raise TreeError(
            f"{path} is not the root of a Caffe source tree",
            found="no " + ", no ".join(missing),
            expected=", ".join(REQUIRED),
            hint=_where_else(root),
        )
    return CaffeTree(root)


def _is_there(path):
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise TreeError(
            f"cannot look at {path}: {error.strerror}",
            expected="the root of a Caffe source tree, which this user may read",
            hint="get the right to read it (`namei -l` lists the rights on the way there), or copy "
            "the tree as a user who has it; nothing was changed",
        ) from None
    return True


def _where_else(root):
    below = [f"*/{PROTO}", f"*/*/{PROTO}"]
    near = sorted({match.parents[3] for pattern in below for match in root.glob(pattern)})
    near += [folder for folder in root.resolve().parents if os.path.isfile(folder / PROTO)]
    if near:
        return f"there is a Caffe tree at {near[0]}: give that path"
    return "`python -m amcaffe.fetch DEST` gets a tree"


def require_our_interface(tree):
    """Refuse a tree in which our layers cannot live.

    Raises: TreeError: its layer interface is another (NVIDIA's, OpenCL's, Caffe of 2014).
    """
    layer = without_comments(tree.text(LAYER))
    family = re.search(r"(template\s*<[^>]*>)?\s*class\s+Layer\s*(?:[:{])", layer)
    found = None
    if not family:
        found = "no `class Layer` that we know"
    elif not re.fullmatch(r"template\s*<\s*typename\s+\w+\s*>", family.group(1) or ""):
        found = f"`{family.group(1) or 'no template'} class Layer`"
    if found:
        raise TreeError(
            f"{tree.root} has another layer interface: {' '.join(found.split())} in {LAYER}",
            expected="`template <typename Dtype> class Layer`, as in BVLC/caffe",
            hint="NVIDIA's (0.16 on), OpenCL and inference-only forks cannot take these layers; "
            "`--no-layers` applies the compatibility edits alone. Nothing was changed",
        )
    if not re.search(r"#\s*define\s+REGISTER_LAYER_CLASS\b", without_comments(tree.text(FACTORY))):
        raise TreeError(
            f"{tree.root} is a Caffe of 2014 ({FACTORY})",
            found="no REGISTER_LAYER_CLASS",
            expected="a tree in which layers register themselves (Caffe of 2015 or later)",
            hint="`python -m amcaffe.fetch DEST` gets a current tree; nothing was changed",
        )
