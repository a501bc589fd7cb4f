"""What a user may choose of an installation, and that the tree remembers it."""

import json

import pytest

from amcaffe.errors import InputError
from amcaffe.install import disk, main, transaction
from amcaffe.install.choices import Choices, from_dict
from amcaffe.install.host_edits import HOST_EDITS
from amcaffe.install.host_layers import HOST_LAYERS
from standins import FLIP_2, MARK, edit, mtimes, snapshot, write_files

PROTO = "src/caffe/proto/caffe.proto"


def choices(tree):
    return json.loads((tree / ".amcaffe/manifest.json").read_text())["choices"]


def test_later_choices_count_and_earlier_ones_stay():
    first = Choices({"A": "X", "B": "Y"}, ("C", "D"), ("one",))
    both = first.followed_by(Choices({"C": "Z"}, ("A",), ("two",), layers=False))
    assert both == Choices({"B": "Y", "C": "Z"}, ("A", "D"), ("one", "two"), False)
    assert both.followed_by(Choices()) == both
    assert from_dict(json.loads(json.dumps(both.as_dict()))) == both


def test_choices_that_a_later_version_does_not_know_are_dropped():
    both = Choices({"A": "X", "B": "Y"}, ("C", "D"), ("one", "two"))
    assert both.among({"A", "C"}, {"two"}) == Choices({"A": "X"}, ("C",), ("two",))


def test_a_renamed_layer_is_upgraded_and_taken_out_under_its_name(install, tree, project):
    pristine = snapshot(tree)
    install("--as", "Flip=SideFlip")
    write_files(project, FLIP_2)
    install()
    text = (tree / "src/caffe/layers/side_flip_layer.cpp").read_text()
    assert text == MARK + "REGISTER_LAYER_CLASS(SideFlip); // 2\n"
    assert not (tree / "src/caffe/layers/flip_layer.cpp").exists()
    assert "optional SideFlipParameter side_flip_param = 212;" in (tree / PROTO).read_text()
    assert choices(tree) == {
        "as": {"Flip": "SideFlip"}, "without": [], "skip": [], "layers": True
    }  # fmt: skip
    install("--uninstall")
    assert snapshot(tree) == pristine


def test_a_choice_may_come_later_and_be_forgotten(install, tree):
    install()
    plain = snapshot(tree)
    install("--as", "Flip=SideFlip")
    assert not (tree / "src/caffe/layers/flip_layer.cpp").exists()
    assert (tree / "src/caffe/test/test_side_flip_layer.cpp").exists()
    install("--as", "Flip=Mirror")
    assert (tree / "src/caffe/layers/mirror_layer.cu").exists()
    install("--without", "Flip")
    names = [name for name in snapshot(tree) if "flip" in name or "mirror" in name]
    proto = (tree / PROTO).read_text()
    assert names == [] and "Flip" not in proto and "Mirror" not in proto
    install("--forget")
    assert snapshot(tree) == plain


def test_a_skipped_edit_is_left_out_until_that_is_forgotten(install, tree, capsys):
    pristine = (tree / "src/caffe/util/io.cpp").read_bytes()
    install("--skip", "opencv-4 imread flags", "--skip", "protobuf-3.21 byte limit")
    assert (tree / "src/caffe/util/io.cpp").read_bytes() == pristine
    assert "left out: opencv-4 imread flags, as asked" in capsys.readouterr().out
    before = mtimes(tree)
    install()
    assert mtimes(tree) == before
    install("--forget")
    assert b"cv::IMREAD_COLOR" in (tree / "src/caffe/util/io.cpp").read_bytes()


def test_an_option_of_a_hosts_layer_can_be_skipped(install, tree):
    before = (tree / "src/caffe/layers/inner_product_layer.cpp").read_bytes()
    install("--skip", "inner product with unit rows")
    assert (tree / "src/caffe/layers/inner_product_layer.cpp").read_bytes() == before
    assert "bool normalize" not in (tree / PROTO).read_text()
    assert not (tree / "src/caffe/layers/normalize_rows.cpp").exists()


