"""Unpacking a tarball of sources, and refusing one that would write outside its folder."""

import gzip
import lzma
import posixpath
import tarfile
import zlib
from pathlib import PurePosixPath

from amcaffe.errors import AmcaffeError

MOST_LINKS = 40  # that a path may lead through, as in Linux


class BadArchive(AmcaffeError):
    """No tarball, or one that is not to be unpacked."""


def unpack(tarball, tree):
    """Unpack regular files, folders and inward links; a single top folder is stripped.

    Args: tarball: file. tree: an empty folder.
    Raises: BadArchive: nothing was written, unless the archive turned out damaged on the way.
    """
    try:
        with tarfile.open(tarball) as archive:
            members = [member for member in archive.getmembers() if member.name not in (".", "./")]
            require_safe(members)
            archive.extractall(tree, members=members)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise BadArchive(f"no readable tarball: {error}") from None
    entries = list(tree.iterdir())
    if len(entries) == 1 and entries[0].is_dir() and not entries[0].is_symlink():
        for entry in list(entries[0].iterdir()):
            entry.replace(tree / entry.name)
        entries[0].rmdir()


def require_safe(members):
    """Refuse whatever would write, or lead, out of the folder.

    No name may go through a link of the archive or stand in it twice, so that a name is where
    the file will really be; then where a link leads is judged by following it through the
    other links: with a/b -> .., c -> a/b/.. and d -> c/.. the last two lead outside.

    Args: members: tarfile.TarInfo, all that are to be unpacked.
    Raises: BadArchive.
    """
    found = {}
    for member in members:
        name = posixpath.normpath(member.name)
        if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
            raise _unsafe(member, "is neither file, folder nor link")
        if name.startswith("/") or ".." in member.name.split("/"):
            raise _unsafe(member, "leads out of the folder")
        if name in found and not (member.isdir() and found[name].isdir()):
            raise _unsafe(member, "stands in it twice")
        found[name] = member
    links = {name: member.linkname for name, member in found.items() if member.issym()}
    for name, member in found.items():
        if any(str(parent) in links for parent in PurePosixPath(name).parents):
            raise _unsafe(member, "goes through a link")
        if member.islnk():
            target = found.get(posixpath.normpath(member.linkname))
            if target is None or not (target.isfile() or target.islnk()):
                raise _unsafe(member, f"is a second name of {member.linkname}, no file of it")
        elif member.issym():
            _follow(member, name, links)


def _follow(member, name, links):
    """Go where a link leads, part by part; never above the folder."""
    waiting, real, followed = name.split("/")[::-1], [], 0
    while waiting:
        part = waiting.pop()
        if part == "..":
            if not real:
                raise _unsafe(member, "leads out of the folder")
            real.pop()
        elif part not in ("", "."):
            real.append(part)
            target = links.get("/".join(real))
            if target is not None:
                followed += 1
                if target.startswith("/"):
                    raise _unsafe(member, "leads out of the folder")
                if followed > MOST_LINKS:
                    raise _unsafe(member, "leads through too many links")
                real.pop()
                waiting += target.split("/")[::-1]


def _unsafe(member, what):
    return BadArchive(f"unsafe tarball: {member.name} {what}")
