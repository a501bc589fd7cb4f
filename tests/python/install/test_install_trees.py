"""Our real layers in trees that differ as forks do: each kind of difference, in a stand-in."""

import re
import subprocess

import pytest

from amcaffe.errors import TreeError
from amcaffe.host.proto_parse import parse
from our_layers import OUR_LAYERS
from standins import mtimes, snapshot, write_files

PROTO = "src/caffe/proto/caffe.proto"
SSD_MESSAGE = """
message NormalizeParameter {
  optional bool across_spatial = 1 [default = true];
  // Initial value of scale.
  optional FillerParameter scale_filler = 2;
  optional bool channel_shared = 3 [default = true];
  optional float eps = 4 [default = 1e-10];
}
"""
HAPPYNEAR_MESSAGES = """
message NormalizeParameter{
\toptional string normalize_type = 1 [default = 'L2'];
\toptional bool fix_gradient = 2 [default = false];
\toptional bool bp_norm = 3 [default = false];
}
message FlipParameter
{
  optional bool flip_width = 1 [default = true];
  optional bool flip_height = 2 [default = false];
}
message LabelSpecificAddParameter {
  optional float bias = 1 [default = 0.0];
  optional bool transform_test = 2 [default = false];
}
"""
HAPPYNEAR_FIELDS = """\
  optional FlipParameter flip_param = 212;
  optional NormalizeParameter normalize_param = 214;
  optional LabelSpecificAddParameter label_specific_add_param = 241;
"""


def add_proto(tree, messages="", fields=""):
    path = tree / PROTO
    text = path.read_bytes().decode()
    at = text.index("}", text.index("inner_product_param = 117"))
    path.write_bytes((text[:at] + fields + text[at:] + messages).encode())


def register(tree, kind, path, macro="REGISTER_LAYER_CLASS({});"):
    write_files(tree, {path: f"namespace caffe {{\n{macro.format(kind)}\n}}\n"})


def fields(tree, message="LayerParameter"):
    messages = parse(PROTO, (tree / PROTO).read_bytes().decode("latin-1"))[0]
    return {field.name: field.number for field in messages[message].fields.values()}


def types(tree):
    """The layer types that the tree registers, as often as it does."""
    found = []
    for path in tree.rglob("*.cpp"):
        found += re.findall(r"^REGISTER_LAYER_CLASS\((\w+)\);", path.read_text(), re.MULTILINE)
    return sorted(found)


def notes(capsys, word):
    lines = capsys.readouterr().out.splitlines()
    return [line.split(": ", 1)[1] for line in lines if line.startswith(f"  {word}: ")]


def refused(install, tree, *arguments):
    """The message of a refusal, which must leave the tree alone."""
    before = mtimes(tree), snapshot(tree)
    with pytest.raises(TreeError) as caught:
        install(*arguments)
    assert (mtimes(tree), snapshot(tree)) == before
    return str(caught.value)


@pytest.fixture
def uninstalls(full_tree, install_ours):
    """After the test, --uninstall must give back what `pristine` holds."""
    pristine = {}
    yield pristine
    install_ours("--uninstall")
    assert snapshot(full_tree) == pristine["tree"]


def test_a_tree_like_upstream_gets_everything(full_tree, install_ours, uninstalls, capsys):
    uninstalls["tree"] = snapshot(full_tree)
    install_ours()
    assert notes(capsys, "left out") == [] and set(types(full_tree)) == OUR_LAYERS
    assert fields(full_tree, "ScaleParameter") == {"min_value": 6, "max_value": 7}
    assert fields(full_tree, "InnerProductParameter")["normalize"] == 7
    for device, suffix in (("cpu", "cpp"), ("gpu", "cu")):
        text = (full_tree / f"src/caffe/layers/scale_layer.{suffix}").read_text()
        call = text.index(f"caffe_{device}_bound_scale<Dtype>(this->layer_param_.scale_param(),")
        assert text.index("Forward_") < call < text.index("const Dtype* scale_data")
    for name in ("layers/scale_bounds.cpp", "layers/scale_bounds.cu", "test/test_scale_bounds.cpp"):
        assert (full_tree / "src/caffe" / name).is_file()


