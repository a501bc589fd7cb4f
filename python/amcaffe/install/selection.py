"""Which of our layers, options and files a tree gets, and which it has or cannot take."""

from dataclasses import dataclass, field, replace

from amcaffe.errors import TreeError
from amcaffe.host.proto_parse import parse
from amcaffe.host.tree import PROTO
from amcaffe.host.tree_layers import snake
from amcaffe.install.edits import Span
from amcaffe.install.host_layers import HOST_LAYERS, fit
from amcaffe.install.naming import renamed, renamed_path
from amcaffe.install.own_layers import needed
from amcaffe.install.proto_merge import FREELY_NUMBERED, difference, line_of, type_of
from amcaffe.install.sources import PYCAFFE, is_marked, lacking_headers


@dataclass
class Selection:
    """What of the package goes into one tree.

    sources: the files.  leave: messages of toadd.proto that are not merged.
    spans: {path: [Span]} of the options that the host's layers get.
    renamed: {layer type of ours: another type, under which it is installed}.
    alone, out: what the tree has already, and what it does not get, in words.
    """

    sources: list = field(default_factory=list)
    leave: set[str] = field(default_factory=set)
    spans: dict[str, list[Span]] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    alone: list[str] = field(default_factory=list)
    out: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Host:
    """The tree as it was before us.

    text: path -> its text without our edits, or None.
    layers: TreeLayers.  proto: the text of caffe.proto.
    ours: paths of files that an earlier run wrote.
    """

    tree: object
    text: object
    layers: object
    proto: str
    ours: frozenset


def select(host, package, choices, addition_path, addition):
    """The Selection for a tree.

    Args:
        host: Host.  package: Package.  choices: Choices.
        addition_path, addition: toadd.proto under the chosen names.
    Raises: TreeError: layers of ours clash with what the tree has, or it lacks what they need.
    """
    found, installed, chosen, clashes = Selection(), set(), [], {}
    if not choices.layers:
        found.out.append("all layers, as asked (--forget brings them)")
        found.sources = _with_what_they_need(found, host, package, choices, [], [], installed)
        return found
    ours, _ = parse(addition_path, addition)
    theirs, _ = parse(PROTO, host.proto)
    for kind, files in package.layers.items():
        name = choices.renamed.get(kind, kind)
        message = f"{name}Parameter"
        if kind in choices.without:
            found.leave.add(message)
            found.out.append(f"{kind}, as asked")
            continue
        files = [under_names(source, choices.renamed) for source in files]
        there = host.layers.registered.get(name)
        if there:
            why = _why_another(ours[message], theirs)
            if why is None:
                found.leave.add(message)
                found.alone.append(_left_alone(name, there[0], ours[message], theirs[message]))
            else:
                place = f"{there[0].path}:{there[0].line}"
                clashes[kind] = f"{place} registers another {name}: {why}"
            continue
        why = _why_in_the_way(host, name, files, ours[message], theirs)
        if why:
            clashes[kind] = why
            continue
        installed.add(kind)
        if name != kind:
            found.renamed[kind] = name
        chosen += files
    if clashes:
        _refuse(host, clashes)
    headers = []
    for layer in HOST_LAYERS:
        if _take_option(found, host, layer, choices, ours, theirs):
            installed.add(layer.name)
            headers.append(layer.header)
    found.sources = _with_what_they_need(found, host, package, choices, chosen, headers, installed)
    return found


def under_names(source, names):
    """A file of a layer or test of ours under the names chosen."""
    if not names:
        return source
    text = renamed(source.data.decode("latin-1"), names)
    return replace(source, target=renamed_path(source.target, names), data=text.encode("latin-1"))


def _why_another(ours, theirs):
    """Why a registered layer's parameter is not the one we mean, or None where it is."""
    there = theirs.get(ours.name)
    if there is None:
        return f"the tree has no message {ours.name}"
    why = difference(ours, there)
    if why is None and ours.name not in map(type_of, theirs[FREELY_NUMBERED].fields.values()):
        why = f"no field of {FREELY_NUMBERED} is a {ours.name}"
    return why and f"in its {ours.name}, {why}"


def _why_in_the_way(host, name, files, ours, theirs):
    """What a layer of ours would clash with though its type is free, or None."""
    defined = host.layers.classes.get(f"{name}Layer")
    if defined:
        return f"{defined.path}:{defined.line} defines another {name}Layer"
    foreign = [source.target for source in files if _is_foreign(host, source.target)]
    if foreign:
        return f"{foreign[0]} is there, and not ours"
    there = theirs.get(ours.name)
    why = difference(ours, there) if there else None
    if why:
        return f"{PROTO}:{line_of(host.proto, there.start)} has another {ours.name}: {why}"
    parameter = theirs[FREELY_NUMBERED].fields.get(f"{snake(name)}_param")
    if parameter and type_of(parameter) != ours.name:
        line = line_of(host.proto, parameter.start)
        return f"{PROTO}:{line} has a {parameter.name} that is a {type_of(parameter)}"
    return None


