"""tests/cuda_emulation itself: that it runs kernels as CUDA would, and shows each kind of fault.

Compiles a few small kernels with it, without Caffe; `make test-cuda-emulation` runs the layers'.
"""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "cuda_emulation"
SHUFFLED = [f"shuffled:{seed}" for seed in range(3)]
ORDERS = ["forward", "reverse", *SHUFFLED, "forward deferred", "shuffled:0 deferred"]


def load_rewrite():
    specification = importlib.util.spec_from_file_location("rewrite", FOLDER / "rewrite.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


REWRITE = load_rewrite()


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """Runs one case of kernels.cu, under AddressSanitizer."""
    if not shutil.which("g++"):
        pytest.skip("no g++")
    folder = tmp_path_factory.mktemp("kernels")
    source = folder / "kernels.cpp"
    source.write_text(REWRITE.rewrite((FOLDER / "kernels.cu").read_text(), "kernels.cu"))
    program = folder / "kernels"
    command = [
        "g++",
        "-std=gnu++17",
        "-O1",
        "-g1",
        "-pthread",
        "-U_FORTIFY_SOURCE",
        "-fsanitize=address,alignment",
        "-fno-sanitize-recover=all",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-sign-compare",
        "-I",
        FOLDER / "include",
        "-I",
        FOLDER,
        source,
        FOLDER / "device.cpp",
        FOLDER / "execution.cpp",
        "-o",
        program,
    ]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr

    def run(case, order="forward"):
        variables = {**os.environ, "CUDA_EMULATION": order, "ASAN_OPTIONS": "detect_leaks=0"}
        return subprocess.run(
            [str(program), case], env=variables, capture_output=True, text=True, timeout=60
        )

    return run


def numbers(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("order", ORDERS)
def test_right_kernels_give_the_same_in_every_order(order, kernels):
    assert numbers(kernels("sum", order)) == ["2080", "6176"]
    assert numbers(kernels("asked memory", order)) == ["1176"]
    assert numbers(kernels("votes", order)) == ["1", "0", "0", "40"]
    assert numbers(kernels("warps", order)) == ["9", "14", "1", "1", "0", "93", "120", "496", "496"]


def test_a_missing_barrier_changes_the_sum_in_some_order(kernels):
    wrong = [
        order
        for order in ORDERS
        if numbers(kernels("sum without a barrier", order)) != ["2080", "6176"]
    ]
    assert "forward" in wrong and set(wrong) & set(SHUFFLED)


@pytest.mark.parametrize(
    "case, message",
    [
        ("early return", "of 64 threads 10 have returned, 54 wait in __syncthreads at kernels.cu:"),
        ("two barriers", "threads wait at different barriers"),
        ("lane that stays away", "1 wait in __syncthreads at kernels.cu:"),
        ("host memory", "argument 2: 0 bytes from "),
        ("freed memory", "not within one allocation of device memory"),
        ("copied too much", "cudaMemset: 16 bytes from "),
    ],
)
@pytest.mark.parametrize("order", ["forward", "shuffled:1"])
def test_a_fault_ends_the_run_with_a_sentence(case, message, order, kernels):
    done = kernels(case, order)
    assert done.returncode != 0
    assert "CUDA emulation: " in done.stderr and message in done.stderr


@pytest.mark.parametrize(
    "case, message",
    [
        ("read past the end", "READ of size 4"),
        ("write past the end", "WRITE of size 4"),
        ("too little asked memory", "heap-buffer-overflow"),
        ("host reads the device", "SEGV"),
    ],
)
def test_the_sanitizer_stops_at_a_wrong_address_and_names_the_line(case, message, kernels):
    done = kernels(case)
    assert done.returncode != 0
    assert message in done.stderr and "kernels.cu:" in done.stderr


def test_memory_that_nothing_wrote_is_no_number(kernels):
    assert [text.lstrip("-") for text in numbers(kernels("unwritten"))] == ["nan"] * 3


def test_orders_are_what_they_are_called(kernels):
    last = {order: numbers(kernels("order", order))[0] for order in ("forward", "reverse")}
    assert last == {"forward": "31", "reverse": "0"}
    shuffled = [numbers(kernels("order", f"shuffled:{seed}"))[0] for seed in range(4)]
    assert len(set(shuffled)) > 1
    assert shuffled == [numbers(kernels("order", f"shuffled:{seed}"))[0] for seed in range(4)]


def test_wrong_sizes_of_a_launch_are_its_error(kernels):
    assert numbers(kernels("threads")) == ["1", "1", "1"]


def test_deferred_work_is_done_when_the_host_waits(kernels):
    assert numbers(kernels("pinned", "forward")) == ["64", "64"]
    assert numbers(kernels("pinned", "forward deferred")) == ["0", "64"]


def test_an_unknown_order_is_refused(kernels):
    done = kernels("order", "backward")
    assert done.returncode != 0 and "'backward', but its words are forward," in done.stderr


@pytest.mark.parametrize(
    "launch, call",
    [
        ("K<<<1, 2>>>(x);", '::cuda_emulation::Launch("K", K, 1, 2)(x);'),
        ("a::K<T><<<f(n), 2>>>(x);", '::cuda_emulation::Launch("a::K<T>", a::K<T>, f(n), 2)(x);'),
        (
            "K<T, A<int> ><<<g, b,\n    s, t>>>(\n  x);",
            '::cuda_emulation::Launch("K<T, A<int> >", K<T, A<int> >, g, b,\n    s, t)(\n  x);',
        ),
        (
            "K<T>  // why\n  <<<1, 2>>>(x);",
            '::cuda_emulation::Launch("K<T>", K<T>,  // why\n   1, 2)(x);',
        ),
        (
            "name##_kernel<float><<<1, 2>>>( \\\n x);",
            '::cuda_emulation::Launch("name##_kernel<float>", name##_kernel<float>, 1, 2)'
            "( \\\n x);",
        ),
    ],
)
def test_a_launch_becomes_a_call_on_the_same_lines(launch, call):
    assert REWRITE.rewrite(launch, "x.cu") == f'#line 1 "x.cu"\n{call}'


@pytest.mark.parametrize(
    "text",
    [
        "(*kernel)<<<1, 2>>>();",
        "__shared__ int a, b;",
        "__shared__ int a = 1;",
    ],
)
def test_what_it_cannot_rewrite_is_refused(text):
    with pytest.raises(REWRITE.RewriteError, match="x.cu"):
        REWRITE.rewrite(text, "x.cu")
