"""Who may serve the pinned Caffe tree, and taking it from the first that does.

Standard library only, as it runs before anything is installed.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from amcaffe.data.outputs import claimed_stem, named
from amcaffe.errors import FetchError, InputError
from amcaffe.fetch.archives import BadArchive, unpack
from amcaffe.host.pinned import COMMIT, NOT_SOURCE, TREE_SHA256, tree_digest

UPSTREAM = "https://github.com/BVLC/caffe.git"
DEBIAN_SUITE = "bullseye"
DEBIAN_SOURCE = "caffe=1.0.0+git20180821.99bd997-8"
DEBIAN_TARBALL = "caffe_1.0.0+git20180821.99bd997.orig.tar.gz"
DEBIAN_TARBALL_SHA256 = "e0eb3f06794f7402c77b7dec8e8480273ee1a1bb192e9122b621a69d4147ad0c"
NETWORK_TIMEOUT = 300  # seconds for one command that may wait for a server


def fetch(destination, source=None, unpinned=False, say=print):
    """Bring the pinned tree to destination, from the first source that serves.

    Args:
        destination: folder to make; left alone if it holds the pinned tree already.
        source: directory, tarball or git repository to take it from, and no other.
        unpinned: accept another tree than the pinned one (with source only).
        say: function of one line, called with what was tried and found.
    Raises: FetchError: no source served the tree; lists what was tried.
        InputError: destination is empty, or holds something else.
    """
    destination = named(destination).absolute()
    if destination.exists():
        if not destination.is_dir():
            raise InputError(f"{destination} exists and is no folder")
        if any(destination.iterdir()):
            if not unpinned and tree_digest(destination) == TREE_SHA256:
                say(f"{destination} holds the pinned tree already; nothing to do")
                return
            raise InputError(
                f"{destination} is not empty, and not the pinned Caffe tree as it came",
                hint="name a folder that does not exist yet; nothing was changed",
            )
    with claimed_stem(destination, "fetch", ()):
        _bring(destination, source, unpinned, say)


def _bring(destination, source, unpinned, say):
    tried = []
    for name, bring in _sources(source, unpinned):
        with (
            _writing(destination),
            tempfile.TemporaryDirectory(dir=destination.parent, prefix=".fetch-") as scratch,
        ):
            tree = Path(scratch, "tree")
            tree.mkdir()
            try:
                bring(tree, Path(scratch))
                digest = tree_digest(tree)
                if digest != TREE_SHA256 and not unpinned:
                    raise _Unserved(
                        f"not the pinned tree: its digest is {digest[:12]}..., "
                        f"expected {TREE_SHA256[:12]}..."
                    )
            except _Unserved as reason:
                say(f"{name}: {reason}")
                tried.append(f"{name}: {reason}")
                continue
            if destination.exists():
                destination.rmdir()
            tree.replace(destination)
        pinned = "checked by hash" if digest == TREE_SHA256 else "NOT the pinned tree, as asked"
        say(f"{name}: fetched, {pinned}\n{destination}")
        return
    raise FetchError(
        "no source served the pinned Caffe tree",
        found="\n            ".join(tried),
        expected=f"BVLC/caffe at {COMMIT}",
        hint="give a copy: python -m amcaffe.fetch DEST --source PATH (a directory, a tarball "
        "or a git repository)" + ("; --unpinned takes any Caffe tree" if source else ""),
    )


@contextlib.contextmanager
def _writing(destination):
    """Turns what a disk refuses into an InputError; shutil.Error may hold thousands of files."""
    try:
        yield
    except shutil.Error as error:
        raise InputError(f"cannot copy to {destination}: {error.args[0][0][2]}") from None
    except OSError as error:
        raise InputError(f"cannot write {destination}: {error.strerror}") from None


class _Unserved(Exception):
    """This source does not serve the tree; the text says why."""


def _sources(source, unpinned):
    if source is not None:
        commit = "HEAD" if unpinned else COMMIT
        return [(f"--source {source}", lambda tree, _: _from_path(Path(source), tree, commit))]
    sources = []
    root = os.environ.get("CAFFE_ROOT")
    if root:
        sources.append(
            (f"$CAFFE_ROOT ({root})", lambda tree, _: _from_caffe_root(Path(root), tree))
        )
    sources.append(
        (f"upstream git ({UPSTREAM})", lambda tree, _: _from_git(UPSTREAM, tree, COMMIT))
    )
    sources.append((f"Debian source package ({DEBIAN_SOURCE}, {DEBIAN_SUITE})", _from_debian))
    return sources


def _from_caffe_root(root, tree):
    if (root / ".amcaffe").exists():
        raise _Unserved("patched already, so it is not the tree as it came")
    _from_path(root, tree, COMMIT)


def _from_path(path, tree, commit):
    if path.is_dir():
        if _is_git(path):
            try:
                return _from_git(str(path.absolute()), tree, commit)
            except _Unserved:
                if not (path / "src").is_dir():  # a bare repository has no files to copy
                    raise
        ignore = shutil.ignore_patterns(*NOT_SOURCE)
        shutil.copytree(
            path,
            tree,
            symlinks=True,
            dirs_exist_ok=True,
            ignore=lambda folder, names: ignore(folder, names) if Path(folder) == path else [],
        )
    elif path.is_file():
        _unpack(path, tree)
    else:
        raise _Unserved("no such file or folder")


def _is_git(path):
    return (path / ".git").exists() or (path / "objects").is_dir() and (path / "HEAD").is_file()


def _from_git(url, tree, commit):
    """A commit's files, by one shallow fetch into a scratch repository."""
    if not shutil.which("git"):
        raise _Unserved("git is not installed")
    repository = tree.parent / "git"
    git = ["git", "-C", str(repository)]
    _run(["git", "init", "-q", str(repository)])
    _run([*git, "fetch", "-q", "--depth", "1", url, commit])
    _run([*git, f"--work-tree={tree}", "checkout", "-q", "FETCH_HEAD", "--", "."])


