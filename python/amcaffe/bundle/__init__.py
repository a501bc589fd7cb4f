"""Put a built Caffe, pycaffe, their Python and every shared library they need into one folder.

The folder runs wherever it is copied to, on a system with a C library as new as
this one's; on a GPU node its driver is all it needs. `DIR/selftest` tells.
"""

import os
from pathlib import Path

from amcaffe import cli
from amcaffe.bundle.contents import plan_bundle
from amcaffe.bundle.write import find_patchelf, require_place, write_bundle
from amcaffe.errors import InputError, TreeError
from amcaffe.host.advice import name_tree


def main(argv):
    """The command line; argv as sys.argv[1:]."""
    parser = cli.parser("bundle", __doc__, "python -m amcaffe.bundle build/caffe-bundle")
    parser.add_argument("folder", metavar="DIR", help="the bundle; one of ours is replaced")
    parser.add_argument(
        "--caffe-root",
        metavar="PATH",
        default=os.environ.get("CAFFE_ROOT"),
        help="the built Caffe tree (default: $CAFFE_ROOT)",
    )
    options = parser.parse_args(argv)
    if not options.folder:
        raise InputError(
            "the path of the bundle is empty",
            expected="a folder to write, such as build/caffe-bundle",
            hint="where it is a variable's value: that is not set",
        )
    if not options.caffe_root:
        raise TreeError(
            "no Caffe tree to bundle: $CAFFE_ROOT is not set",
            hint=name_tree("--caffe-root PATH"),
        )
    folder = Path(options.folder).absolute()
    patchelf = find_patchelf()
    require_place(folder)
    plan = plan_bundle(options.caffe_root)
    manifest = write_bundle(plan, folder, patchelf)
    for note in plan.notes:
        print(note)
    for line in summary(manifest):
        print(line)
    print(f"{folder}: try it with {folder / 'selftest'}")


def summary(manifest):
    """Lines that say what a bundle holds and what it needs.

    Args: manifest: a bundle's manifest, a dict.
    """
    sizes = {place: file["size"] for place, file in manifest["files"].items()}
    libraries = {place: size for place, size in sizes.items() if place.startswith("lib/lib")}
    packages = sum(s for p, s in sizes.items() if p.startswith(manifest["packages folder"] + "/"))
    largest = sorted(libraries.items(), key=lambda item: -item[1])[:5]
    return [
        f"{len(sizes)} files, {_mb(sum(sizes.values()))}: {len(libraries)} shared libraries "
        f"{_mb(sum(libraries.values()))}, Python packages {_mb(packages)}",
        "largest: " + ", ".join(f"{place[4:]} {_mb(size)}" for place, size in largest),
        f"needs glibc {manifest['glibc']} or newer"
        + (" and an NVIDIA driver" if manifest["gpu"] else ", and no GPU: it is a CPU build"),
    ]


def _mb(size):
    return f"{size / 1e6:.0f} MB"
