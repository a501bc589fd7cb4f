import hashlib
import subprocess
import tarfile

import pytest

from amcaffe.errors import FetchError, InputError
from amcaffe.fetch import main, servers
from amcaffe.fetch.servers import fetch
from amcaffe.host.pinned import tree_digest


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A stand-in for the pinned tree, and the digest of it in place of the real one."""
    root = tmp_path / "upstream"
    (root / "src/caffe").mkdir(parents=True)
    (root / "src/caffe/net.cpp").write_text("net\n")
    (root / "README.md").write_text("as upstream has it\n")
    (root / "link").symlink_to("src/caffe/net.cpp")
    monkeypatch.setattr(servers, "TREE_SHA256", tree_digest(root))
    monkeypatch.delenv("CAFFE_ROOT", raising=False)
    return root


def contents(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def pack(root, tarball, top=""):
    with tarfile.open(tarball, "w:gz") as archive:
        archive.add(root, arcname=top or ".")
    return tarball


def test_a_directory_a_tarball_and_a_git_repository_bring_the_same_tree(tree, tmp_path):
    repository = tmp_path / "git"
    subprocess.run(["cp", "-a", tree, repository], check=True)
    git = ["git", "-C", repository, "-c", "user.name=n", "-c", "user.email=e"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], check=True)
    sources = [
        tree,
        pack(tree, tmp_path / "flat.tar.gz"),
        pack(tree, tmp_path / "top.tar.gz", "caffe-1"),
        repository,
    ]
    for number, source in enumerate(sources):
        destination = tmp_path / f"out{number}"
        fetch(destination, source, say=lambda line: None)
        assert contents(destination) == contents(tree)


def test_a_tree_that_differs_in_one_byte_is_refused_and_leaves_nothing_behind(tree, tmp_path):
    (tree / "src/caffe/net.cpp").write_text("bet\n")
    with pytest.raises(FetchError, match="not the pinned tree"):
        fetch(tmp_path / "new/out", tree)
    assert not (tmp_path / "new").exists()


def test_the_two_files_in_which_debian_differs_do_not_count(tree, tmp_path):
    (tree / "README.md").write_text("as Debian has it\n")
    fetch(tmp_path / "out", tree, say=lambda line: None)


def test_an_unpinned_tree_is_taken_only_when_asked_for_and_said_to_be_so(tree, tmp_path):
    (tree / "extra.cpp").write_text("mine")
    said = []
    fetch(tmp_path / "out", tree, unpinned=True, say=said.append)
    assert "NOT the pinned tree" in said[-1]
    with pytest.raises(InputError, match="--unpinned needs --source"):
        main([str(tmp_path / "other"), "--unpinned"])


def test_a_second_fetch_has_nothing_to_do_and_a_foreign_folder_is_left_alone(tree, tmp_path):
    said = []
    fetch(tmp_path / "out", tree, say=said.append)
    fetch(tmp_path / "out", tree, say=said.append)
    assert "nothing to do" in said[-1]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="not empty"):
        fetch(tmp_path / "mine", tree)
    assert contents(tmp_path / "mine") == {"thesis.tex": b"years of work"}


def test_without_any_source_the_error_lists_what_was_tried_and_how_to_give_a_tree(
    tree, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CAFFE_ROOT", str(tmp_path / "missing"))
    with pytest.raises(FetchError) as caught:
        fetch(tmp_path / "out")
    text = str(caught.value)
    for words in ("$CAFFE_ROOT", "git is not installed", "no apt-get", "--source PATH"):
        assert words in text


def test_caffe_root_serves_first_when_it_is_the_pinned_tree(tree, tmp_path, monkeypatch):
    monkeypatch.setenv("CAFFE_ROOT", str(tree))
    fetch(tmp_path / "out", say=lambda line: None)
    assert contents(tmp_path / "out") == contents(tree)


def test_a_patched_caffe_root_is_passed_over_with_a_word(tree, tmp_path, monkeypatch):
    (tree / ".amcaffe").mkdir()
    monkeypatch.setenv("CAFFE_ROOT", str(tree))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchError) as caught:
        fetch(tmp_path / "out")
    assert "patched already" in caught.value.found


def test_a_full_disk_is_told_in_a_line(tree, tmp_path, monkeypatch):
    def full(*_, **__):
        raise servers.shutil.Error([("a", "b", "No space left on device")] * 1000)

    monkeypatch.setattr(servers.shutil, "copytree", full)
    with pytest.raises(InputError) as caught:
        fetch(tmp_path / "new/out", tree)
    assert "No space left" in caught.value.what and len(caught.value.what) < 300
    assert not (tmp_path / "new").exists()


def test_the_digest_counts_names_contents_and_links(tree):
    first = tree_digest(tree)
    assert first == servers.TREE_SHA256 and len(first) == 2 * hashlib.sha256().digest_size
    (tree / "src/caffe/net.cpp").rename(tree / "src/caffe/ten.cpp")
    assert tree_digest(tree) != first
    (tree / "src/caffe/ten.cpp").rename(tree / "src/caffe/net.cpp")
    (tree / "link").unlink()
    (tree / "link").symlink_to("README.md")
    assert tree_digest(tree) != first
