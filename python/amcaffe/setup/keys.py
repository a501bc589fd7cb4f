"""Names of what is kept in the cache: each after the content that it was made from."""

import hashlib
import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
# What a built tree is made from, beside the pinned source that host/pinned.py names.
TREE_INPUTS = (
    *("layers", "proto", "cmake", "tests/layers"),
    *(f"python/amcaffe/{room}" for room in ("build", "fetch", "host", "install")),
)


def cache_folder():
    """Folder of everything that outlives a checkout."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("AMCAFFE_CACHE") or Path(base, "amcaffe")).absolute()


def content_key(paths, *facts):
    """16 hexadecimal digits that change with any file below paths, its name, or any fact."""
    digest = hashlib.sha256("\0".join(map(str, facts)).encode())
    for top in paths:
        files = [top] if top.is_file() else sorted(p for p in top.rglob("*") if p.is_file())
        for path in files:
            if "__pycache__" not in path.parts:
                digest.update(f"\0{path.relative_to(CHECKOUT).as_posix()}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
