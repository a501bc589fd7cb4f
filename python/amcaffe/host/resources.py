"""Where the files that amcaffe brings along lie: in a checkout, or in an installed wheel."""

from pathlib import Path

from amcaffe.errors import AmcaffeError

PACKAGE = Path(__file__).resolve().parents[1]


def resource_dir(name):
    """The folder `name` of this project ("layers", "proto", "tests/layers", ...).

    Args:
        name: path relative to the project's root, with forward slashes.
    Returns: Path of the checkout's own top-level folder, or, in an installed
        wheel, of the copy inside the package (amcaffe/_data/<name>).
    Raises: AmcaffeError: neither is there, so the installation is incomplete.
    """
    checkout = PACKAGE.parents[1] / name
    bundled = PACKAGE / "_data" / name
    for folder in (checkout, bundled) if is_checkout() else (bundled,):
        if folder.is_dir():
            return folder
    raise AmcaffeError(
        f"this installation of amcaffe lacks its folder {name!r}",
        found=f"neither {checkout} nor {bundled}",
        hint="install the package again, or run it from a checkout of the repository",
    )


def is_checkout():
    """True where this package lies in <project>/python/amcaffe beside the project's setup."""
    return PACKAGE.parent.name == "python" and (PACKAGE.parents[1] / "layers").is_dir()
