"""A share of tests/fuzz_readers.py, the same in each run."""

import importlib.util
from pathlib import Path


def test_damaged_files_are_read_or_refused_with_a_message(tmp_path):
    path = Path(__file__).parents[2] / "fuzz_readers.py"
    spec = importlib.util.spec_from_file_location("fuzz_readers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    read, refused = module.run(2000, 1, tmp_path)
    assert read > 300 and refused > 300