def _is_foreign(host, path):
    data = None if path in host.ours else host.tree.read(path)
    return data is not None and not is_marked(data)


def _left_alone(name, place, ours, theirs):
    lacks = [one for one in ours.fields if one not in theirs.fields]
    without = f", without {', '.join(lacks)}" if lacks else ""
    return f"{name}, registered by {place.path}{without}"


def _refuse(host, clashes):
    names = ["L2Normalize" if kind == "Normalize" else f"Amcaffe{kind}" for kind in clashes]
    renaming = " ".join(f"--as {kind}={name}" for kind, name in zip(clashes, names))
    leaving = " ".join(f"--without {kind}" for kind in clashes)
    raise TreeError(
        f"{host.tree.root} cannot take all our layers: {'; '.join(clashes.values())}",
        expected=f"no other {', '.join(clashes)}, or one with the same parameters",
        hint=f"nothing was changed; `{renaming}` installs ours under another type, "
        f"`{leaving}` leaves it out",
    )


def _take_option(found, host, layer, choices, ours, theirs):
    """Put the spans or the reason for none into the Selection. Returns: True where it is put in."""
    message = ours.get(layer.message)
    if message is None:
        return False
    if layer.name in choices.skip:
        found.leave.add(layer.message)
        found.out.append(f"{layer.what}, as asked")
        return False
    texts = [host.text(path) for path in layer.files]
    places = host.layers.registered.get(layer.type, ())
    outcome = fit(layer, texts, places, message, theirs.get(layer.message))
    if outcome.spans:
        found.spans.update(outcome.spans)
        return True
    found.leave.add(layer.message)
    if outcome.alone:
        found.alone.append(f"{layer.what}: {outcome.why}")
    else:
        instead = f" ({layer.instead})" if layer.instead else ""
        found.out.append(f"{layer.what}: {outcome.why}{instead}")
    return False


def _with_what_they_need(found, host, package, choices, chosen, headers, installed):
    """The chosen layers' files, their tests, what these share, and what no layer needs."""
    tests = [
        under_names(test.source, choices.renamed)
        for test in package.tests
        if test.about <= installed
    ]
    everywhere = {source.target for source in [*package.shared, *package.others, *chosen]}
    users = list(chosen)
    for group in [*([test] for test in tests), *_groups(package.others)]:
        lacking = {one: lacking_headers(host.tree, one, everywhere) for one in group}
        if any(lacking.values()):
            what = PYCAFFE if _folder(group[0]) == PYCAFFE else group[0].origin
            headers_lacking = sorted({path for paths in lacking.values() for path in paths})
            found.out.append(f"{what}: the tree has no {', '.join(headers_lacking)}")
        else:
            users += group
    sources = [*users, *needed(headers, users, package.shared)]
    _require_headers(host, sources, everywhere)
    _require_free_places(host, sources)
    return sources


def _groups(sources):
    """The files by what is of use only whole: the Python binding, or a single file."""
    groups = {}
    for source in sources:
        together = _folder(source) == PYCAFFE
        groups.setdefault(PYCAFFE if together else source.origin, []).append(source)
    return list(groups.values())


def _folder(source):
    return source.origin.rpartition("/")[0]


def _require_headers(host, sources, ours):
    """Refuse a tree that lacks a header which a file of ours includes."""
    lacking = {}
    for source in sources:
        for path in lacking_headers(host.tree, source, ours):
            lacking.setdefault(path, source.origin)
    if lacking:
        raise TreeError(
            f"{host.tree.root} lacks headers that our layers need",
            found="; ".join(f"no {path} (for {origin})" for path, origin in lacking.items()),
            expected="the header layout of Caffe since November 2015",
            hint="nothing was changed; `python -m amcaffe.fetch DEST` gets a current tree",
        )


def _require_free_places(host, sources):
    """No file of someone else's where ours go."""
    foreign = [source.target for source in sources if _is_foreign(host, source.target)]
    if foreign:
        raise TreeError(
            f"{host.tree.root}: files of these names exist and are not ours: {', '.join(foreign)}",
            expected="no such files, or ones with the first line `// installed by amcaffe`",
            hint="nothing was changed; move them out of the way first",
        )