def test_ssds_normalize_is_refused_with_its_parameters_and_the_way_out(full_tree, install_ours):
    add_proto(full_tree, SSD_MESSAGE, "  optional NormalizeParameter norm_param = 206;\n")
    register(full_tree, "Normalize", "src/caffe/layers/normalize_layer.cpp")
    message = refused(install_ours, full_tree)
    assert (
        "src/caffe/layers/normalize_layer.cpp:2 registers another Normalize: in its "
        "NormalizeParameter, the fields are across_spatial, scale_filler, channel_shared, eps; "
        "in ours normalize_type, fix_gradient, bp_norm"
    ) in message.splitlines()[0]
    assert "`--as Normalize=L2Normalize`" in message and "`--without Normalize`" in message


def test_ours_stands_beside_ssds_under_a_second_name(full_tree, install_ours, uninstalls, capsys):
    add_proto(full_tree, SSD_MESSAGE, "  optional NormalizeParameter norm_param = 206;\n")
    register(full_tree, "Normalize", "src/caffe/layers/normalize_layer.cpp")
    write_files(full_tree, {"src/caffe/test/test_normalize_layer.cpp": "// SSD's\n"})
    uninstalls["tree"] = snapshot(full_tree)
    install_ours("--as", "Normalize=L2Normalize")
    assert types(full_tree) == sorted(OUR_LAYERS | {"L2Normalize"})
    found = fields(full_tree)
    assert found["norm_param"] == 206 and found["l2_normalize_param"] == 214
    assert "normalize_param" not in found
    assert set(fields(full_tree, "L2NormalizeParameter")) == {
        "normalize_type", "fix_gradient", "bp_norm"
    }  # fmt: skip
    text = (full_tree / "src/caffe/layers/l2_normalize_layer.cpp").read_text()
    assert '#include "caffe/layers/l2_normalize_layer.hpp"' in text
    assert "this->layer_param_.l2_normalize_param()" in text
    assert "NormalizeLayer" not in text.replace("L2NormalizeLayer", "")
    assert (full_tree / "src/caffe/test/test_l2_normalize_layer.cpp").is_file()
    before = mtimes(full_tree)
    install_ours()  # keeps the choice
    assert mtimes(full_tree) == before
    assert "Normalize is L2Normalize in this tree" in notes(capsys, "under another type")


def test_layers_of_happynears_fork_are_left_alone(full_tree, install_ours, uninstalls, capsys):
    add_proto(full_tree, HAPPYNEAR_MESSAGES, HAPPYNEAR_FIELDS)
    register(full_tree, "Normalize", "src/caffe/layers/normalize_layer.cpp")
    register(full_tree, "Flip", "src/caffe/layers/flip_layer.cpp")
    register(full_tree, "LabelSpecificAdd", "src/caffe/layers/label_specific_add.cpp")
    write_files(full_tree, {"include/caffe/layers/label_specific_add_layer.hpp": "// theirs\n"})
    before = uninstalls["tree"] = snapshot(full_tree)
    install_ours()
    assert types(full_tree) == sorted(OUR_LAYERS)
    lacking = "bias_base, bias_gamma, bias_power, bias_min, bias_max, iteration, unconditional"
    assert notes(capsys, "left alone") == [
        "Flip, registered by src/caffe/layers/flip_layer.cpp",
        "LabelSpecificAdd, registered by src/caffe/layers/label_specific_add.cpp, "
        f"without {lacking}",
        "Normalize, registered by src/caffe/layers/normalize_layer.cpp",
    ]
    after = snapshot(full_tree)
    for name in ("flip", "normalize", "label_specific_add"):
        assert f"src/caffe/test/test_{name}_layer.cpp" not in after
    for path in before:
        if "normalize_layer" in path or "flip" in path or "label_specific" in path:
            assert after[path] == before[path]
    text = after[PROTO][0].decode()
    assert HAPPYNEAR_MESSAGES in text and HAPPYNEAR_FIELDS in text
    assert "include/caffe/layers/label_check.hpp" in after  # CombinedMargin needs it


