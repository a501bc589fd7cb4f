"""A stand-in Caffe tree and a stand-in package of layers, new for each test."""

import os
import shutil

import pytest
from standins import HOST, PROJECT, PROTO, SCALE, write_files

from amcaffe import resources
from amcaffe.install import main
from amcaffe.install.sources import own_sources


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "caffe"
    write_files(root, HOST)
    return root


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout of ours with two small layers; resources come from it."""
    root = tmp_path / "project"
    write_files(root, PROJECT)
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # no test pulls the plug
    monkeypatch.setattr(resources, "PACKAGE", root / "python" / "amcaffe")
    return root


@pytest.fixture
def install(project, tree):
    """Run the installer on `tree` with further arguments."""

    def run(*arguments):
        return main([str(tree), *arguments])

    return run


@pytest.fixture
def full_tree(tree):
    """A stand-in with all that our real layers, tests and host's layers refer to."""
    sources = own_sources()
    own = {source.target for source in sources}
    headers = {path for source in sources for path in source.headers} - own
    write_files(tree, dict.fromkeys(headers - {"include/caffe/proto/caffe.pb.h"} - set(HOST), ""))
    write_files(
        tree,
        {
            "src/caffe/layers/scale_layer.cpp": SCALE.format(device="cpu"),
            "src/caffe/layers/scale_layer.cu": SCALE.format(device="gpu"),
            "src/caffe/proto/caffe.proto": PROTO + "message ScaleParameter {\n}\n",
        },
    )
    return tree


@pytest.fixture
def install_ours(full_tree, monkeypatch):
    """Run the installer with our real layers on `full_tree`, with further arguments."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)

    def run(*arguments):
        return main([str(full_tree), *arguments])

    return run


@pytest.fixture
def real(tmp_path):
    """A copy of the Caffe tree that AMCAFFE_TEST_TREE names, without our work in it."""
    source = os.environ.get("AMCAFFE_TEST_TREE")
    if not source:
        pytest.skip("AMCAFFE_TEST_TREE does not name a Caffe tree")
    root = tmp_path / "caffe"
    unneeded = shutil.ignore_patterns(".git", "build", "docs", "data", "models", "__pycache__")
    shutil.copytree(source, root, symlinks=True, ignore=unneeded)
    main([str(root), "--uninstall"])  # the tree given may be one that is patched already
    return root
