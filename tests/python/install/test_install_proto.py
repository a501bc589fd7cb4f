"""Reading caffe.proto, and merging toadd.proto into it."""

import re
import shutil
import subprocess

import pytest

from amcaffe.errors import TreeError
from amcaffe.host.proto_parse import parse
from amcaffe.install.edits import apply_spans, reverse
from amcaffe.install.proto_merge import merge
from standins import ADDITION, PROTO


def merged(host=PROTO, addition=ADDITION, recorded=None):
    plan = merge("caffe.proto", host, "toadd.proto", addition, recorded or {})
    return apply_spans(host, plan.spans)[0], plan


def refusal(host=PROTO, addition=ADDITION):
    with pytest.raises(TreeError) as caught:
        merged(host, addition)
    return str(caught.value)


def layer_parameter(body):
    """PROTO with `body` at the end of its LayerParameter."""
    at = PROTO.index("}\n\nmessage InnerProductParameter")
    return PROTO[:at] + body + "\n" + PROTO[at:]


def fields(text, message="LayerParameter"):
    return {f.name: f.number for f in parse("x.proto", text)[0][message].fields.values()}


def test_numbers_are_read_in_every_notation():
    text = "message M { optional int32 a = 0x10; optional int32 b = 017; optional int32 c = 8; }"
    assert fields(text, "M") == {"a": 16, "b": 15, "c": 8}


def test_what_looks_like_structure_in_comments_and_strings_is_none():
    text = (
        "/* message M { */ // message M {\n"
        "message M { // it's {0, 1, ..., C-1}\n"
        '  optional string a = 1 [default = "}// \\" {"]; /* optional int32 b = 2; */\n'
        "  optional string c = 3 [default = '}\"'];\n}\n"
    )
    assert fields(text, "M") == {"a": 1, "c": 3}


def test_every_kind_of_member_is_understood():
    text = """message M {
      option deprecated = true;
      enum E { A = 0; B = 1; }
      message Inner { optional int32 x = 1; }
      optional E e = 1 [default = A];
      repeated Inner inner = 2;
      oneof choice { int32 left = 3; string right = 4; }
      map<string, int32> counts = 5;
      optional group Result = 6 { optional int32 url = 7; }
      optional float low = 8 [default = -1.5e-3, (mine).opt = {a: 1 b: [2, 3]}];
      reserved 10, 12 to 14, 100 to max;
      reserved "gone";
      extensions 50 to 60;
    }"""
    message = parse("x.proto", text)[0]["M"]
    numbers = {f.name: f.number for f in message.fields.values()}
    assert numbers == {
        "e": 1, "inner": 2, "left": 3, "right": 4, "counts": 5, "Result": 6, "low": 8
    }  # fmt: skip
    assert message.taken(8) == "low" and message.taken(9) is None
    for number in (10, 13, 55, 100, 4001, 19500):
        assert message.taken(number) == "a reserved range", number
    assert text[message.close] == "}" and message.close == len(text) - 1


@pytest.mark.parametrize(
    "text, line",
    [
        ("message M {\n  optional int32 a = 1;\n}\n}\n", 4),
        ("message M {\n  optional int32 a = 1;\n", 3),
        ("message M {\n  optional int32 a = x;\n}\n", 2),
        ("message M {\n  optional int32 a = 1;\n  optional int32 a = 2;\n}\n", 3),
        ("message M {\n}\n\nmessage M {\n}\n", 4),
        ("message M {\n  optional int32 a @ 1;\n}\n", 2),
        ("message M {\n  optional int32 a;\n}\n", 2),
    ],
)
def test_what_protoc_would_refuse_is_refused_with_its_line(text, line):
    with pytest.raises(TreeError, match=f"^caffe.proto:{line}: "):
        parse("caffe.proto", text)


