"""`import caffe` finds the built pycaffe, or says what it found."""

import subprocess
import sys

import pytest

from conftest import step_environment


@pytest.mark.parametrize("init", [None, "", "raise ImportError('no _caffe')\n"])
def test_a_folder_named_caffe_is_not_taken_for_pycaffe(tmp_path, init):
    (tmp_path / "caffe").mkdir()
    if init is not None:
        (tmp_path / "caffe/__init__.py").write_text(init)
    environment = step_environment()
    environment["PYTHONPATH"] = environment["PYTHONPATH"].split(":")[0]  # without pycaffe's
    command = "from amcaffe import cli; from amcaffe.host.pycaffe import import_caffe\n"
    command += "raise SystemExit(cli.run('train', lambda argv: import_caffe()))"
    done = subprocess.run(
        [sys.executable, "-c", command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 5, done.stderr
    assert "Traceback" not in done.stderr and "`import caffe`" in done.stderr
    assert "no _caffe" in done.stderr or str(tmp_path / "caffe") in done.stderr
