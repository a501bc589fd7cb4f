"""benchmarks/device_pack.py and device.sh: what is packed, and what is said of what ran."""

import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from amcaffe.bundle.selftest import GPU_TESTS
from amcaffe.errors import BuildError, InputError
from device import contents, links, parts, run
from device.parts import Part, Result
from device.table import MOST_LINES, table

DEVICE_SH = Path(__file__).parents[3] / "benchmarks/device.sh"
GTEST = """\
[==========] Running 4 tests from 2 test cases.
[ RUN      ] GPUTest/0.TestForward
[       OK ] GPUTest/0.TestForward (3 ms)
[ RUN      ] GPUTest/0.TestBackward
x.cpp:1: Failure
[  FAILED  ] GPUTest/0.TestBackward, where TypeParam = float (2 ms)
[ RUN      ] GPUTest/1.TestForward
[       OK ] GPUTest/1.TestForward (3 ms)
"""
END = """\
[==========] 3 tests from 2 test cases ran. (8 ms total)
[  PASSED  ] 2 tests.
[  FAILED  ] 1 test, listed below:
[  FAILED  ] GPUTest/0.TestBackward, where TypeParam = float

 1 FAILED TEST
"""


def test_a_machines_own_libraries_and_the_systems_are_not_packed(tmp_path):
    found = contents.Contents()
    packed = ["libcaffe.so.1.0.0", "libcudart.so.13", "libglog.so.1", "libgfortran.so.5"]
    theirs = ["libcublas.so.13", "libcudnn.so.9", "libcurand.so.10", "libnccl.so.2"]
    systems = ["libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "libcuda.so.1"]
    names = [*packed, *theirs, "libcublasLt.so.13", *systems]
    for _ in range(2):  # of two programs
        contents.add_libraries(found, {name: tmp_path / name for name in names})
    assert found.files == {f"lib/{name}": tmp_path / name for name in packed}
    assert found.needed == [*theirs, "libcublasLt.so.13"]
    contents.add_libraries(found, {"libcudnn.so.9": None, "libc.so.6": None})
    with pytest.raises(BuildError, match="libglog.so.1"):
        contents.add_libraries(found, {"libglog.so.1": None})


def test_of_pycaffe_one_pythons_module_is_packed(tmp_path):
    folder = tmp_path / "python/caffe"
    files = ["__init__.py", "_caffe.so", "_caffe.cpython-39-x.so", "_caffe.cpython-312-x.so",
             "_caffe.cpp", "proto/caffe_pb2.py", "test/test_net.py", "mean.npy"]  # fmt: skip
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    found = contents.Contents()
    contents.add_pycaffe(found, tmp_path, ".cpython-312-x.so")
    assert set(found.files) == {
        f"pycaffe/caffe/{name}"
        for name in ("__init__.py", "_caffe.cpython-312-x.so", "proto/caffe_pb2.py")
    }
    with pytest.raises(BuildError, match="not built for that Python"):
        contents.add_pycaffe(found, tmp_path, ".cpython-313-x.so")


@pytest.mark.parametrize("place", ["bin/caffe", "lib/libcaffe.so", "pycaffe/caffe/_caffe.x.so"])
def test_run_paths_lead_to_the_packs_libraries_and_to_the_links(place, tmp_path):
    for path in (
        contents.run_path(place).replace("$ORIGIN", str(tmp_path / place / "..")).split(":")
    ):
        relative = os.path.relpath(os.path.normpath(path), tmp_path)
        assert relative in (contents.LIBRARIES, links.THEIRS)


def test_our_test_cases_are_read_from_their_sources():
    sources = [
        "TYPED_TEST(FlipLayerTest, TestA) {\n}\nTYPED_TEST(FlipLayerTest, TestB) {\n}\n",
        "TEST(FatalErrorTest, A) {\nTEST_F(CudnnChoiceTest,\n       B) {\n  // TEST(Not, One)\n",
    ]
    assert contents.test_cases(sources) == ["FlipLayerTest", "FatalErrorTest", "CudnnChoiceTest"]


def test_a_pack_over_the_limit_is_refused_with_its_size():
    from device_pack import require_size

    require_size(62 << 20, 62 << 20)
    with pytest.raises(InputError, match=r"63\.0 MiB") as raised:
        require_size(63 << 20, 62 << 20)
    assert "62 MiB" in str(raised.value)


def test_links_are_made_of_what_is_needed_and_of_what_it_loads(tmp_path):
    for name in ("a/libcudnn.so.9", "a/libcudnn_ops.so.9", "a/libcudart.so.13", "a/libc.so.6",
                 "b/libcudnn.so.9", "b/libnccl.so.2"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    places = [tmp_path / "absent", tmp_path / "a", tmp_path / "b"]
    needed = ["libcudnn.so.9", "libnccl.so.2", "libcublas.so.13"]
    found, missing = links.link(needed, tmp_path / "theirs", places)
    assert missing == ["libcublas.so.13"]
    assert found == {"libcudnn.so.9": tmp_path / "a/libcudnn.so.9",
                     "libnccl.so.2": tmp_path / "b/libnccl.so.2"}  # fmt: skip
    made = {path.name: path.read_text() for path in (tmp_path / "theirs").iterdir()}
    assert made == {"libcudnn.so.9": "a/libcudnn.so.9", "libcudnn_ops.so.9": "a/libcudnn_ops.so.9",
                    "libnccl.so.2": "b/libnccl.so.2"}  # fmt: skip


def test_pytorchs_libraries_come_before_the_systems(tmp_path):
    wheel, system, home = (tmp_path / name for name in ("nvidia/cudnn/lib", "system", "cuda/lib64"))
    for folder in (wheel, system, home):
        folder.mkdir(parents=True)
    variables = {"LD_LIBRARY_PATH": f"{system}:/nowhere", "CUDA_HOME": str(tmp_path / "cuda")}
    assert links.folders(variables, [str(tmp_path)])[:3] == [wheel, system, home]


@pytest.fixture
def part(tmp_path):
    """Run a Part of this Python's code, and return its Result."""

    def result(code, seconds=30, left=60, figure=parts.benchmark, **options):
        command = [sys.executable, "-c", code]
        asked = Part("part", "part.log", command, seconds, figure, **options)
        return parts.run(asked, tmp_path, time.monotonic() + left)

    return result


def test_a_part_that_ends_well_is_ok_and_its_log_is_kept(part, tmp_path):
    result = part("print('said')", figure=str.strip, folder=tmp_path)
    assert (result.state, result.figure) == ("ok", "said")
    part("print('more')")
    assert [line for line in (tmp_path / "part.log").read_text().splitlines()
            if not line.startswith("$")] == ["said", "more"]  # fmt: skip


def test_a_part_that_fails_says_how(part):
    assert part("import sys; print('a'); sys.exit('the reason')").figure == "status 1: the reason"
    killed = part("import os; os.kill(os.getpid(), 11)")
    assert (killed.state, killed.figure) == ("failed", "SIGSEGV, without a word")


def test_a_part_that_cannot_run_says_why(part):
    skipped = part("", reason="no GPU")
    assert (skipped.state, skipped.figure) == ("skipped", "no GPU")
    assert (part("", left=3).state, part("", left=3).figure) == (
        "skipped",
        "no time was left for it",
    )
    misfit = part("", fault="another Python")
    assert (misfit.state, misfit.figure) == ("failed", "another Python")


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(parts, "GRACE_SECONDS", 3)
    monkeypatch.setattr(parts, "LEAST_SECONDS", 0.1)


def test_a_part_is_stopped_at_its_limit_with_all_that_it_started(part, short, tmp_path):
    code = f"""
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path({str(tmp_path / "child")!r}).write_text(str(child.pid))
print("begun", flush=True)
time.sleep(60)
"""
    result = part(code, seconds=2, figure=lambda text: text.splitlines()[0])
    assert (result.state, result.figure) == ("timed out", "begun; stopped after 2 s")
    assert result.seconds < 6
    with pytest.raises(ProcessLookupError):
        for _ in range(50):
            os.kill(int((tmp_path / "child").read_text()), 0)
            time.sleep(0.1)


def test_a_benchmark_that_is_stopped_may_write_what_it_has(part, short):
    code = "import time\ntry:\n  time.sleep(60)\nexcept KeyboardInterrupt:\n  print('kept')"
    assert part(code, seconds=1, figure=str.strip).figure == "kept; stopped after 1 s"


@pytest.mark.parametrize("said, state", [("[       OK ] A.B (1 ms)", "ok"),
                                         ("[  FAILED  ] A.B (1 ms)", "timed out")])  # fmt: skip
def test_as_far_as_the_time_allows_is_no_failure(part, short, said, state):
    code = f"import time; print({said!r}, flush=True); time.sleep(60)"
    result = part(code, seconds=1, figure=parts.gtests, cut=True)
    assert (result.state, "stopped after 1 s" in result.figure) == (state, True)


def test_what_gtest_came_to_is_told_also_where_it_was_stopped():
    assert parts.gtests(GTEST + END) == "2 passed, 1 failed: GPUTest/0.TestBackward"
    stopped = GTEST + "[ RUN      ] GPUTest/1.TestBackward\n"
    assert parts.gtests(stopped).endswith(", in GPUTest/1.TestBackward")
    assert parts.gtests("error while loading shared libraries: x") == ""


def test_what_a_benchmark_left_out_is_told():
    text = "| fused | 0.4 |\n\n- torch: left out: no\n- chain: died\n\n- torch: left out: no\n"
    assert parts.benchmark(text) == "without torch, chain: the log says why"
    assert parts.benchmark("| fused | 0.4 |\n") == ""


def test_what_a_sanitizer_came_to_is_told():
    memcheck = "========= COMPUTE-SANITIZER\n========= ERROR SUMMARY: 0 errors\n"
    assert parts.sanitizer(memcheck + GTEST + END).startswith("0 errors, 2 passed")
    racecheck = "========= RACECHECK SUMMARY: 1 hazard displayed (1 error, 0 warnings)\n"
    assert parts.sanitizer(racecheck) == "1 hazard displayed (1 error, 0 warnings)"


def test_the_tests_fall_into_halves_without_a_test_in_two():
    found = run.filters(["FlipLayerTest", "GPULabelCheckTest"], GPU_TESTS)
    assert found["CPU"].startswith("FlipLayerTest.*:FlipLayerTest/*:GPULabelCheckTest.*")
    assert found["CPU"].endswith(f"-{GPU_TESTS}")
    assert found["GPU"].split(":") == [
        "FlipLayerTest*.*GPU*", "FlipLayerTest/2.*", "FlipLayerTest/3.*",
        "GPULabelCheckTest.*", "GPULabelCheckTest/*",
    ]  # fmt: skip
    assert found["others' GPU"].partition("-")[2].split(":")[-1] == "CuDNN*"


MANIFEST = {
    "python": f"{sys.version_info.major}.{sys.version_info.minor}",
    "tests": "tests/test.testbin",
    "GPU tests": GPU_TESTS,
    "our test cases": ["FlipLayerTest"],
    "needed": [],
}


def test_without_a_gpu_only_the_cpus_parts_run():
    planned = run.plan(Path("/pack"), MANIFEST, run.misfit(MANIFEST, []), run.no_gpu(None))
    assert [part.name for part in planned if not part.reason] == ["import caffe", "our tests, CPU"]
    assert {part.reason for part in planned} == {"", "no GPU"}
    assert not any(part.fault for part in planned)


def test_with_a_gpu_its_own_parts_run():
    planned = run.plan(Path("/pack"), MANIFEST, "", "")
    skipped = {part.name: part.reason for part in planned if part.reason}
    sanitizers = {f"{tool} of {run.KERNELS}" for tool in ("memcheck", "racecheck")}
    assert {"our tests, CPU"} <= set(skipped) <= {"our tests, CPU"} | sanitizers
    ours = next(part for part in planned if part.name == "our tests, GPU")
    assert ours.command[-1] == "--gtest_death_test_style=threadsafe"


def test_what_runs_there_needs_no_package_but_pythons_own(tmp_path):
    code = "import device.run, sys; assert not {'amcaffe', 'numpy', 'tqdm'} & set(sys.modules)"
    path = {"PYTHONPATH": str(DEVICE_SH.parent)}
    subprocess.run([sys.executable, "-S", "-c", code], check=True, env=path, cwd=tmp_path)


def test_a_pack_for_another_machine_fails_with_the_reason():
    for words, misfit in (
        ("libcudnn.so.9 not found", run.misfit(MANIFEST, ["libcudnn.so.9"])),
        ("pycaffe is for 3.1", run.misfit({**MANIFEST, "python": "3.1"}, [])),
    ):
        first, *others = run.plan(Path("/pack"), MANIFEST, misfit, run.no_gpu("a GPU"))
        assert words in first.fault
        assert all(part.reason == "import caffe is not possible" for part in others)


def record(implementation, total, classes=10516):
    return {"implementation": implementation, "batch": 256, "dim": 512, "classes": classes,
            "total_ms": total}  # fmt: skip


def test_the_table_has_the_machine_each_part_and_a_line_a_shape():
    results = [
        Result("import caffe", "ok", 2.2, "caffe 1.0.0"),
        Result("racecheck", "skipped", 0, "no GPU"),
        Result("head", "failed", 70, ""),
    ]
    figures = {
        "head": [record("fused", 0.4412), record("torch", 0.99), record("fused", 2.5, 100000)]
    }
    assert table([("GPU", "H100")], results, figures) == [
        "GPU: H100",
        "import caffe  ok            2 s  caffe 1.0.0",
        "racecheck     skipped       0 s  no GPU",
        "head          FAILED       70 s  ",
        "head 256x512x10516, ms: fused 0.4412, torch 0.99",
        "head 256x512x100000, ms: fused 2.5",
        "1 ok, 1 FAILED, 1 skipped",
    ]


def test_the_table_stays_short_and_says_what_it_left_out():
    results = [Result(f"part {number}", "ok", 0, "") for number in range(50)]
    lines = table([], results, {})
    assert len(lines) == MOST_LINES
    assert lines[-2:] == ["and 12 lines that are in the logs", "50 ok"]
    assert len(table([], results[:39], {})) == MOST_LINES
    assert table([], results[:39], {})[-2].startswith("part 38")


def device_sh(*arguments, **variables):
    return subprocess.run(
        ["bash", str(DEVICE_SH), *map(str, arguments)], capture_output=True, text=True,
        timeout=60, env={**os.environ, "DEVICE_PYTHON": sys.executable, **variables},
    )  # fmt: skip


def test_an_archive_that_is_none_is_refused(tmp_path):
    (tmp_path / "pack").write_text("no archive")
    assert "one argument" in device_sh(OUT=str(tmp_path / "out")).stderr
    assert "there is no such archive" in device_sh(tmp_path / "x", OUT=str(tmp_path / "out")).stderr
    done = device_sh(tmp_path / "pack", OUT=str(tmp_path / "out"))
    assert (done.returncode, "cannot be unpacked" in done.stderr) == (2, True)


def test_a_pack_is_unpacked_run_and_removed(tmp_path):
    for path in (DEVICE_SH.parent).rglob("*.py"):
        place = tmp_path / "pack/benchmarks" / path.relative_to(DEVICE_SH.parent)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    (tmp_path / "pack/python").symlink_to(DEVICE_SH.parents[1] / "python")
    manifest = {**MANIFEST, "needed": ["libabsent.so.1"], "cuda": "13.5", "architectures": "90"}
    (tmp_path / "pack/manifest.json").write_text(json.dumps(manifest))
    with tarfile.open(tmp_path / "pack.tar.xz", "w:xz", dereference=True) as tar:
        tar.add(tmp_path / "pack", ".")
    (tmp_path / "tmp").mkdir()
    done = device_sh(
        tmp_path / "pack.tar.xz", OUT=str(tmp_path / "out"), TMPDIR=str(tmp_path / "tmp")
    )
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert any("FAILED" in line and "libabsent.so.1 not found" in line for line in lines)
    assert lines[-1].startswith("1 FAILED, ")
    assert (tmp_path / "out/table.txt").read_text().splitlines()[-1] == lines[-1]
    assert not list((tmp_path / "tmp").iterdir())