# The fork's own text, a blank at the end of a line included.
SPHEREFACE_MESSAGE = """
message MarginInnerProductParameter {
  optional uint32 num_output = 1; // The number of outputs for the layer
  enum MarginType {
    SINGLE = 0;
    DOUBLE = 1;
    TRIPLE = 2;
    QUADRUPLE = 3;
  }
  optional MarginType type = 2 [default = SINGLE];\x20
  optional FillerParameter weight_filler = 3; // The filler for the weight
  optional int32 axis = 4 [default = 1];
  optional float base = 5 [default = 1];
  optional float gamma = 6 [default = 0];
  optional float power = 7 [default = 1];
  optional int32 iteration = 8 [default = 0];
  optional float lambda_min = 9 [default = 0];
}
"""


def test_spherefaces_layer_is_left_alone_under_its_number(
    full_tree, install_ours, uninstalls, capsys
):
    field = "  optional MarginInnerProductParameter margin_inner_product_param = 147;\n"
    add_proto(full_tree, SPHEREFACE_MESSAGE, field)
    register(full_tree, "MarginInnerProduct", "src/caffe/layers/margin_inner_product_layer.cpp")
    before = uninstalls["tree"] = snapshot(full_tree)
    install_ours()
    assert notes(capsys, "left alone") == [
        "MarginInnerProduct, registered by src/caffe/layers/margin_inner_product_layer.cpp, "
        "without transform_test"
    ]
    assert fields(full_tree)["margin_inner_product_param"] == 147
    after, path = snapshot(full_tree), "src/caffe/layers/margin_inner_product_layer.cpp"
    assert after[path] == before[path] and SPHEREFACE_MESSAGE in after[PROTO][0].decode()
    assert "src/caffe/test/test_margin_inner_product_layer.cpp" not in after


def test_a_message_of_a_margin_that_lacks_options_of_ours_gets_them(
    full_tree, install_ours, uninstalls
):
    theirs = (
        "message LabelSpecificMarginParameter {\n  enum MarginType { HARD = 0; SOFT = 1; }\n"
        "  optional MarginType type   = 9 [default = HARD];\n"
        "  optional float margin_base = 1 [default = 0.0];\n}\n"
    )
    field = "  optional LabelSpecificMarginParameter label_specific_margin_param = 236;\n"
    add_proto(full_tree, theirs, field)
    uninstalls["tree"] = snapshot(full_tree)
    install_ours()
    assert set(types(full_tree)) == OUR_LAYERS
    assert fields(full_tree)["label_specific_margin_param"] == 236
    found = fields(full_tree, "LabelSpecificMarginParameter")
    assert found["auto_tune"] == 8 and found["bound"] == 11


def test_what_layers_share_stays_without_one_of_them(full_tree, install_ours):
    install_ours("--without", "CombinedMargin", "--as", "CosinAddm=ArcMargin")
    assert set(types(full_tree)) == OUR_LAYERS - {"CombinedMargin", "CosinAddm"} | {"ArcMargin"}
    after = snapshot(full_tree)
    assert "src/caffe/layers/target_margin_layer.cu" in after
    assert "src/caffe/layers/arc_margin_layer.cpp" in after
    assert "src/caffe/test/test_arc_margin_layer.cpp" not in after  # compares with CombinedMargin
    assert fields(full_tree)["arc_margin_param"] == 4004


def test_a_type_without_a_message_is_refused(full_tree, install_ours):
    register(full_tree, "Normalize", "src/caffe/util/force_link.cpp", "\tREGISTER_LAYER_CLASS({});")
    message = refused(install_ours, full_tree)
    assert "force_link.cpp:2 registers another Normalize: the tree has no message" in message


