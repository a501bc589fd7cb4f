"""The layout of python/amcaffe, held: floors, the direction of imports, one name for one thing."""

import ast
from collections import Counter, defaultdict
from pathlib import Path

import amcaffe
from amcaffe.__main__ import STEPS

PACKAGE = Path(amcaffe.__file__).parent
GROUND = {"errors", "cli", "progress"}
# A room may import from the rooms of lower floors, and from itself.
FLOORS = (GROUND, {"host", "data"}, {"nets", "protocols", "report"}, {*STEPS, "setup"})
TOP = {"__init__", "__main__", "_core"}  # what belongs to no room
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def modules():
    """{path from the package: its syntax tree} of every module."""
    return {
        path.relative_to(PACKAGE): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
        if "_data" not in path.parts
    }


def room_of(path):
    return path.parts[0].removesuffix(".py")


def imported(tree):
    """(line, room) of each import from this package, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name the whole path"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for parts in (name.split(".") for name in names):
            if parts[0] == "amcaffe" and len(parts) > 1:
                yield node.lineno, parts[1]


def test_every_module_is_in_a_room_and_every_room_on_a_floor():
    rooms = {room_of(path) for path in modules()} - TOP
    assert rooms == set(LEVEL)
    loose = {path.stem for path in modules() if len(path.parts) == 1}
    assert loose == GROUND | {"__init__", "__main__"}


def test_imports_go_down_and_steps_do_not_import_one_another():
    wrong = []
    for path, tree in modules().items():
        room = room_of(path)
        if room in TOP:
            continue
        for line, other in imported(tree):
            if other in TOP or other == "__version__" or other == room:
                continue
            if room in GROUND and other in GROUND:  # cli reports what errors defines
                continue
            if LEVEL[other] >= LEVEL[room]:
                wrong.append(f"{path}:{line}: {room} imports {other}")
    assert not wrong, "\n".join(wrong)


def test_the_direction_is_seen_in_every_form_of_an_import():
    code = "import amcaffe.train.training\ndef f():\n    from amcaffe import build\n"
    assert list(imported(ast.parse(code))) == [(1, "train"), (3, "build")]


def test_no_circles_among_modules():
    inside = {
        ".".join(("amcaffe", *path.with_suffix("").parts)): tree for path, tree in modules().items()
    }
    names = {name.removesuffix(".__init__"): name for name in inside}
    edges = defaultdict(set)
    for name, tree in inside.items():
        for node in tree.body:  # an import inside a function runs later
            if isinstance(node, ast.ImportFrom) and node.module.startswith("amcaffe"):
                for alias in node.names:
                    target = f"{node.module}.{alias.name}"
                    edges[name].add(names.get(target) or names[node.module])

    done, path = set(), []

    def visit(name):
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name in done:
            return
        path.append(name)
        for other in edges[name]:
            if not (other.endswith("__init__") and name.startswith(other.removesuffix("__init__"))):
                visit(other)
        path.pop()
        done.add(name)

    for name in inside:
        visit(name)


def test_no_two_modules_or_rooms_share_a_name():
    stems = [path.stem for path in modules() if not path.stem.startswith("__")]
    rooms = [path.parent.name for path in modules() if path.stem == "__init__"]
    shared = [name for name, count in Counter(stems + rooms).items() if count > 1]
    assert not shared, shared
