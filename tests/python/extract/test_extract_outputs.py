"""Two extractions in one place, full disks, links, and lists under the names of the output."""

import json
import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from amcaffe.data.features import load_features
from amcaffe.errors import InputError
from amcaffe.extract.partial import Partial
from conftest import step_environment
from extract.test_extract import Extraction

pytestmark = pytest.mark.usefixtures("stock_caffe")
NAMES = {
    "list_": "train.txt",
    "out": "out",
    "net": "deploy.prototxt",
    "weights": "weights.caffemodel",
    "root": "img",
}


@pytest.fixture
def extraction(tmp_path):
    return Extraction(tmp_path)


def many(extraction, count=3000):
    names = [f"link{number}.png" for number in range(count)]
    for number, name in enumerate(names):
        os.link(extraction.folder / f"img/{number % 60}.png", extraction.folder / "img" / name)
    (extraction.folder / "many.txt").write_text("".join(f"{name} 0\n" for name in names))
    (extraction.folder / "turned.txt").write_text("".join(f"{name} 0\n" for name in names[::-1]))


def test_a_second_extraction_is_refused_and_a_killed_one_goes_on(extraction):
    many(extraction)
    running = subprocess.Popen(
        extraction.command("--batch", 1, **{**NAMES, "list_": "many.txt"}),
        cwd=extraction.folder,
        env=step_environment(),
        stderr=subprocess.DEVNULL,
    )
    while not (extraction.folder / "out.partial.json").exists():
        assert running.poll() is None
        time.sleep(0.02)
    second = extraction.run(list_="turned.txt")
    assert second.returncode == 2 and "another run is writing out" in second.stderr
    assert f"amcaffe extract, process {running.pid} on " in second.stderr
    assert running.poll() is None, "the first had ended: more images are needed"
    running.send_signal(signal.SIGKILL)
    running.wait()
    found = extraction.features(list_="many.txt")
    straight = extraction.features(list_="many.txt", out="straight")
    assert found.paths == straight.paths
    np.testing.assert_allclose(found.matrix, straight.matrix, atol=1e-6)
    assert not extraction.leftovers() and not list(extraction.folder.glob(".out*"))


@pytest.mark.parametrize("out", ["lists", "hard"])
def test_the_list_is_not_overwritten(extraction, out):
    text = (extraction.folder / "train.txt").read_text()
    (extraction.folder / "lists.txt").write_text(text)
    os.link(extraction.folder / "lists.txt", extraction.folder / "hard.txt")
    done = extraction.run(list_="lists.txt", out=out)
    assert done.returncode == 2 and f"{out}.txt would be written over" in done.stderr
    assert (extraction.folder / "lists.txt").read_text() == text


def test_what_no_extraction_wrote_is_not_overwritten(extraction):
    for name in ("out.txt", "out.npy", "out.json"):
        (extraction.folder / name).write_text('{"mine": 1}')
        done = extraction.run()
        assert done.returncode == 2
        assert f"{name} is there, and no extraction wrote it" in done.stderr
        assert (extraction.folder / name).read_text() == '{"mine": 1}'
        (extraction.folder / name).unlink()
    extraction.features()
    extraction.features()  # its own are replaced


def test_links_in_place_of_the_files_are_not_followed(extraction):
    extraction.features()
    precious = extraction.folder / "precious"
    for suffix in ("npy", "txt", "unreadable.txt", "partial.json"):
        precious.write_text("precious")
        link = extraction.folder / f"out.{suffix}"
        link.unlink(missing_ok=True)
        link.symlink_to("precious")
    (extraction.folder / "img/8.png").write_bytes(b"")  # for unreadable.txt
    assert len(extraction.features().matrix) == 59
    assert precious.read_text() == "precious"
    for suffix in ("partial.npy", "caffe.log"):
        link = extraction.folder / f"out.{suffix}"
        link.symlink_to("precious")
        done = extraction.run()
        assert done.returncode == 2 and f"out.{suffix}: it is a link" in done.stderr
        link.unlink()
    assert precious.read_text() == "precious"


def test_a_disk_without_room_is_told_and_keeps_the_old_features(extraction):
    many(extraction)
    before = extraction.features(list_="train.txt").matrix
    done = subprocess.run(
        extraction.command(**{**NAMES, "list_": "many.txt"}),
        cwd=extraction.folder,
        env=step_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (90000, 90000)),
    )
    assert done.returncode == 2, done.stderr
    assert "cannot write out.partial.npy" in done.stderr and "96,128 bytes" in done.stderr
    assert (load_features(extraction.folder / "out").matrix == before).all()
    assert extraction.leftovers() == []


def test_on_a_real_disk_of_3_mb_the_process_lives_on(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk])
    if mounted.returncode:
        pytest.skip("this user may not mount a tmpfs")
    try:
        with pytest.raises(InputError, match="partial.npy: No space left") as caught:
            Partial(disk / "out", (2000, 512), "signature")
        assert caught.value.expected == "4,096,128 bytes"
        assert not list(disk.iterdir())
        partial = Partial(disk / "out", (2000, 256), "signature")
        partial.matrix[:] = 1
        partial.save()
        partial.remove()
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.parametrize(
    "state",
    [{"done": 9}, {"done": -1}, {"unreadable": {"7": "no"}}, {"unreadable": {"-1": "no"}}],
)
def test_a_state_that_cannot_be_is_not_gone_on_with(tmp_path, state):
    first = Partial(tmp_path / "out", (8, 2), "signature")
    first.done = 4
    first.save()
    path = tmp_path / "out.partial.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **state}))
    assert Partial(tmp_path / "out", (8, 2), "signature").done == 0


def test_killed_before_any_write_and_gone_on_with_the_files_are_the_same(extraction):
    for number in (3, 33, 58):
        (extraction.folder / f"img/{number}.png").write_bytes(b"")
    options = ("--batch", 20, "--max-bad", 0.05)
    extraction.features("--mirror", "none", out="old")
    straight = extraction.features(*options, out="straight")
    program = Path(__file__).with_name("killed_writes.py")
    command = extraction.command(*options, **NAMES)
    done = subprocess.run(
        [command[0], program, command[2], *command[4:]],
        cwd=extraction.folder,
        env=step_environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    times = int(re.search(r"killed (\d+) times", done.stdout)[1])
    assert times > 20  # a state a batch, and a set of four files over one of three
    for number in range(1, times + 2):
        for suffix in ("npy", "txt", "unreadable.txt"):
            found = (extraction.folder / f"out{number}.{suffix}").read_bytes()
            assert found == (extraction.folder / f"straight.{suffix}").read_bytes()
    assert len(straight.matrix) == 57
    assert not list(extraction.folder.glob(".*")) and not list(
        extraction.folder.glob("*.partial.*")
    )
