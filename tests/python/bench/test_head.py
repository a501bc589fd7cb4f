"""benchmarks/head.py from the command line, on tiny shapes."""

import json
import signal

import pytest

from bench import gpu

FIELDS = {"device", "implementation", "batch", "dim", "classes", "forward_ms", "backward_ms",
          "total_ms", "peak_bytes"}  # fmt: skip
KILLED = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"


def figures(tmp_path):
    return json.loads((tmp_path / "out/head.json").read_text())


def test_figures_ratios_and_a_plot_are_written(patched_caffe, head, tmp_path):
    done = head("--shapes", "4x8x20", "3x5x7", "--rounds", "2",
                "--implementations", "chain", "products")  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = figures(tmp_path)
    kinds = [(r["implementation"], r["batch"], r["dim"], r["classes"]) for r in found]
    assert kinds == [("chain", 4, 8, 20), ("products", 4, 8, 20),
                     ("chain", 3, 5, 7), ("products", 3, 5, 7)]  # fmt: skip
    for record in found:
        assert set(record) == FIELDS
        assert record["device"] == "cpu"
        assert 0 < record["forward_ms"] and 0 < record["backward_ms"]
        assert record["total_ms"] >= max(record["forward_ms"], record["backward_ms"])
        assert isinstance(record["peak_bytes"], int) and record["peak_bytes"] >= 0
    assert done.stdout == (tmp_path / "out/head.md").read_text()
    assert done.stdout.count("| chain/products ") == 2
    assert "1 threads" in done.stdout and "a call of pycaffe" in done.stdout
    assert (tmp_path / "out/head.png").read_bytes().startswith(b"\x89PNG")


def test_the_fused_loss_is_measured_where_caffe_has_it(patched_caffe, head, tmp_path):
    done = head("--shapes", "4x8x20", "--rounds", "1",
                "--implementations", "fused", "sampled", "chain")  # fmt: skip
    measured = [record["implementation"] for record in figures(tmp_path)]
    if "MarginSoftmaxLoss" in patched_caffe.layer_type_list():
        assert measured == ["chain", "fused", "sampled"]
        assert "| fused/chain " in done.stdout and "| sampled/fused " in done.stdout
        assert "something else" not in done.stdout
    else:
        assert measured == ["chain"]
        assert "- fused: left out: this Caffe has no layer of type MarginSoft" in done.stdout


def test_a_missing_pytorch_is_left_out_with_what_brings_it(patched_caffe, head, tmp_path):
    done = head("--shapes", "4x8x20", "--rounds", "1", "--implementations", "torch", "products",
                modules={"torch": "raise ImportError('no torch here')"})  # fmt: skip
    assert done.returncode == 0
    assert "- torch: left out: PyTorch is not installed: make bench EXTRAS=torch" in done.stdout
    assert [record["implementation"] for record in figures(tmp_path)] == ["products"]


def test_implementations_that_die_are_told_of_and_the_others_are_measured(
    patched_caffe, head, tmp_path
):
    done = head("--shapes", "4x8x20", "--rounds", "1", "--implementations", "torch", "products",
                modules={"torch": KILLED})  # fmt: skip
    assert done.returncode == 0
    assert "- torch: killed, as the kernel does where memory runs out" in done.stdout
    assert [record["implementation"] for record in figures(tmp_path)] == ["products"]


def test_without_any_figure_there_is_still_the_reason(head, tmp_path):
    done = head("--shapes", "4x8x20", "--implementations", "chain",
                modules={"caffe": "raise ImportError('not built')"})  # fmt: skip
    assert done.returncode == 0
    assert "- chain: left out: `import caffe` failed in this Python: not built" in done.stdout
    assert figures(tmp_path) == []


def test_an_interrupted_run_keeps_what_it_measured(patched_caffe, head, tmp_path):
    process = head("--shapes", "4x8x20", "64x64x30000", "--rounds", "3",
                   "--implementations", "chain", wait=False)  # fmt: skip
    for line in process.stderr:
        if line.startswith("4x8x20 cpu chain: "):
            break
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert [record["classes"] for record in figures(tmp_path)] == [20]
    assert "| chain |" in output


def test_a_gpu_that_is_not_there_leaves_all_out(patched_caffe, head, tmp_path):
    if gpu.name():
        pytest.skip("there is a GPU")
    done = head("--shapes", "4x8x20", "--devices", "gpu",
                "--implementations", "chain", "products")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert figures(tmp_path) == []
    assert done.stdout.count(": left out: ") == 2


@pytest.mark.parametrize("shape", ["4x8", "0x8x20", "4x8x1", "4x8xmany"])
def test_a_shape_that_is_none_is_refused(head, shape):
    done = head("--shapes", shape)
    assert done.returncode == 2
    assert "--shapes" in done.stderr