def test_fields_go_right_before_the_closing_brace_of_that_message_only():
    text, plan = merged()
    assert fields(text) == {
        "name": 1, "type": 2, "mil_param": 0x4D4944, "inner_product_param": 117,
        "flip_param": 212, "margin_param": 4001,
    }  # fmt: skip
    assert fields(text, "V1LayerParameter") == {"inner_product_param": 17}
    assert plan.numbers["InnerProductParameter"] == {"normalize": 7}
    start, end = text.index("  // amcaffe begin"), text.index("}\n\nmessage InnerProductParameter")
    assert text[start:end] == (
        "  // amcaffe begin: proto\n"
        "  optional FlipParameter flip_param = 212;\n"
        "  // Of the head.\n"
        "  optional MarginParameter margin_param = 4001;\n"
        "  // amcaffe end\n"
    )
    assert "// Message that stores parameters used by FlipLayer\nmessage FlipParameter {" in text
    assert "flip_width = 1 [default = true]; // mirror left and right" in text


def test_all_else_of_the_text_stays_as_it_is():
    text, _ = merged()
    without = re.sub(r"\n?[ ]*// amcaffe begin.*?// amcaffe end\n", "", text, flags=re.DOTALL)
    assert without.replace("\n", "") == PROTO.replace("\n", "")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n", "  // end"])
def test_line_endings_and_the_last_line_are_kept_and_come_back(newline, end):
    host = (PROTO.rstrip("\n") + end).replace("\n", newline)
    plan = merge("caffe.proto", host, "toadd.proto", ADDITION, {})
    text, hunks = apply_spans(host, plan.spans)
    assert text.count("\n") == (text.count("\r\n") if newline == "\r\n" else text.count("\n"))
    assert ("\r" in text) == (newline == "\r\n")
    assert fields(text)["flip_param"] == 212 and "FlipParameter" in parse("x", text)[0]
    assert text.endswith(newline) == host.endswith(newline)
    for exact in (True, False):
        assert reverse("caffe.proto", text, hunks, exact) == host


@pytest.mark.parametrize(
    "opening, closing",
    [("message LayerParameter{", "}"), ("message LayerParameter\n{", "\t}"),
     ("message LayerParameter {", "/* } */ }"), ("message LayerParameter {\t", "} // }")],
)  # fmt: skip
def test_braces_may_stand_anywhere(opening, closing):
    host = PROTO.replace("message LayerParameter {\n", opening + "\n", 1)
    head, tail = host.split("}\n\nmessage InnerProductParameter")
    text, _ = merged(head + closing + "\n\nmessage InnerProductParameter" + tail)
    assert fields(text)["margin_param"] == 4001
    assert fields(text, "V1LayerParameter") == {"inner_product_param": 17}


def test_a_message_on_one_line_gets_its_fields_too():
    host = PROTO.replace(
        "message InnerProductParameter {\n  optional uint32 num_output = 1;\n"
        "  optional bool transpose = 6 [default = false];\n}",
        "message InnerProductParameter { optional uint32 num_output = 1; }",
    )
    assert fields(merged(host)[0], "InnerProductParameter") == {"num_output": 1, "normalize": 7}


def test_the_same_message_in_another_layout_is_left_alone_and_said():
    host = PROTO + (
        "message MarginParameter\n{\n\toptional Bound bound=1[default=CLAMP]; // theirs\n"
        "\tenum Bound{CLAMP=0;MONOTONE=1;}\n}\n"
    )
    text, plan = merged(host)
    assert text.count("message MarginParameter") == 1 and "message FlipParameter" in text
    assert plan.present == ["message MarginParameter"]


def test_numbers_and_quotes_written_differently_mean_the_same():
    fields = "optional float m = {} [default = {}]; optional string s = 2 [default = {}];"
    message = "message A {{ " + fields + " }}\n"
    addition = ADDITION + message.format("1", "0.50", '"x"')
    host = PROTO + message.format("0x1", ".5", "'x'")
    assert "message A" in merged(host, addition)[1].present


