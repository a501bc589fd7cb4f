"""benchmarks/iteration.py on a batch of one image."""

import json


def test_an_iteration_with_the_solvers_update_is_measured(patched_caffe, benchmark_run, tmp_path):
    done = benchmark_run("iteration", "--shapes", "1x8x20", "--implementations", "chain")
    assert done.returncode == 0, done.stderr
    (record,) = json.loads((tmp_path / "out/iteration.json").read_text())
    assert record["implementation"] == "chain" and record["classes"] == 20
    # Of weights, gradients and momentum: 20 convolutions' 4 MB each on average.
    assert record["peak_bytes"] > 100e6
    assert done.stdout == (tmp_path / "out/iteration.md").read_text()