def _from_debian(tree, scratch):
    """Debian's source package, through apt and the mirror this machine is set up with.

    The sources list and every apt folder are private, so the system's lists stay as they are.
    """
    if not shutil.which("apt-get"):
        raise _Unserved("no apt-get on this machine")
    mirrors = _run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"]
    )
    origins = dict.fromkeys(line.split()[1] for line in mirrors.splitlines() if " " in line)
    uris = [uri for uri in origins if "security" not in uri]
    if not uris:
        raise _Unserved("apt has no mirror set up")
    apt = scratch / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True)
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    signed = f"[signed-by={keyring}] " if keyring.exists() else ""
    (apt / "sources.list").write_text(
        "".join(f"deb-src {signed}{uri} {DEBIAN_SUITE} main\n" for uri in uris)
    )
    options = [
        f"-oDir::Etc::SourceList={apt / 'sources.list'}",
        "-oDir::Etc::SourceParts=-",
        f"-oDir::State::Lists={apt / 'lists'}",
        f"-oDir::Cache={apt / 'cache'}",
        "-oAPT::Sandbox::User=",  # apt's own user cannot reach a private folder
    ]
    _run(["apt-get", "-q", *options, "update"])
    _run(["apt-get", "-q", *options, "source", "--download-only", DEBIAN_SOURCE], cwd=apt)
    tarball = apt / DEBIAN_TARBALL
    if not tarball.exists():
        raise _Unserved(f"apt brought no {DEBIAN_TARBALL}")
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if digest != DEBIAN_TARBALL_SHA256:
        raise _Unserved(f"{DEBIAN_TARBALL} has SHA-256 {digest}, expected {DEBIAN_TARBALL_SHA256}")
    _unpack(tarball, tree)


def _run(command, cwd=None):
    """Standard output of a command; _Unserved with its last words where it fails."""
    environment = dict(os.environ, LC_ALL="C", GIT_TERMINAL_PROMPT="0")
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=NETWORK_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise _Unserved(f"no answer within {NETWORK_TIMEOUT} s") from None
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        raise _Unserved(words[-1])
    return done.stdout


def _unpack(tarball, tree):
    try:
        unpack(tarball, tree)
    except BadArchive as error:
        raise _Unserved(error.what) from None