def test_a_type_whose_message_no_layer_can_carry_is_refused(full_tree, install_ours):
    add_proto(full_tree, HAPPYNEAR_MESSAGES, "  optional SideParameter flip_param = 212;\n")
    register(full_tree, "Flip", "src/caffe/layers/flip_layer.cpp")
    assert "no field of LayerParameter is a FlipParameter" in refused(install_ours, full_tree)


def test_another_meaning_of_a_field_is_refused_with_both(full_tree, install_ours):
    message = "message FlipParameter {\n  optional int32 axis = 1 [default = 1];\n}\n"
    add_proto(full_tree, message, "  optional FlipParameter flip_param = 2003;\n")
    text = refused(install_ours, full_tree)
    line = (full_tree / PROTO).read_text().split("message FlipParameter")[0].count("\n") + 1
    assert f"{PROTO}:{line} has another FlipParameter: the fields are axis; in ours" in text


def test_several_clashes_are_told_at_once(full_tree, install_ours):
    for kind in ("Flip", "Normalize"):
        register(full_tree, kind, f"src/caffe/layers/my_{kind}.cpp")
    message = refused(install_ours, full_tree)
    assert "my_Flip.cpp:2" in message and "my_Normalize.cpp:2" in message
    assert "`--as Flip=AmcaffeFlip --as Normalize=L2Normalize`" in message
    install_ours("--as", "Flip=AmcaffeFlip", "--without", "Normalize")
    assert types(full_tree) == sorted(OUR_LAYERS | {"AmcaffeFlip"})


def test_a_class_that_nothing_registers_is_in_the_way(full_tree, install_ours):
    header = "include/caffe/custom_layers.hpp"
    write_files(full_tree, {header: "\nclass FlipLayer : public Layer<Dtype> {\n};\n"})
    assert f"{header}:2 defines another FlipLayer" in refused(install_ours, full_tree)


@pytest.mark.parametrize(
    "line", ["class FlipLayer;", "// class FlipLayer {", "friend class FlipLayer;"]
)
def test_a_class_that_is_only_named_is_not(full_tree, install_ours, line):
    write_files(full_tree, {"include/caffe/custom_layers.hpp": f"{line}\n"})
    install_ours()
    assert set(types(full_tree)) == OUR_LAYERS


