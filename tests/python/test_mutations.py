"""tests/mutations.py: that its list fits the code and the tests there are."""

import importlib.util
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def mutations(monkeypatch):
    spec = importlib.util.spec_from_file_location("mutations", CHECKOUT / "tests/mutations.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "mutations", module)  # where dataclasses look
    spec.loader.exec_module(module)
    return module


def test_what_each_replaces_stands_once_in_its_file(mutations):
    for m in mutations.MUTATIONS:
        assert (CHECKOUT / m.file).read_text().count(m.old) == 1, m
        assert m.old != m.new and m.tests


def test_the_tests_that_are_to_notice_exist(mutations):
    for test in {test for m in mutations.MUTATIONS for test in m.tests}:
        path, name = test.split("::")
        assert f"def {name}(" in (CHECKOUT / path).read_text(), test


@pytest.mark.parametrize(
    "code, outcome, why",
    [
        ("assert 1 + 1 == 2", "passed", ""),
        ("assert 1 + 1 == 3", "failed", "assert (1 + 1) == 3"),
        ("import pytest; pytest.skip('no Caffe')", "skipped", "no Caffe"),
    ],
)
def test_a_test_that_was_skipped_has_noticed_nothing(mutations, tmp_path, code, outcome, why):
    (tmp_path / "test_it.py").write_text(f"def test_it():\n    {code}\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -ra\n")
    found = mutations.run_tests(tmp_path, ["test_it.py"])
    assert found[0] == outcome and why in found[1]
    assert mutations.run_tests(tmp_path, ["test_none.py"])[0] == "an error"
