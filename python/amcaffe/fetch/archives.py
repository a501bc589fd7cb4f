"""Unpacking a tarball of sources, and refusing one that would write outside its folder."""

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
            members = _without_top(archive.getmembers())
            _require_end(archive)
            require_safe(members)
            # A Python whose tarfile judges, too, would do so by rules that change with its version.
            archive.extraction_filter = lambda member, path: member
            archive.extractall(tree, members=members)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise BadArchive(f"no readable tarball: {error}") from None
    except OSError as error:
        if error.errno is not None:  # the disk's; those of decompressors have no number
            raise
        raise BadArchive(f"no readable tarball: {error}") from None


def _without_top(members):
    """Members renamed to where they will lie in the tree: what is judged is what is written."""
    for member in members:
        if "\0" in member.name + member.linkname:
            raise _unsafe(member, "has a NUL in its name")
        if member.name.startswith("/") or ".." in member.name.split("/"):
            raise _unsafe(member, "leads out of the folder")
        member.name = posixpath.normpath(member.name)
        if member.islnk():
            # The name of a file, which is given from the top, and not followed as a link's is.
            if member.linkname.startswith("/") or ".." in member.linkname.split("/"):
                raise _unsafe(member, "leads out of the folder")
            member.linkname = posixpath.normpath(member.linkname)
        if member.name == "." and not member.isdir():
            raise _unsafe(member, "would replace the folder itself")
    members = [member for member in members if member.name != "."]
    tops = {member.name.split("/")[0] for member in members}
    if len(tops) != 1 or not all(member.isdir() for member in members if member.name in tops):
        return members
    (top,) = tops
    members = [member for member in members if member.name != top]
    for member in members:
        member.name = member.name[len(top) + 1 :]
        if member.islnk():
            member.linkname = member.linkname[len(top) + 1 :]
    return members


def _require_end(archive):
    """tarfile takes a header that it cannot read, or none, for the end of the archive."""
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise BadArchive("no readable tarball: it is damaged, or cut short")


def require_safe(members):
    """Refuse whatever would write, or lead, out of the folder.

    No name may go through a link of the archive or stand in it twice, so that a name is where
    the file will really be; then where a link leads is judged by following it through the
    other links: with a/b -> .., c -> a/b/.. and d -> c/.. the last two lead outside.

    Args: members: tarfile.TarInfo, all that are to be unpacked, their names without "..".
    Raises: BadArchive.
    """
    found = {}
    for member in members:
        if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
            raise _unsafe(member, "is neither file, folder nor link")
        before = found.setdefault(member.name, member)
        if before is not member and not (before.isdir() and member.isdir()):
            raise _unsafe(member, "stands in it twice")
    links = {name: member.linkname for name, member in found.items() if member.issym()}
    files = set()
    for name, member in found.items():
        for above in map(str, PurePosixPath(name).parents):
            if above in found and not found[above].isdir():
                raise _unsafe(member, f"goes through {above}, which is no folder")
        if member.issym():
            if not member.linkname:  # no system makes such a link, and tarfile passes over it
                raise _unsafe(member, "leads nowhere")
            _follow(member, links)
        elif member.islnk() and member.linkname not in files:
            raise _unsafe(member, f"is a second name of {member.linkname}, no file before it")
        elif not member.isdir():
            files.add(name)


def _follow(member, links):
    """Go where a link leads, part by part; never above the folder."""
    waiting, real, followed = member.name.split("/")[::-1], [], 0
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