def test_without_layers_only_what_no_layer_needs_is_installed(install, tree, project):
    write_files(project, {"layers/repairs/shim.hpp": MARK})
    pristine = snapshot(tree)
    install("--no-layers")
    added = {name for name, data in snapshot(tree).items() if data} - set(pristine)
    assert added == {
        "include/caffe/util/shim.hpp", "cmake/amcaffe_cuda.cmake", ".amcaffe/manifest.json"
    }  # fmt: skip
    assert snapshot(tree)[PROTO] == pristine[PROTO]
    assert b"cv::IMREAD_COLOR" in (tree / "src/caffe/util/io.cpp").read_bytes()
    before = mtimes(tree)
    install()  # keeps it so
    assert mtimes(tree) == before
    install("--forget")
    assert (tree / "src/caffe/layers/flip_layer.cpp").exists()
    install("--uninstall")
    assert snapshot(tree) == pristine


def test_a_recorded_no_layers_is_told_with_what_ends_it(install, tree, capsys):
    install("--as", "Flip=SideFlip")
    assert "under another type: Flip is SideFlip" in capsys.readouterr().out
    for arguments in (["--no-layers"], []):
        install(*arguments)
        out = capsys.readouterr().out
        assert "left out: all layers, as asked (--forget brings them)\n" in out
        assert "under another type" not in out
    assert out.splitlines()[-1].startswith("nothing to do: ")
    install("--forget")
    assert "left out: all layers" not in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [("--as", "Flip=SideFlip"), ("--without", "Flip")])
def test_no_word_on_a_layer_goes_with_no_layers(install, tree, arguments):
    with pytest.raises(InputError, match="there is no layer of ours with --no-layers\n"):
        install("--no-layers", *arguments)
    install("--no-layers")
    before = mtimes(tree)
    with pytest.raises(InputError, match="which an earlier run recorded") as error:
        install(*arguments)
    assert " ".join(arguments) in error.value.what and "--forget" in error.value.hint
    assert mtimes(tree) == before
    install("--forget", *arguments)
    assert choices(tree)["layers"] is True


def test_what_leaving_the_layers_out_changes_is_counted_by_kind(install, tree, capsys):
    install()
    capsys.readouterr()
    install("--no-layers")
    lines = capsys.readouterr().out.splitlines()
    kinds = [line.split()[0] for line in lines if line.startswith(("  removed", "  restored"))]
    assert f"  restored  {PROTO}" in lines
    removed, restored = kinds.count("removed"), kinds.count("restored")
    assert removed > 1 and restored > 1
    assert f"files in {tree}: restored {restored}, removed {removed} (" in "\n".join(lines)


def test_a_record_from_before_there_were_choices_is_read(install, tree):
    install()
    path = tree / ".amcaffe/manifest.json"
    content = json.loads(path.read_text())
    del content["choices"]
    path.write_text(json.dumps(content))
    install()
    assert choices(tree)["layers"] is True


@pytest.mark.parametrize(
    "arguments, words",
    [(["--as", "Flop=X"], "no layer Flop in this package"),
     (["--without", "Flop"], "no layer Flop in this package"),
     (["--as", "Flip=flip2"], "--as Flip=flip2: a layer cannot have that type"),
     (["--as", "Flip=A_B"], "cannot have that type"), (["--as", "Flip=Flip"], "another layer"),
     (["--skip", "opencv"], "no edit named 'opencv'")],
)  # fmt: skip
def test_a_choice_of_what_there_is_not_is_an_error_of_the_caller(install, tree, arguments, words):
    before = snapshot(tree)
    with pytest.raises(InputError) as caught:
        install(*arguments)
    assert words in str(caught.value)
    assert snapshot(tree) == before


