"""Where a demo's work lies: a folder named after all that its results depend on."""

import hashlib
import os
from pathlib import Path

import amcaffe


def work_key(recipe, photographs):
    """Twelve digits: another recipe, photograph, package or Caffe build begins anew.

    Args: recipe: Recipe. photographs: folder of them, or None for made-up faces.
    """
    digest = hashlib.sha256(repr((recipe, str(photographs))).encode())
    root = os.environ.get("CAFFE_ROOT", "")
    digest.update(root.encode())
    files = sorted(Path(root, "build/lib").glob("libcaffe.so*")) if root else []
    if photographs is not None:
        files += sorted(photographs.rglob("*"))
    for path in files:
        state = path.stat()
        digest.update(repr((str(path), state.st_size, state.st_mtime_ns)).encode())
    for path in sorted(Path(amcaffe.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
