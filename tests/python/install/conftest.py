"""A stand-in Caffe tree and a stand-in package of layers, new for each test."""

import os

import pytest
from standins import HOST, PROJECT, write_files

from amcaffe import resources
from amcaffe.install import main


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