def test_a_message_without_its_layer_gets_the_fields_it_lacks(
    full_tree, install_ours, uninstalls, capsys
):
    theirs = (
        "message CombinedMarginParameter {\n  optional float m1 = 1 [default = 4.0];\n"
        "  optional float m2 = 2 [default = 0.5];\n}\n"
    )
    add_proto(full_tree, theirs, "  optional CombinedMarginParameter combined_margin_param = 85;\n")
    uninstalls["tree"] = snapshot(full_tree)
    install_ours()
    assert set(types(full_tree)) == OUR_LAYERS
    assert fields(full_tree)["combined_margin_param"] == 85
    assert fields(full_tree, "CombinedMarginParameter") == {
        "m1": 1, "m2": 2, "m3": 3, "transform_test": 4, "bound": 5
    }  # fmt: skip
    assert notes(capsys, "left alone") == [
        "field LayerParameter.combined_margin_param = 85",
        "message CombinedMarginParameter, without m3, transform_test, bound, which it got",
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_numbers_that_are_taken_in_any_notation_move_to_our_block(
    full_tree, install_ours, uninstalls, capsys, newline
):
    taken = [f"  optional int32 x{number} = {number};" for number in range(147, 157)]
    taken += ["\toptional int32 y\t=\t0xD4;//212", "  optional int32 z = 0326;", "  reserved 241;"]
    add_proto(full_tree, fields="\n".join(taken) + "\n")
    path = full_tree / PROTO
    path.write_bytes(path.read_bytes().rstrip(b"\n").replace(b"\n", newline.encode()))
    uninstalls["tree"] = snapshot(full_tree)
    install_ours()
    found = fields(full_tree)
    moved = ("flip_param", "normalize_param", "label_specific_add_param")
    block = [number for name, number in found.items() if 4000 < number < 5000 and name not in moved]
    free = max(block) + 1
    assert [found[name] for name in moved] == [free, free + 1, free + 2]
    assert found["combined_margin_param"] == 4002 and found["y"] == 212
    assert f"LayerParameter.flip_param = {free}, as 212 is of y" in notes(capsys, "field number")


def test_an_inner_product_made_by_a_factory_is_left_out(
    full_tree, install_ours, uninstalls, capsys
):
    path = full_tree / PROTO
    engine = "  enum Engine { DEFAULT = 0; }\n  optional Engine engine = 7 [default = DEFAULT];\n"
    path.write_text(path.read_text().replace("  optional bool transpose", engine +
                                             "  optional bool transpose"))  # fmt: skip
    write_files(
        full_tree,
        {"src/caffe/layer_factory.cpp":
         "REGISTER_LAYER_CREATOR(InnerProduct, GetInnerProductLayer);\n"},
    )  # fmt: skip
    uninstalls["tree"] = snapshot(full_tree)
    install_ours()
    (why,) = notes(capsys, "left out")
    assert why.startswith("InnerProduct's normalize: src/caffe/layer_factory.cpp:1 makes one of")
    assert "normalize" not in fields(full_tree, "InnerProductParameter")
    after = snapshot(full_tree)
    assert "src/caffe/test/test_inner_product_normalize.cpp" not in after
    assert "src/caffe/test/test_normalized_inner_product_layer.cpp" in after
    assert (
        after["src/caffe/layers/inner_product_layer.cpp"]
        == (uninstalls["tree"]["src/caffe/layers/inner_product_layer.cpp"])
    )


def test_bounds_that_the_host_reads_itself_are_left_alone(full_tree, install_ours, capsys):
    path = full_tree / "src/caffe/layers/scale_layer.cpp"
    path.write_text(path.read_text() + "// if\nif (scale_param().has_min_value()) {}\n")
    before = path.read_bytes()
    install_ours()
    assert "Scale's min_value and max_value: src/caffe/layers/scale_layer.cpp reads it itself" in (
        notes(capsys, "left alone")
    )
    assert path.read_bytes() == before and fields(full_tree, "ScaleParameter") == {}
    assert not (full_tree / "src/caffe/test/test_scale_bounds.cpp").exists()
    assert not (full_tree / "src/caffe/layers/scale_bounds.cpp").exists()


def test_an_option_field_of_another_type_is_left_out(full_tree, install_ours, capsys):
    path = full_tree / PROTO
    path.write_text(path.read_text().replace("message ScaleParameter {\n",
                    "message ScaleParameter {\n  optional string min_value = 6;\n"))  # fmt: skip
    install_ours()
    assert notes(capsys, "left out") == [
        "Scale's min_value and max_value: ScaleParameter.min_value is `optional string` there"
    ]


def test_a_tree_without_a_scale_layer_gets_the_rest(full_tree, install_ours, capsys):
    for suffix in ("cpp", "cu"):
        (full_tree / f"src/caffe/layers/scale_layer.{suffix}").unlink()
    install_ours()
    assert notes(capsys, "left out") == [
        "Scale's min_value and max_value: the tree has no src/caffe/layers/scale_layer.cpp"
    ]
    assert set(types(full_tree)) == OUR_LAYERS


def test_a_test_whose_headers_the_tree_lacks_is_left_out(full_tree, install_ours, capsys):
    (full_tree / "include/caffe/layers/scale_layer.hpp").unlink()
    install_ours()
    assert notes(capsys, "left out") == [
        "tests/layers/margins/test_scale_bounds.cpp: the tree has no "
        "include/caffe/layers/scale_layer.hpp"
    ]
    assert (full_tree / "src/caffe/layers/scale_bounds.cpp").is_file()


@pytest.mark.parametrize(
    "declaration",
    ["template <typename Ftype, typename Btype>\nclass Layer : public LayerBase {",
     "template<typename Dtype, typename MItype, typename MOtype>\nclass Layer : public LayerBase {",
     "class Layer {"],
)  # fmt: skip
def test_another_layer_template_is_refused_but_takes_the_compatibility_edits(
    full_tree, install_ours, uninstalls, declaration
):
    write_files(full_tree, {"include/caffe/layer.hpp": f"{declaration}\n}};\n"})
    uninstalls["tree"] = snapshot(full_tree)
    assert "another layer interface: " in refused(install_ours, full_tree).splitlines()[0]
    install_ours("--no-layers")
    assert "cv::IMREAD_COLOR" in (full_tree / "src/caffe/util/io.cpp").read_text("utf-8")
    assert types(full_tree) == []


def test_a_link_to_a_file_of_the_tree_is_edited_under_its_own_name_only(
    full_tree, install_ours, uninstalls
):
    (full_tree / "src/caffe/util/same_io.cpp").symlink_to("io.cpp")
    uninstalls["tree"] = snapshot(full_tree)
    install_ours()
    assert (full_tree / "src/caffe/util/same_io.cpp").is_symlink()
    assert "cv::IMREAD_COLOR" in (full_tree / "src/caffe/util/io.cpp").read_text("utf-8")


def test_read_only_files_are_edited_and_stay_read_only(full_tree, install_ours, uninstalls):
    path = full_tree / "src/caffe/util/io.cpp"
    path.chmod(0o444)
    uninstalls["tree"] = snapshot(full_tree)
    install_ours()
    assert path.stat().st_mode & 0o777 == 0o444 and b"cv::IMREAD_COLOR" in path.read_bytes()


@pytest.mark.parametrize("encoding", ["utf-16-le", "shift_jis", "latin-1"])
def test_comments_in_any_encoding_stay(full_tree, install_ours, uninstalls, encoding):
    path = full_tree / "src/caffe/util/io.cpp"
    path.write_bytes("// \u00e9\u8868\\ \n".encode(encoding, "ignore") + path.read_bytes())
    uninstalls["tree"] = snapshot(full_tree)
    install_ours()
    assert b"cv::IMREAD_COLOR" in path.read_bytes()


def test_what_a_build_would_stumble_over_is_warned_about(full_tree, install_ours, capsys):
    write_files(
        full_tree,
        {
            "windows/libcaffe/libcaffe.vcxproj": '<ClCompile Include="inner_product_layer.cpp"/>',
            "windows/other.vcxproj": "<Project/>",
            "src/caffe/proto/caffe_orig.proto": "package caffe;\nmessage LayerParameter {}\n",
            "src/caffe/proto/old_caffe.proto": "package old_caffe;\nmessage LayerParameter {}\n",
            "python/caffe/proto/caffe_pb2.py": "# of another proto\n",
        },
    )
    install_ours()
    warnings = notes(capsys, "warning")
    assert len(warnings) == 3
    assert "python/caffe/proto/caffe_pb2.py was generated before" in warnings[0]
    assert "src/caffe/proto/caffe_orig.proto defines LayerParameter too" in warnings[1]
    assert warnings[2].startswith("windows/libcaffe/libcaffe.vcxproj: projects of Visual Studio")
    numbers = fields(full_tree)
    write_files(full_tree, {"python/caffe/proto/caffe_pb2.py": " ".join(numbers)})
    install_ours()
    assert not [one for one in notes(capsys, "warning") if "caffe_pb2" in one]


def test_uncommitted_changes_in_files_that_are_edited_are_told_and_kept(
    full_tree, install_ours, uninstalls, capsys
):
    def git(*arguments):
        subprocess.run(["git", "-C", full_tree, *arguments], check=True, capture_output=True)

    git("init", "-q")
    git("add", "-A")
    git("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "-m", "x")
    (full_tree / "include/caffe/common.hpp").write_text("// not edited by us\n")
    path = full_tree / "src/caffe/util/io.cpp"
    path.write_bytes(b"// mine\n" + path.read_bytes())
    uninstalls["tree"] = snapshot(full_tree)
    install_ours()
    (warning,) = notes(capsys, "warning")
    assert warning.startswith("git has changes that are not committed in src/caffe/util/io.cpp:")
    install_ours()  # what it sees now is our own doing
    assert notes(capsys, "warning") == []
