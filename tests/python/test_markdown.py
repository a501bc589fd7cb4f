"""README, CONTRIBUTING, CHANGELOG and docs/: one page, links that lead somewhere, commands that are
there, and what the code states elsewhere too."""

import contextlib
import importlib
import io
import re
from functools import cache
from pathlib import Path

import pytest

from amcaffe import cli, errors
from amcaffe.__main__ import STEPS
from amcaffe.install.status import EXIT_STATUS
from our_layers import OUR_LAYERS

ROOT = Path(__file__).parents[2]
TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES = sorted((ROOT / "docs").glob("*.md"))
SUBJECTS = [page for page in PAGES if page.name != "README.md"]
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
NUMBER = re.compile(r"\d+(?:[.,]\d+)*(?:e-?\d+)?")


def name_of(path):
    return str(path.relative_to(ROOT))


def text_of(path):
    return path.read_text(encoding="utf-8")


def links_of(path):
    """Targets of a page's links and pictures, those within code left out."""
    text = CODE.sub("", text_of(path))
    return re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)


def anchors_of(path):
    """The names that GitHub gives a page's headings."""
    without_code = re.sub(r"```.*?```", "", text_of(path), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", without_code, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def tables_of(path):
    """A page's tables, in their order, each a list of rows of cells, header and rule left out."""
    tables, inside = [], False
    for line in text_of(path).splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        if not inside:
            tables.append([])
        inside = True
        tables[-1].append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return [rows[2:] for rows in tables]


def code_of(path):
    """A page's code as lines of a shell, blocks and spans alike, continued lines joined."""
    for code in CODE.findall(text_of(path)):
        inner = code.split("\n", 1)[1] if code.startswith("```") else code
        inner = inner.replace("python python/extract_features.py", "python -m amcaffe.extract")
        yield from inner.strip("`").replace("\\\n", " ").splitlines()


def test_the_readme_is_one_page():
    lines = text_of(ROOT / "README.md").splitlines()
    assert len(lines) <= 110
    assert [line for line in lines if len(line) > 140] == []


@pytest.mark.parametrize("page", [*TOP, *PAGES], ids=name_of)
def test_links_lead_to_files_and_headings(page):
    broken = []
    for link in links_of(page):
        if re.match(r"https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        # A checkout's file, not one that happens to lie beside it.
        if ROOT not in target.parents or not target.exists():
            broken.append(link)
        elif anchor and anchor not in anchors_of(target):
            broken.append(link)
    assert not broken, broken


@pytest.mark.parametrize("index", [ROOT / "README.md", ROOT / "docs/README.md"], ids=name_of)
def test_every_page_is_reached_by_its_title(index):
    linked = re.findall(r"\[([^\]]+)\]\((?:docs/)?([\w-]+\.md)\)", text_of(index))
    for page in SUBJECTS:
        title = text_of(page).split("\n", 1)[0].removeprefix("# ")
        assert (title, page.name) in linked, f"{index} does not link {page.name} as {title!r}"


def test_pages_that_are_named_without_a_link_are_there():
    folders = (ROOT / "python", ROOT / "benchmarks")
    files = [*TOP, *PAGES, *(path for folder in folders for path in folder.rglob("*.py"))]
    named = {name for path in files for name in re.findall(r"\bdocs/([\w-]+\.md)", text_of(path))}
    assert named <= {page.name for page in PAGES}


@cache
def help_of(step, subject):
    """What `amcaffe STEP [SUBJECT] --help` prints."""
    main = importlib.import_module(f"amcaffe.{step}").main
    with contextlib.redirect_stdout(io.StringIO()) as told, pytest.raises(SystemExit):
        main([*subject, "--help"])
    return told.getvalue()


@pytest.mark.parametrize("page", [*TOP[:2], *PAGES], ids=name_of)
def test_commands_name_steps_options_targets_and_files_that_are_there(page):
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    wrong = []
    for line in code_of(page):
        for step, rest in re.findall(r"python -m amcaffe\.([a-z]\w*)([^#&|;)]*)", line):
            if step not in STEPS:
                wrong.append(line)
                continue
            words = rest.split()
            told = help_of(step, tuple(word for word in words[:1] if word[0] not in "-$"))
            options = [word for word in words if word.startswith("--")]
            wrong += [f"{step} {o}" for o in options if not re.search(rf"{o}(?![\w-])", told)]
        wrong += [t for t in re.findall(r"\bmake (?:-s )?([a-z-]+)", line) if t not in targets]
        scripts = re.findall(r"\b((?:python|tests|benchmarks|\.ci)/[\w/.-]+\.(?:py|sh))\b", line)
        wrong += [script for script in scripts if not (ROOT / script).is_file()]
    assert not wrong, wrong


def test_the_readmes_figures_are_those_of_the_pages():
    figures = [row for table in tables_of(ROOT / "README.md") for row in table if len(row) == 3]
    assert len(figures) > 4
    for what, figure, link in figures:
        page = ROOT / re.search(r"\(([^)]+)\)", link)[1]
        missing = set(NUMBER.findall(figure)) - set(NUMBER.findall(text_of(page)))
        assert not missing, f"{what}: {page.name} has no {missing}"


def test_the_exit_codes_are_those_of_the_code():
    every, single = tables_of(ROOT / "docs/exit-codes.md")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    raised = {kind.exit_status for kind in kinds}
    assert {int(code) for code, _ in every} == raised | {0, cli.INTERRUPTED, cli.NO_READER}
    step, codes = None, {}
    for name, code, meaning in single:
        step = name or step
        codes.setdefault(step, {})[meaning] = code
    told = codes["`install --check`"]
    assert {name: told[name] for name in EXIT_STATUS} == {
        name: str(code) for name, code in EXIT_STATUS.items()
    }


def test_every_layer_has_its_row():
    (table,) = tables_of(ROOT / "docs/layers.md")
    # Of the host's own layers, those that get options of ours.
    assert {row[0].strip("`") for row in table} == OUR_LAYERS | {"InnerProduct", "Scale"}
