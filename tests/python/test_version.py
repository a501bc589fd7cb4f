"""The version, which python/amcaffe/__init__.py states."""

import re
from pathlib import Path

from amcaffe import __version__

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"


def test_the_changelogs_newest_version_is_this_one():
    titles = re.findall(r"^## (.+)$", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    newest = next(title for title in titles if title != "Unreleased")
    assert re.fullmatch(rf"{re.escape(__version__)} - \d{{4}}-\d\d-\d\d", newest), newest


def test_the_command_tells_it(step):
    done = step("__main__", "--version")
    assert done.returncode == 0 and done.stdout == f"{__version__}\n"
