"""What this package can install: layers with their files and tests, and what these share."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from amcaffe.host.tree_layers import registrations, snake
from amcaffe.install.host_layers import HOST_LAYERS
from amcaffe.install.sources import Source, own_sources


@dataclass(frozen=True)
class OwnTest:
    """A file of gtests, and the names of the layers (layer types, HostLayer) that it is about."""

    source: Source
    about: frozenset[str]


@dataclass(frozen=True)
class Package:
    """All files of ours by what they are needed for.

    layers: {layer type: its files}.
    tests: those of layers, ours and the host's.
    shared: files that go into a tree where one of the above includes them.
    others: files that no layer needs, installed with or without layers.
    """

    layers: dict[str, tuple[Source, ...]]
    tests: list[OwnTest]
    shared: list[Source]
    others: list[Source]


def load_package():
    """The Package, sorted out by names, registrations and includes."""
    sources = own_sources()
    layers = {}
    for source in sources:
        for kind, _, _ in registrations(source.code):
            stem = f"{snake(kind)}_layer"
            layers[kind] = tuple(one for one in sources if _stem(one) == stem)
    headers = {
        one.target: kind for kind, files in layers.items() for one in files if _is_header(one)
    }
    tests = []
    for source in sources:
        about = {headers[path] for path in source.headers if path in headers}
        about |= {kind for kind in layers if _stem(source) == f"test_{snake(kind)}_layer"}
        about |= {layer.name for layer in HOST_LAYERS if layer.test == _name(source)}
        if about and _name(source).startswith("test_"):
            tests.append(OwnTest(source, frozenset(about)))
    placed = {one.target for files in layers.values() for one in files}
    placed |= {test.source.target for test in tests}
    rest = [source for source in sources if source.target not in placed]
    users = [source for source in sources if source.target in placed]
    reached = needed([layer.header for layer in HOST_LAYERS], users, rest)
    shared = [source for source in rest if source in reached]
    return Package(layers, tests, shared, [one for one in rest if one not in reached])


def needed(headers, sources, shared):
    """The files of `shared` that these headers and sources need, directly or through others.

    A header brings the .cpp and .cu of its name along.
    """
    wanted = set(headers).union(*(source.headers for source in sources))
    found = []
    while True:
        new = [one for one in shared if one not in found and {one.target, _header_of(one)} & wanted]
        if not new:
            return [one for one in shared if one in found]
        found += new
        wanted.update(*(source.headers for source in new))


def _header_of(source):
    return source.target.replace("src/", "include/", 1).rpartition(".")[0] + ".hpp"


def _is_header(source):
    return source.target.endswith(".hpp")


def _name(source):
    return PurePosixPath(source.target).name


def _stem(source):
    return PurePosixPath(source.target).stem