@pytest.mark.parametrize(
    "theirs",
    ["optional bool flip_width = 1 [default = false];",
     "optional bool flip_width = 2 [default = true];", "optional int32 axis = 1;",
     "required bool flip_width = 1 [default = true];",
     ""],
)  # fmt: skip
def test_another_message_of_that_name_is_refused_with_both(theirs):
    host = PROTO + "\nmessage FlipParameter { " + theirs + " }\n"
    message = refusal(host)
    line = host[: host.index("message FlipParameter")].count("\n") + 1
    assert f"caffe.proto:{line}: the tree has another message FlipParameter" in message
    assert theirs in message and "optional bool flip_width = 1 [default = true];" in message


def test_an_enum_of_that_name_is_refused():
    assert "FlipParameter" in refusal(PROTO + "enum FlipParameter { A = 0; }\n")


def test_a_commented_out_definition_is_none():
    text, plan = merged(PROTO + "//message FlipParameter {\n//  optional int32 axis = 1;\n//}\n")
    assert plan.present == [] and "FlipParameter" in parse("x", text)[0]


def test_a_field_that_is_there_is_left_alone_whatever_its_number():
    text, plan = merged(layer_parameter("  optional FlipParameter flip_param = 3001;"))
    assert fields(text)["flip_param"] == 3001 and text.count("flip_param =") == 1
    assert plan.numbers["LayerParameter"]["flip_param"] == 3001
    assert plan.present == ["field LayerParameter.flip_param = 3001"]


def test_a_field_of_another_type_is_refused_with_both():
    message = refusal(layer_parameter("  optional SideParameter flip_param = 212;"))
    assert "SideParameter flip_param = 212" in message
    assert "FlipParameter flip_param = 212" in message


@pytest.mark.parametrize(
    "taken", ["optional int32 x = 212;", "optional int32 x = 0xd4;", "reserved 200 to 300;",
              "extensions 212;", "oneof o { int32 x = 212; }"],
)  # fmt: skip
def test_a_taken_number_gives_way_to_the_first_free_of_our_block(taken):
    text, plan = merged(layer_parameter("  " + taken))
    assert plan.numbers["LayerParameter"] == {"flip_param": 4002, "margin_param": 4001}
    assert fields(text)["flip_param"] == 4002


def test_our_block_is_searched_past_what_is_taken_in_it():
    body = "optional int32 x = 212; optional int32 y = 4001; optional int32 z = 4002;"
    _, plan = merged(layer_parameter(body))
    assert sorted(plan.numbers["LayerParameter"].values()) == [4003, 4004]


def test_a_recorded_number_is_kept_as_long_as_it_is_free():
    recorded = {"LayerParameter": {"flip_param": 4007}}
    assert merged(recorded=recorded)[1].numbers["LayerParameter"]["flip_param"] == 4007
    _, plan = merged(layer_parameter("optional int32 x = 4007;"), recorded=recorded)
    assert plan.numbers["LayerParameter"]["flip_param"] == 212


def test_a_taken_number_of_the_inner_product_gives_way_to_the_next_free_one():
    host = PROTO.replace(
        "bool transpose = 6",
        "int32 engine = 7;\n  optional bool relu = 0x8;\n  optional bool transpose = 6",
    )
    text, plan = merged(host)
    assert fields(text, "InnerProductParameter")["normalize"] == 9
    assert plan.numbers["InnerProductParameter"] == {"normalize": 9}
    assert plan.moved == {"InnerProductParameter.normalize": "7 is of engine"}
    host = host.replace("int32 engine = 7;\n", "")
    assert merged(host, recorded=plan.numbers)[1].numbers == plan.numbers


def test_a_message_with_more_fields_is_left_alone():
    host = PROTO + (
        "message FlipParameter { optional bool flip_width = 1 [default = true]; "
        "optional bool more = 2; }\n"
    )
    text, plan = merged(host)
    assert plan.present == ["message FlipParameter"] and text.count("FlipParameter {") == 1
    assert fields(text)["flip_param"] == 212


