"""The C++ libraries that a Caffe build includes and links."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from amcaffe.doctor.finding import ABSENT, MISSING, OK, PROBLEM, Finding, output
from amcaffe.doctor.tools import include_folders, library_folders


@dataclass(frozen=True)
class Library:
    """A library as Caffe's CMake looks for it.

    header: a header below an include folder, or below one of `folders` in there.
    version: pattern of the version's parts in that header, or in `version_header`; without
        one, the linked file's name tells.
    links: names behind -l; a tuple in it is names of which any one does.
    option: CMake's option that builds without it.
    """

    name: str
    header: str
    links: tuple
    debian: tuple[str, ...]
    conda: tuple[str, ...]
    version: Optional[str] = None
    version_header: Optional[str] = None
    folders: tuple[str, ...] = ()
    option: Optional[str] = None


LIBRARIES = (
    Library(
        "Boost",
        "boost/version.hpp",
        ("boost_thread", "boost_filesystem"),
        ("libboost-thread-dev", "libboost-filesystem-dev", "libboost-regex-dev"),
        ("libboost-devel",),
        r'BOOST_LIB_VERSION "(\d+)_(\d+)(?:_(\d+))?',
    ),
    Library(
        "protobuf",
        "google/protobuf/message.h",
        ("protobuf",),
        ("libprotobuf-dev",),
        ("libprotobuf",),
        r"GOOGLE_PROTOBUF_VERSION (\d+)(\d{3})(\d{3})\b",
        "google/protobuf/stubs/common.h",
    ),
    Library("glog", "glog/logging.h", ("glog",), ("libgoogle-glog-dev",), ("glog",)),
    Library("gflags", "gflags/gflags.h", ("gflags",), ("libgflags-dev",), ("gflags",)),
    Library(
        "HDF5",
        "H5public.h",
        (("hdf5", "hdf5_serial"), ("hdf5_hl", "hdf5_serial_hl")),
        ("libhdf5-dev",),
        ("hdf5",),
        r"H5_VERS_MAJOR\s+(\d+)[^$]*?H5_VERS_MINOR\s+(\d+)[^$]*?H5_VERS_RELEASE\s+(\d+)",
        folders=("hdf5/serial",),
        option="USE_HDF5",
    ),
    Library(
        "OpenCV",
        "opencv2/core/version.hpp",
        ("opencv_core", "opencv_imgproc", ("opencv_imgcodecs", "opencv_highgui")),
        ("libopencv-dev",),
        ("libopencv",),
        r"CV_VERSION_MAJOR\s+(\d+)\s.*?CV_VERSION_MINOR\s+(\d+)\s.*?CV_VERSION_REVISION\s+(\d+)",
        folders=("opencv4",),
        option="USE_OPENCV",
    ),
    Library(
        "LMDB",
        "lmdb.h",
        ("lmdb",),
        ("liblmdb-dev",),
        ("lmdb",),
        r"MDB_VERSION_MAJOR\s+(\d+).*?MDB_VERSION_MINOR\s+(\d+).*?MDB_VERSION_PATCH\s+(\d+)",
        option="USE_LMDB",
    ),
    Library(
        "LevelDB",
        "leveldb/db.h",
        ("leveldb",),
        ("libleveldb-dev",),
        ("leveldb",),
        r"kMajorVersion = (\d+);.*?kMinorVersion = (\d+);",
        option="USE_LEVELDB",
    ),
    Library(
        "snappy",
        "snappy.h",
        ("snappy",),
        ("libsnappy-dev",),
        ("snappy",),
        r"SNAPPY_MAJOR (\d+).*?SNAPPY_MINOR (\d+).*?SNAPPY_PATCHLEVEL (\d+)",
        "snappy-stubs-public.h",
        option="USE_LEVELDB",
    ),
    Library(
        "OpenBLAS",
        "cblas.h",
        ("openblas",),
        ("libopenblas-dev",),
        ("openblas",),
        r'OPENBLAS_VERSION " ?OpenBLAS (\d+)\.(\d+)\.(\d+)',
        "openblas_config.h",
        folders=("openblas",),
    ),
)


def find_libraries(options=None):
    """Findings of the libraries, and of protoc.

    Args: options: CMake's options of a tree (dict); what they leave out is not missed.
    """
    options = options or {}
    includes, links = include_folders(), library_folders()
    findings = []
    for library in LIBRARIES:
        unneeded = options.get(library.option, "ON").upper() in ("OFF", "0", "NO", "FALSE")
        if library.name == "OpenBLAS" and options.get("BLAS", "Open").lower() != "open":
            unneeded = True
        findings.append(_find(library, includes, links, unneeded))
    findings.append(_protoc(includes))
    return findings


def _find(library, includes, links, unneeded):
    header = _header(library.header, library.folders, includes)
    missing = [] if header else [library.header]
    files = []
    for names in library.links:
        names = (names,) if isinstance(names, str) else names
        file = _linked(names, links)
        files.append(file)
        if file is None:
            missing.append(f"lib{names[0]}")
    if missing:
        return Finding(
            ABSENT if unneeded else MISSING,
            library.name,
            f"no {', no '.join(missing)}" + ("; this tree's options leave it out" * unneeded),
            () if unneeded else library.debian,
            () if unneeded else library.conda,
        )
    version = _version(library, header) or _version_in_name(files[0])
    return Finding(OK, library.name, f"{version or 'version unknown'} ({header})")


def _header(name, folders, includes):
    places = [include / folder for include in includes for folder in ("", *folders)]
    return next((place / name for place in places if os.path.isfile(place / name)), None)


def _linked(names, folders):
    files = [
        folder / f"lib{name}{end}" for folder in folders for name in names for end in (".so", ".a")
    ]
    return next((file for file in files if os.path.exists(file)), None)


def _version(library, header):
    if library.version is None:
        return None
    file = header
    if library.version_header:
        top = Path(str(header)[: -len(library.header)])
        file = top / library.version_header
    try:
        match = re.search(library.version, file.read_text("utf-8", "replace"), re.DOTALL)
    except OSError:
        return None
    return ".".join(str(int(part)) for part in match.groups() if part) if match else None


def _version_in_name(file):
    match = re.search(r"\.so\.(\d+(?:\.\d+)+)$", str(file.resolve()))
    return match[1] if match else None


def protoc_version():
    """Version of protoc: (3, 21, 12) or, since the leading 3 ended, (29, 3); None without it."""
    program = shutil.which("protoc")
    told = output(program, "--version") if program else None
    match = re.search(r"libprotoc (\d+(?:\.\d+)+)", told or "")
    return tuple(map(int, match[1].split("."))) if match else None


def release(version):
    """(release, patch) that protoc, C++ and Python name with leading numbers of their own:
    (21, 12) of protoc's 3.21.12, of C++'s 3.21.12 and of Python's 4.21.12."""
    return tuple(version[1:3] if len(version) > 2 and version[0] < 20 else version[:2])


def _protoc(includes):
    packages = {"debian": ("protobuf-compiler",), "conda": ("libprotobuf",)}
    version = protoc_version()
    if version is None:
        return Finding(MISSING, "protoc", "not installed", **packages)
    text = f"{'.'.join(map(str, version))} ({shutil.which('protoc')})"
    protobuf = next(library for library in LIBRARIES if library.name == "protobuf")
    header = _header(protobuf.header, (), includes)
    stated = _version(protobuf, header) if header else None
    if stated and release(tuple(map(int, stated.split(".")))) != release(version):
        text += f", but the library's headers are of {stated}: what it writes does not compile"
        return Finding(PROBLEM, "protoc", text, **packages)
    return Finding(OK, "protoc", text)
