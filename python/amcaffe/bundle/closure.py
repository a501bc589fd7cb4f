"""Every shared library that a set of files needs, beyond the C library and the GPU driver."""

from dataclasses import dataclass, field
from pathlib import Path

from amcaffe.bundle.elf import C_LIBRARY, DRIVER, is_elf, read_elf
from amcaffe.errors import BuildError

# What libraries open by name while they run, which no ELF header says: (the opener, what it
# opens). cuDNN is a front for its engines, and compiles kernels; so does cuBLAS; MKL picks the
# kernels of the processor it meets.
OPENED = (
    ("libcudnn.so.*", "libcudnn_*.so.*"),
    ("libcudnn_*.so.*", "libnvrtc.so.*"),
    ("libcublasLt.so.*", "libnvrtc.so.*"),
    ("libnvrtc.so.*", "libnvrtc-builtins.so.*"),
    ("libmkl_rt.so*", "libmkl_*.so*"),
    ("libmkl_rt.so*", "libiomp5.so"),
)


@dataclass
class Closure:
    """The libraries that go into a bundle.

    libraries: {name that others need it by: file}.
    clashes: [(name, file taken, other file)]: one name, files of different content.
    """

    libraries: dict[str, Path] = field(default_factory=dict)
    clashes: list[tuple[str, Path, Path]] = field(default_factory=list)


def find_closure(files, loader, inside, step=lambda: None):
    """The Closure of ELF files.

    Args:
        files: executables, libraries and Python modules; the first to need a library decides
            which file it is.
        loader: elf.Loader.
        inside: function of a Path: this file is in the bundle already, at a place of its own.
        step: called for each file that was looked at.
    Raises: BuildError: libraries are not found; each is named with a file that needs it.
    """
    closure, missing = Closure(), {}
    queue = list(files)
    while queue:
        file = queue.pop(0)
        step()
        for name, path in loader.libraries(file).items():
            if DRIVER.fullmatch(name) or C_LIBRARY.fullmatch(Path(name).name):
                continue
            if path is None:
                # A package's own library may be found by the run path of the module that loads it.
                if not inside(file.parent / name):
                    missing.setdefault(name, file)
            elif not inside(path):
                _add(closure, Path(name).name, path)
        # Last, as the folders of all libraries are places to look in.
        queue = queue or _opened(closure)
    if missing:
        raise BuildError(
            f"{len(missing)} shared libraries are not found on this machine",
            found="\n            ".join(f"{n}, needed by {file}" for n, file in missing.items()),
            hint="install them, or name their folder in LD_LIBRARY_PATH; `caffe` lacks them too",
        )
    return closure


def _add(closure, name, path):
    known = closure.libraries.setdefault(name, path)
    if known != path and not _same(known, path):
        clash = (name, known, path)
        if clash not in closure.clashes:
            closure.clashes.append(clash)


def _same(first, second):
    if first.samefile(second):
        return True
    return first.stat().st_size == second.stat().st_size and (
        first.read_bytes() == second.read_bytes()
    )


def _opened(closure):
    """Files, new to the closure, that its libraries open while they run."""
    folders = list(dict.fromkeys(path.parent for path in closure.libraries.values()))
    new = []
    for opener, pattern in OPENED:
        for holder in [p for n, p in closure.libraries.items() if Path(n).match(opener)]:
            places = [holder.parent, *(folder for folder in folders if folder != holder.parent)]
            # The first folder that has any: two versions of a library never mix.
            found = next(filter(None, (_under_own_name(place, pattern) for place in places)), [])
            for path in found:
                if path.name not in closure.libraries:
                    closure.libraries[path.name] = path
                    new.append(path)
    return new


def _under_own_name(folder, pattern):
    """The libraries there that are called what they call themselves: no second links to them."""
    matches = [path for path in sorted(folder.glob(pattern)) if is_elf(path)]
    return [path for path in matches if getattr(read_elf(path), "soname", None) == path.name]