@pytest.mark.parametrize(
    "arguments",
    [("--as", "Flip"), ("--uninstall", "--skip", "x"), ("--check", "--forget"),
     ("--check", "--uninstall"), ("--uninstall", "--no-layers")],
)  # fmt: skip
def test_arguments_that_do_not_go_together_are_refused(install, tree, arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        install(*arguments)
    assert caught.value.code == 2
    assert "usage: amcaffe install" in capsys.readouterr().err


def test_a_type_taken_by_the_tree_is_no_way_out(install, tree):
    write_files(tree, {"src/caffe/layers/m.cpp": "REGISTER_LAYER_CLASS(Mirror);\n"})
    with pytest.raises(Exception, match="m.cpp:1 registers another Mirror"):
        install("--as", "Flip=Mirror")


def test_the_edits_are_listed_with_their_reasons(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--list-edits"])
    assert caught.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    heads = [line.split(": ")[0] for line in lines if not line.startswith(" ")]
    assert heads == [edit.name for edit in (*HOST_EDITS, *HOST_LAYERS)]


def test_the_help_tells_what_check_exits_with(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "exit status 0 installed, 10 outdated, 11 modified, 12 absent" in text


def check(install, capsys):
    """(exit status, the first word printed) of --check, which must not write."""
    capsys.readouterr()
    status = install("--check")
    return status, capsys.readouterr().out.split(":")[0]


def test_check_tells_the_four_states_apart(install, tree, project, capsys):
    assert check(install, capsys) == (12, "absent")
    install()
    before = mtimes(tree)
    assert check(install, capsys) == (0, "installed")
    assert mtimes(tree) == before
    write_files(project, FLIP_2)
    assert check(install, capsys) == (10, "outdated")
    install()
    assert check(install, capsys) == (0, "installed")
    install("--uninstall")
    assert check(install, capsys) == (12, "absent")


def test_check_does_not_mind_what_the_user_did_elsewhere_in_the_same_files(install, tree, capsys):
    install()
    edit(tree / "src/caffe/util/io.cpp", "  use(a);", "  use(a, b);")
    assert check(install, capsys) == (0, "installed")


@pytest.mark.parametrize(
    "path, old, new, advice",
    [("src/caffe/util/io.cpp", "cv::IMREAD_COLOR", "0", "says, which refuses the tree until"),
     ("src/caffe/layers/flip_layer.cpp", "Flip", "Flop", "delete those files and run it again"),
     (PROTO, "flip_param = 212", "flip_param = 213", "says, which refuses the tree until")],
)  # fmt: skip
def test_check_finds_a_changed_line_of_ours(install, tree, capsys, path, old, new, advice):
    install()
    edit(tree / path, old, new)
    capsys.readouterr()
    assert install("--check") == 11
    out = capsys.readouterr().out
    assert f"  {path} is not as it was installed\n" in out
    assert out.splitlines()[-1].startswith("  to mend: ") and advice in out.splitlines()[-1]


def test_check_after_a_kill_says_so_and_touches_nothing(install, tree, capsys, monkeypatch):
    def killed(path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(transaction, "recover", lambda tree: [])
        patch.setattr(disk, "remove_file", killed)
        with pytest.raises(KeyboardInterrupt):
            install()
    before = mtimes(tree)
    capsys.readouterr()
    assert install("--check") == 11
    assert "an installation was interrupted; the next run undoes it" in capsys.readouterr().out
    assert mtimes(tree) == before


def test_check_finds_what_was_put_back_or_deleted(install, tree, capsys):
    io = tree / "src/caffe/util/io.cpp"
    original = io.read_bytes()
    install()
    patched = io.read_bytes()
    for content in (original, b"// mine\n" + original):
        io.write_bytes(content)
        assert check(install, capsys) == (11, "modified")
    io.write_bytes(patched)
    assert check(install, capsys) == (0, "installed")
    (tree / "src/caffe/layers/flip_layer.cu").unlink()
    assert check(install, capsys) == (11, "modified")
    install("--check")
    assert f"\n  to mend: python -m amcaffe.install {tree}\n" in capsys.readouterr().out
