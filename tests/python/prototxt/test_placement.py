"""What is rendered into a folder never takes the place of something else unasked."""

import os
import shutil
from pathlib import Path

import pytest

from amcaffe import cli
from amcaffe.errors import InputError
from amcaffe.prototxt import main

ROOT = Path(__file__).parents[3]
NAMES = ["face_solver.prototxt", "face_train_test.prototxt", "face_deploy.prototxt"]


@pytest.fixture
def render(tmp_path, monkeypatch, capsys):
    """Run the step where prototxt/ lies; returns the lines that it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        main([*words])
        return capsys.readouterr().out.splitlines()

    return run


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


@pytest.fixture
def committed(tmp_path):
    """The files of this checkout, in the folder that is rendered to by default."""
    shutil.copytree(ROOT / "prototxt", tmp_path / "prototxt")
    return contents(tmp_path / "prototxt")


def test_other_options_do_not_overwrite_the_committed_files(render, committed):
    with pytest.raises(InputError, match="in prototxt already, with something else") as caught:
        render("--lr", "0.5")
    assert contents("prototxt") == committed
    found = caught.value.found
    assert "rendered by `python -m amcaffe.prototxt --out prototxt`" in found
    assert "face_solver_arcface.prototxt" in found and "face_deploy.prototxt" not in found
    assert "--overwrite" in caught.value.hint and "--out" in caught.value.hint


def test_the_committed_files_rendered_again_are_left_alone_and_said_to_be(render, committed):
    before = {path: path.stat().st_mtime_ns for path in Path("prototxt").iterdir()}
    said = render()
    assert sorted(said) == sorted(f"{path}: unchanged" for path in before)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert contents("prototxt") == committed


def test_overwrite_replaces_and_says_which(render, committed):
    said = render("--lr", "0.5", "--overwrite")
    assert "prototxt/face_solver.prototxt" in said
    assert "base_lr: 0.5\n" in Path("prototxt/face_solver.prototxt").read_text()
    # And puts its command into the files whose text is the same otherwise.
    assert not any("unchanged" in line for line in said)
    command = b"# rendered by: python -m amcaffe.prototxt --out prototxt --lr 0.5\n"
    assert all(content.count(command) == 1 for content in contents("prototxt").values())
    assert all("unchanged" in line for line in render("--lr", "0.5", "--overwrite"))


def test_another_head_joins_the_first_and_shares_its_deploy_net(render):
    assert render("--out", "nets", "--margin", "am-softmax") == [f"nets/{name}" for name in NAMES]
    assert render("--out", "nets", "--margin", "softmax", "--lr", "0.02") == [
        "nets/face_solver_softmax.prototxt",
        "nets/face_train_test_softmax.prototxt",
        "nets/face_deploy.prototxt: unchanged",
    ]


def test_a_file_that_was_edited_and_one_of_somebody_else_are_told_apart(render):
    render("--out", "nets", "--margin", "am-softmax")
    solver, net, deploy = (Path("nets", name) for name in NAMES)
    solver.write_text(solver.read_text().replace("base_lr: 0.1", "base_lr: 0.01"))
    net.unlink()
    deploy.write_bytes(b'name: "mine\xff"\n')
    before = contents("nets")
    with pytest.raises(InputError, match="2 of the 3 files are in nets") as caught:
        render("--out", "nets", "--margin", "am-softmax")
    assert caught.value.found.splitlines() == [
        "face_solver.prototxt: rendered by this very command, and edited since, or by another "
        "version of amcaffe",
        "            face_deploy.prototxt: not rendered by amcaffe",
    ]
    assert contents("nets") == before


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_a_folder_in_the_place_of_a_file_is_named_and_nothing_is_written(render, capsys, overwrite):
    Path("nets/face_deploy.prototxt").mkdir(parents=True)
    assert cli.run("prototxt", main, ["--out", "nets", *overwrite]) == 2
    assert "nets/face_deploy.prototxt: Is a directory" in capsys.readouterr().err
    assert [path.name for path in Path("nets").iterdir()] == ["face_deploy.prototxt"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("placed", [0, 1, 2])
def test_a_set_that_cannot_be_written_whole_is_not_written(render, monkeypatch, placed, stop):
    render("--out", "nets", "--margin", "am-softmax")
    Path("nets/face_train_test.prototxt").unlink()
    before = contents("nets")
    replace, done = os.replace, []

    def replace_until_then(source, target):
        done.append(target)
        if len(done) == placed + 1:
            raise stop
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_until_then)
    with pytest.raises((KeyboardInterrupt, InputError)):
        render("--out", "nets", "--margin", "am-softmax", "--channels", "8", "--overwrite")
    assert contents("nets") == before