RICH = """\
message LayerParameter {
  optional RichParameter rich_param = 212;
}

message RichParameter {
  optional float one = 1;
  // Two kinds.
  enum Kind {
    A = 0;
    B = 1;
  }
  // What kind.
  optional Kind kind = 2 [default = A]; // of two
  optional float three = 3;
}
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_fields_that_a_message_lacks_are_added_to_it_in_a_marked_block(newline):
    theirs = PROTO + "message RichParameter\n{\n\toptional float three=3; // theirs\n}"
    host = theirs.replace("\n", newline)
    text, plan = merged(host, RICH)
    assert fields(text, "RichParameter") == {"three": 3, "kind": 2, "one": 1}
    at = text.index("message RichParameter")
    assert text[at:].replace("\r\n", "\n") == (
        "message RichParameter\n{\n\toptional float three=3; // theirs\n"
        "  // amcaffe begin: proto\n"
        "  // Two kinds.\n  enum Kind {\n    A = 0;\n    B = 1;\n  }\n"
        "  optional float one = 1;\n"
        "  // What kind.\n  optional Kind kind = 2 [default = A]; // of two\n"
        "  // amcaffe end\n}"
    )
    assert plan.present == ["message RichParameter, without one, kind, which it got"]
    _, hunks = apply_spans(host, plan.spans)
    assert reverse("caffe.proto", text, hunks, exact=False) == host


@pytest.mark.parametrize(
    "theirs, why",
    [("optional float three = 3; reserved 2;", "a reserved range has the number 2 of our kind"),
     ("optional float three = 3; optional int32 other = 4;", "there is other, and no one, kind"),
     ("enum Kind { A = 0; } optional Kind kind = 2 [default = A];", "Kind is another"),
     ("optional float three = 3 [default = 1];",
      "there is `optional float three = 3 [default=1.0]`; in ours `optional float three = 3`")],
)  # fmt: skip
def test_a_message_that_cannot_be_completed_is_refused_with_the_reason(theirs, why):
    assert why in refusal(PROTO + f"message RichParameter {{ {theirs} }}\n", RICH)


def test_what_is_to_be_left_is_merged_nowhere():
    plan = merge("caffe.proto", PROTO, "toadd.proto", ADDITION, {}, leave={"FlipParameter"})
    text = apply_spans(PROTO, plan.spans)[0]
    assert "Flip" not in text and "flip" not in text
    assert plan.numbers["LayerParameter"] == {"margin_param": 4001}


def test_a_normalize_that_is_there_is_left_alone():
    own = "transpose = 6 [default = false];"
    host = PROTO.replace(own, own + " optional bool normalize = 7 [default = false];")
    text, plan = merged(host)
    assert plan.present == ["field InnerProductParameter.normalize = 7"]
    assert text.count("bool normalize") == 1


def test_a_tree_without_the_messages_to_extend_is_refused():
    assert "no message LayerParameter" in refusal('syntax = "proto2";\n')


def test_the_comment_on_the_next_number_changes_only_when_that_number_is_used():
    assert "ID: 149 (last added" in merged()[0]
    text, _ = merged(PROTO.replace("ID: 149", "ID: 212"))
    assert "ID: 213 (last added" in text
    body = "  optional int32 x = 213;"
    assert "ID: 214 (last" in merged(layer_parameter(body).replace("ID: 149", "ID: 212"))[0]


def test_protoc_accepts_the_result(tmp_path):
    protoc = shutil.which("protoc")
    if not protoc:
        pytest.skip("no protoc on PATH")
    (tmp_path / "caffe.proto").write_text(merged()[0])
    subprocess.run([protoc, f"-I{tmp_path}", f"--python_out={tmp_path}", "caffe.proto"], check=True)
