"""The installer as a user meets it: install, again, upgrade, uninstall, and refusals."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from amcaffe.errors import TreeError
from amcaffe.install import disk, main
from standins import FLIP_2, HOST, MARK, TARGETS, edit, mtimes, owners, snapshot, write_files


def refused(install, *arguments):
    with pytest.raises(TreeError) as caught:
        install(*arguments)
    return str(caught.value)


def test_everything_is_put_in_its_place(install, tree, project):
    install()
    now = snapshot(tree)
    assert TARGETS <= set(now)
    assert (
        now["src/caffe/layers/flip_layer.cpp"][0]
        == (project / "layers/margins/flip_layer.cpp").read_bytes()
    )
    assert not [name for name in now if name.endswith("README.md")]
    proto = now["src/caffe/proto/caffe.proto"][0].decode()
    host = proto[proto.index("\nmessage LayerParameter") : proto.index("V1LayerParameter")]
    assert "  // Of the head.\n  optional MarginParameter margin_param = 4001;\n" in host
    io = now["src/caffe/util/io.cpp"][0].decode("utf-8")
    assert "na\u00efve" in io and "cv::IMREAD_GRAYSCALE" in io and "CV_LOAD" not in io
    assert "SetTotalBytesLimit(kProtoReadBytesLimit);" in io


def test_the_inner_product_gets_its_block_before_the_weight_is_read(install, tree):
    install()
    for device, suffix in (("cpu", "cpp"), ("gpu", "cu")):
        text = (tree / f"src/caffe/layers/inner_product_layer.{suffix}").read_text()
        call = text.index(f"caffe_{device}_normalize_rows<Dtype>(N_, K_, transpose_,")
        assert text.index("Forward_") < call < text.index("const Dtype* weight")
        assert '#include "caffe/layers/normalize_rows.hpp"  // amcaffe\n' in text
        assert max(map(len, text.splitlines())) <= 80


def test_only_known_files_are_added_and_no_other_proto_or_backup(install, tree):
    install()
    added = {name for name, data in snapshot(tree).items() if data} - set(HOST)
    assert added == TARGETS | {".amcaffe/manifest.json"}


def test_the_last_line_is_the_rebuild_command(install, tree, capsys):
    install()
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == f"python -m amcaffe.build {tree}"
    assert "LayerParameter.flip_param = 212" in out
    for path in TARGETS:
        assert path in out


def test_a_second_run_changes_nothing_and_says_so(install, tree, capsys):
    install()
    before = mtimes(tree)
    capsys.readouterr()
    install()
    assert mtimes(tree) == before
    out = capsys.readouterr().out
    assert "nothing to do" in out and "to rebuild" not in out


def test_uninstall_restores_the_tree_byte_for_byte(install, tree):
    (tree / "src/caffe/util/io.cpp").chmod(0o600)
    before = snapshot(tree)
    install()
    assert snapshot(tree) != before
    install("--uninstall")
    assert snapshot(tree) == before


def test_a_crlf_tree_gets_the_same_edits_and_comes_back(install, tree):
    install()
    wanted = {name: (tree / name).read_bytes().replace(b"\n", b"\r\n") for name in HOST}
    install("--uninstall")
    write_files(tree, HOST, newline="\r\n")
    before = snapshot(tree)
    install()
    assert {name: (tree / name).read_bytes() for name in HOST} == wanted
    install("--uninstall")
    assert snapshot(tree) == before


def test_uninstall_keeps_what_the_user_edited_elsewhere_in_the_same_files(install, tree):
    changes = [
        ("src/caffe/util/io.cpp", "  use(a);", "  use(a);\n  int b = cv::IMREAD_COLOR;"),
        ("src/caffe/util/io.cpp", "// na", "// moved down\n\n// na"),
        ("src/caffe/proto/caffe.proto", "// Deprecated.", "message Mine {\n}\n\n// Deprecated."),
        ("src/caffe/layers/inner_product_layer.cpp", "namespace caffe {", "namespace caffe { //"),
    ]
    install()
    for name, old, new in changes:
        edit(tree / name, old, new)
    with open(tree / "src/caffe/proto/caffe.proto", "a") as file:
        file.write("message AtTheEnd {\n}\n")
    install("--uninstall")
    patched = snapshot(tree)
    write_files(tree, HOST)
    for name, old, new in changes:
        edit(tree / name, old, new)
    with open(tree / "src/caffe/proto/caffe.proto", "a") as file:
        file.write("message AtTheEnd {\n}\n")
    assert patched == snapshot(tree)


def test_a_run_after_such_edits_keeps_them_and_still_uninstalls(install, tree):
    install()
    edit(tree / "src/caffe/util/io.cpp", "// na", "// mine\n// na")
    install()
    assert (tree / "src/caffe/util/io.cpp").read_text("utf-8").startswith("// mine\n")
    install("--uninstall")
    assert (tree / "src/caffe/util/io.cpp").read_text("utf-8") == (
        "// mine\n" + HOST["src/caffe/util/io.cpp"]
    )


@pytest.mark.parametrize("arguments", [(), ("--uninstall",)])
def test_a_conflict_with_the_users_edit_is_shown_and_nothing_changes(install, tree, arguments):
    install()
    edit(tree / "src/caffe/util/io.cpp", "cv::IMREAD_COLOR", "cv::IMREAD_ANYCOLOR")
    before = mtimes(tree), snapshot(tree)
    message = refused(install, *arguments)
    assert re.search(rf"{tree}/src/caffe/util/io.cpp:\d+: the edit 'opencv-4 imread", message)
    assert "IMREAD_ANYCOLOR" in message and "IMREAD_COLOR" in message
    assert (mtimes(tree), snapshot(tree)) == before


def test_a_host_file_put_back_by_the_user_is_edited_again(install, tree):
    install()
    wanted = snapshot(tree)
    write_files(tree, {"src/caffe/util/io.cpp": HOST["src/caffe/util/io.cpp"]})
    install()
    assert snapshot(tree) == wanted
    write_files(tree, {"src/caffe/util/io.cpp": HOST["src/caffe/util/io.cpp"]})
    install("--uninstall")
    assert (tree / "src/caffe/util/io.cpp").read_text("utf-8") == HOST["src/caffe/util/io.cpp"]


def test_an_upgrade_is_one_run(install, tree, project, capsys):
    before = snapshot(tree)
    install()
    write_files(
        project,
        {
            **FLIP_2,
            "layers/margins/scale_margin.hpp": MARK,
        },
    )
    (project / "layers/margins/flip_layer.cu").unlink()
    bound = "optional Bound bound = 1"
    edit(project / "proto/toadd.proto", bound, "optional float m = 2;\n  " + bound)
    capsys.readouterr()
    install()
    out = capsys.readouterr().out
    now = snapshot(tree)
    assert b"// 2" in now["src/caffe/layers/flip_layer.cpp"][0]
    assert "src/caffe/layers/flip_layer.cu" not in now
    assert "include/caffe/layers/scale_margin.hpp" in now
    proto = now["src/caffe/proto/caffe.proto"][0].decode()
    assert "optional float m = 2;" in proto and proto.count("message MarginParameter") == 1
    assert "updated   src/caffe/layers/flip_layer.cpp" in out
    assert "removed   src/caffe/layers/flip_layer.cu" in out
    install("--uninstall")
    assert snapshot(tree) == before


@pytest.mark.parametrize("arguments", [(), ("--uninstall",)])
def test_a_changed_file_of_ours_is_named_and_nothing_changes(install, tree, arguments):
    install()
    with open(tree / "src/caffe/layers/flip_layer.cpp", "a") as file:
        file.write("// mine\n")
    before = snapshot(tree)
    assert "src/caffe/layers/flip_layer.cpp" in refused(install, *arguments)
    assert snapshot(tree) == before


def test_a_deleted_file_of_ours_is_written_again_and_no_obstacle_to_uninstall(install, tree):
    pristine = snapshot(tree)
    install()
    installed = snapshot(tree)
    (tree / "src/caffe/layers/flip_layer.cpp").unlink()
    install()
    assert snapshot(tree) == installed
    (tree / "src/caffe/layers/flip_layer.cpp").unlink()
    install("--uninstall")
    assert snapshot(tree) == pristine


def test_a_foreign_file_of_the_same_name_is_refused(install, tree):
    write_files(tree, {"include/caffe/layers/flip_layer.hpp": "// another FlipLayer\n"})
    before = snapshot(tree)
    assert "include/caffe/layers/flip_layer.hpp" in refused(install)
    assert snapshot(tree) == before


@pytest.mark.parametrize(
    "line", ["REGISTER_LAYER_CLASS(Flip);", "REGISTER_LAYER_CLASS (\tFlip );",
             "REGISTER_LAYER_CREATOR(Flip, GetFlipLayer);", "REGISTER_LAYER_CLASS_R(Flip);"],
)  # fmt: skip
def test_a_type_registered_elsewhere_is_refused_with_file_and_line(install, tree, line):
    write_files(tree, {"src/caffe/layers/mirror.cpp": f"/* one\n two */\n{line}\n"})
    before = snapshot(tree)
    message = refused(install)
    assert "src/caffe/layers/mirror.cpp:3 registers another Flip" in message
    assert snapshot(tree) == before


@pytest.mark.parametrize(
    "line", ["// REGISTER_LAYER_CLASS(Flip);", "/*\nREGISTER_LAYER_CLASS(Flip); */",
             "REGISTER_LAYER_CLASS(FlipSide);", 'log("REGISTER_LAYER_CLASS(Flop)");'],
)  # fmt: skip
def test_a_registration_that_is_none_is_no_obstacle(install, tree, line):
    write_files(tree, {"src/caffe/layers/mirror.cpp": line + "\n"})
    install()
    assert (tree / "src/caffe/layers/flip_layer.cpp").exists()


def test_a_header_that_the_tree_lacks_is_named(install, tree):
    (tree / "include/caffe/filler.hpp").unlink()
    message = refused(install)
    assert "no include/caffe/filler.hpp (for layers/margins/flip_layer.hpp)" in message
    assert not (tree / ".amcaffe").exists()


def test_an_inner_product_unlike_bvlcs_is_left_out_and_the_rest_installed(install, tree, capsys):
    path = tree / "src/caffe/layers/inner_product_layer.cpp"
    edit(path, "InnerProductLayer<Dtype>::Forward_cpu", "QuantizedLayer<Dtype>::Forward_cpu")
    before = path.read_bytes(), (tree / "src/caffe/layers/inner_product_layer.cu").read_bytes()
    install()
    out = capsys.readouterr().out
    assert (
        "left out: InnerProduct's normalize: src/caffe/layers/inner_product_layer.cpp is not "
        "written as BVLC's: no InnerProductLayer<Dtype>::Forward_cpu(...) { "
        "(NormalizedInnerProduct has unit weights in every tree)"
    ) in out
    after = path.read_bytes(), (tree / "src/caffe/layers/inner_product_layer.cu").read_bytes()
    assert after == before
    assert "bool normalize" not in (tree / "src/caffe/proto/caffe.proto").read_text()
    assert (tree / "src/caffe/layers/flip_layer.cpp").exists()
    assert not (tree / "include/caffe/layers/normalize_rows.hpp").exists()


def test_an_inner_product_that_normalizes_already_is_left_alone(install, tree, capsys):
    path = tree / "src/caffe/layers/inner_product_layer.cpp"
    edit(path, "const Dtype* weight", "if (inner_product_param().normalize()) {}\n  Dtype* weight")
    before = path.read_bytes()
    install()
    assert path.read_bytes() == before
    assert f"left alone: InnerProduct's normalize: {path.relative_to(tree)} reads it itself" in (
        capsys.readouterr().out
    )


def test_a_dry_run_shows_the_plan_and_writes_nothing(install, tree, capsys):
    before = mtimes(tree)
    install("--dry-run")
    out = capsys.readouterr().out
    assert mtimes(tree) == before
    assert "--- a/src/caffe/proto/caffe.proto" in out
    assert "\n+  optional FlipParameter flip_param = 212;\n" in out
    assert "\n-datum.data = arr.tostring()\n\\ No newline at end of file\n" in out
    for path in TARGETS:
        assert f"new       {path}" in out
    install()
    before = mtimes(tree)
    install("--dry-run", "--uninstall")
    assert mtimes(tree) == before
    assert "remove    src/caffe/layers/flip_layer.cpp" in capsys.readouterr().out


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_diff_of_a_dry_run_is_one_that_patch_applies(install, tree, capsysbinary, newline):
    write_files(tree, HOST, newline=newline)
    (tree / "src/caffe/util/io.cpp").write_bytes(
        (tree / "src/caffe/util/io.cpp").read_bytes() + b"// latin-1: \xe9\r in a line\n"
    )
    pristine = snapshot(tree)
    install("--dry-run")
    diff = capsysbinary.readouterr().out
    subprocess.run(["patch", "-p1", "-s", "--binary"], input=diff, cwd=tree, check=True)
    by_patch = snapshot(tree)
    subprocess.run(["patch", "-p1", "-s", "-R", "--binary"], input=diff, cwd=tree, check=True)
    assert {k: v for k, v in snapshot(tree).items() if v} == {
        k: v for k, v in pristine.items() if v
    }
    install()
    now = snapshot(tree)
    del now[".amcaffe"], now[".amcaffe/manifest.json"]
    assert by_patch == now
    capsysbinary.readouterr()
    install("--uninstall", "--dry-run")
    diff = capsysbinary.readouterr().out
    subprocess.run(["patch", "-p1", "-s", "--binary"], input=diff, cwd=tree, check=True)
    after = snapshot(tree)
    assert {name: after[name] for name in pristine} == pristine


def test_uninstalling_what_is_not_installed_says_so(install, tree, capsys):
    before = mtimes(tree)
    install("--uninstall")
    assert mtimes(tree) == before
    assert "nothing to do" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [(), ("--uninstall",)])
def test_work_of_ours_without_its_record_is_refused(install, tree, arguments):
    install()
    shutil.rmtree(tree / ".amcaffe")
    before = snapshot(tree)
    message = refused(install, *arguments)
    assert "src/caffe/proto/caffe.proto" in message and ".amcaffe/manifest.json" in message
    assert snapshot(tree) == before


def test_a_damaged_record_is_refused(install, tree):
    install()
    (tree / ".amcaffe/manifest.json").write_text("{")
    assert "damaged" in refused(install)


def test_a_record_of_another_format_is_refused(install, tree):
    install()
    path = tree / ".amcaffe/manifest.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({"format": content["format"] + 1, "amcaffe": "9.0"}))
    assert "9.0" in refused(install)


def test_a_folder_of_the_users_in_a_folder_of_ours_survives(install, tree):
    install()
    write_files(tree, {"include/caffe/test/mine.hpp": "mine\n"})
    install("--uninstall")
    assert (tree / "include/caffe/test/mine.hpp").read_text() == "mine\n"


def test_a_host_file_that_is_a_link_is_refused(install, tree, tmp_path):
    path = tree / "src/caffe/util/io.cpp"
    outside = tmp_path / "io.cpp"
    path.rename(outside)
    path.symlink_to(outside)
    before = outside.read_bytes()
    assert "src/caffe/util/io.cpp is a symbolic link" in refused(install)
    assert outside.read_bytes() == before and not (tree / ".amcaffe").exists()


def test_a_folder_that_leads_out_of_the_tree_is_refused(install, tree, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tree / "src/caffe/test").symlink_to(tmp_path / "elsewhere")
    assert "leads out of the tree" in refused(install)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_refusing_disk_changes_nothing_and_is_named(install, tree, monkeypatch):
    before = snapshot(tree)

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(disk, "make_folder", refuse)
    message = refused(install)
    assert f"cannot write in {tree}: Permission denied" in message
    assert "nothing was changed" in message
    assert snapshot(tree) == before


def test_a_refusal_of_which_the_file_is_unknown_names_none(install, tree, monkeypatch):
    def refuse(handle):
        raise OSError(28, "No space left on device")  # a write or fsync knows no name

    monkeypatch.setattr(os, "fsync", refuse)
    assert f"cannot write in {tree}: No space left on device\n" in refused(install)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to another user")
def test_root_leaves_each_file_to_its_owner_and_new_ones_to_the_folders(install, tree, project):
    for path in [tree, *tree.rglob("*")]:
        os.chown(path, 1001, 1002)
    os.chown(tree / "src/caffe/util/io.cpp", 1003, 1004)
    before = owners(tree)
    install()
    after = owners(tree)
    new = set(after) - set(before)
    assert {str(tree / name) for name in (*TARGETS, ".amcaffe", ".amcaffe/manifest.json")} <= new
    assert after == {**before, **dict.fromkeys(new, (1001, 1002))}
    install("--uninstall")
    assert owners(tree) == before


def refuse_to_give_files_away(monkeypatch, user):
    def refuse(*arguments):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "fchown", refuse)
    monkeypatch.setattr(os, "lchown", refuse)


def test_a_user_who_may_not_give_files_away_installs_all_the_same(install, tree, monkeypatch):
    pristine = snapshot(tree)
    refuse_to_give_files_away(monkeypatch, 1000)
    install()
    assert TARGETS <= set(snapshot(tree))
    install("--uninstall")
    assert snapshot(tree) == pristine


def test_root_where_files_cannot_be_given_away_changes_nothing(install, tree, monkeypatch):
    pristine = snapshot(tree)
    refuse_to_give_files_away(monkeypatch, 0)
    assert f"cannot write in {tree}: Operation not permitted\n" in refused(install)
    assert snapshot(tree) == pristine


@pytest.mark.parametrize("arguments", [(), ("--uninstall",)])
def test_an_empty_path_is_taken_for_an_unset_variable(arguments):
    with pytest.raises(TreeError, match=r"\$CAFFE_ROOT is not set") as caught:
        main(["", *arguments])
    assert 'eval "$(make -s env)"' in str(caught.value)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_tree_of_another_user_is_refused(install, tree, project):
    """In a process that may read but not write; as root every tree can be written."""
    python = Path(sys.modules["amcaffe"].__file__).parents[1]
    script = (
        "import os, sys, pathlib; import amcaffe.host.resources as r; import amcaffe.install as i\n"
        "from amcaffe import cli\n"
        f"r.PACKAGE = pathlib.Path({str(project / 'python/amcaffe')!r})\n"
        f"os.setuid(65534); sys.exit(cli.run('install', i.main, [{str(tree)!r}]))"
    )
    for folder in (tree, *tree.parents[:3]):
        folder.chmod(0o755)
    before = snapshot(tree)
    environment = {**os.environ, "PYTHONPATH": str(python)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )
    assert done.returncode == TreeError.exit_status, done.stderr
    assert "cannot write" in done.stderr and "Permission denied" in done.stderr
    assert snapshot(tree) == before


def test_a_second_installer_at_the_same_time_is_refused(install, tree):
    folder = os.open(tree, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    assert "another amcaffe is at work" in refused(install)
    os.close(folder)
    install()


def test_a_stale_generated_header_is_warned_about(install, tree, capsys):
    write_files(tree, {"include/caffe/proto/caffe.pb.h": ""})
    install()
    assert "warning: include/caffe/proto/caffe.pb.h" in capsys.readouterr().out


def test_a_moved_field_number_is_kept_and_printed(install, tree, project, capsys):
    proto = tree / "src/caffe/proto/caffe.proto"
    kind = "  optional string type = 2;\n"
    edit(proto, kind, kind + "  optional int32 x = 212;\n")
    install()
    assert "LayerParameter.flip_param = 4002" in capsys.readouterr().out
    record = json.loads((tree / ".amcaffe/manifest.json").read_text())
    assert record["numbers"]["LayerParameter"] == {"flip_param": 4002, "margin_param": 4001}
    edit(proto, "  optional int32 x = 212;\n", "")
    install()
    assert "LayerParameter.flip_param = 4002" in capsys.readouterr().out
