"""The line that says how a net's input is made: its form, its rules, and where it stands."""

import numpy as np
import pytest

from amcaffe.errors import InputError
from amcaffe.nets.net_input import NetInput, chosen_input, stated_input

COLOUR, GREY = (3, 112, 96), (1, 112, 96)


def parse(text):
    return NetInput.parse(text, "--input")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("bgr,128,0.0078125", NetInput("bgr", (128,), 1 / 128)),
        ("rgb,127.5,0.0078125", NetInput("rgb", (127.5,), 1 / 128)),
        ("grey,0,1", NetInput("grey", (0,), 1)),
        (
            "bgr,103.939/116.779/123.68,0.017,resize=256x257,crop=224x225",
            NetInput("bgr", (103.939, 116.779, 123.68), 0.017, (256, 257), (224, 225)),
        ),
        ("bgr,100,1e-05,crop=9x8", NetInput("bgr", (100,), 0.00001, crop=(9, 8))),
        ("rgb,0.5,0.00392156886", NetInput("rgb", (0.5,), float(np.float32(1 / 255)))),
    ],
)
def test_text_and_meaning_are_one(text, expected):
    found = parse(text)
    assert found == expected
    assert parse(str(found)) == found
    assert str(parse(text)) == (text if "0392" not in text else "rgb,0.5,0.003921569")


@pytest.mark.parametrize(
    "text, canonical",
    [
        ("bgr, 128.0 , .0078125", "bgr,128,0.0078125"),
        ("bgr,128/128/128,7.8125e-3", "bgr,128,0.0078125"),
        ("rgb,1/2/3,1.,resize=08x07", "rgb,1/2/3,1,resize=8x7"),
    ],
)
def test_other_spellings_of_the_same_are_read(text, canonical):
    assert str(parse(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bgr",
        "bgr,128",
        "128,0.0078125",
        "bgr,128,1/128",
        "bgr,128/128,/,1",
        "bgr,12 8,1",
        "bgr,nan,1",
        "bgr,0x10,1",
        "bgr,1_0,1",
        "bgr,١٢٨,1",
        "bgr,128,0.0078125,",
        "bgr,128,0.0078125,112x112",
        "bgr,128,0.0078125,resize=112",
        "bgr,128,0.0078125,resize=112x",
        "bgr,128,0.0078125,resize=-1x12",
        "bgr,128,0.0078125,resize=9x9,resize=9x9",
        "bgr,128,0.0078125,crop=9x9,resize=9x9",
        "bgr,128,0.0078125,mirror=1x1",
        "bgr,128,128,128,0.0078125",
    ],
)
def test_what_is_not_of_the_form_is_refused_with_the_form(text):
    with pytest.raises(InputError, match="--input: this does not say") as caught:
        parse(text)
    assert "resize=HxW" in caught.value.expected and "for example" in caught.value.hint


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("gray,128,1", "there is no such colour order"),
        ("BGR,128,1", "there is no such colour order"),
        ("bgr,1/2,1", "2 means for 3 channels"),
        ("grey,1/2/3,1", "3 means for 1 channel "),
        ("bgr,-1,1", "a mean is out of range"),
        ("bgr,1/2/256,1", "a mean is out of range"),
        ("bgr,1e99,1", "a mean is out of range"),
        ("bgr,0.0078125,128", "the scale is out of range"),
        ("bgr,128,0", "the scale is out of range"),
        ("bgr,128,1e-60", "the scale is out of range"),
        ("bgr,128,1,crop=0x5", "crop is out of range"),
        ("bgr,128,1,resize=5x0", "resize is out of range"),
        ("bgr,128,1,resize=112x96,crop=96x97", "what is resized is smaller than the crop"),
        ("bgr,128,1,resize=95x96,crop=96x96", "what is resized is smaller than the crop"),
    ],
)
def test_what_no_image_can_be_made_by_is_refused(text, complaint):
    with pytest.raises(InputError, match=f"^--input: {complaint}"):
        parse(text)


@pytest.mark.parametrize(
    "text, shape, complaint",
    [
        ("grey,128,1", COLOUR, "grey is 1 channel\n"),
        ("rgb,128,1", GREY, "rgb is 3 channels\n"),
        ("bgr,1/2/3,1", GREY, "bgr is 3 channels\n"),
        ("bgr,128,1,crop=96x112", COLOUR, "it gives 96x112"),
        ("bgr,128,1,resize=112x112", COLOUR, "it gives 112x112"),
        ("bgr,128,1,resize=128x128,crop=112x112", COLOUR, "it gives 112x112"),
    ],
)
def test_what_contradicts_the_nets_input_is_refused(text, shape, complaint):
    with pytest.raises(InputError, match=f"^--input contradicts the net: {complaint}") as caught:
        parse(text).fitted("--input", "deploy.prototxt", shape)
    assert caught.value.found == text and "deploy.prototxt" in caught.value.expected


def test_without_sizes_images_are_resized_to_the_nets_input():
    for text in ("grey,128,1,resize=112x96", "grey,128,1,crop=112x96"):
        assert parse(text).fitted("--input", "net", GREY) == parse(text)
    assert parse("grey,128,1").fitted("--input", "net", GREY) == parse("grey,128,1,resize=112x96")


def test_two_inputs_are_the_same_where_they_give_the_net_the_same():
    def same(one, other):
        assert parse(one).same_as(parse(other)) == parse(other).same_as(parse(one))
        return parse(one).same_as(parse(other))

    assert same("bgr,128,1", "bgr,128/128/128,1,resize=9x9")
    assert not same("bgr,128,1", "rgb,128,1")
    assert not same("bgr,128,1", "bgr,127.5,1")
    assert not same("bgr,128,1", "bgr,128,0.5")
    assert not same("bgr,128,1", "bgr,128,1,crop=9x9")
    assert not same("bgr,128,1,crop=9x9", "bgr,128,1,resize=9x9,crop=9x9")


@pytest.fixture
def net(tmp_path):
    def write(text):
        (tmp_path / "net.prototxt").write_text(text)
        return str(tmp_path / "net.prototxt")

    return write


LINE = "# amcaffe input: rgb,127.5,0.0078125\n"


@pytest.mark.parametrize(
    "text, line",
    [
        (LINE + 'name: "n"\n', 1),
        ("# mine\n\n" + LINE + 'name: "n"\n', 3),
        ("# of \u2028 somebody\n  " + LINE + 'name: "n"\n', 2),
        ("#amcaffe input:rgb,127.5,0.0078125\r\nname: 'n'\r\n", 1),
        (LINE + "# amcaffe input: rgb,127.50,0.0078125\n", 1),
    ],
)
def test_the_line_is_found_among_the_first_comments(net, text, line):
    path = net(text)
    assert stated_input(path) == (NetInput("rgb", (127.5,), 1 / 128), f"{path}:{line}")


@pytest.mark.parametrize("text", ["", 'name: "n"\n' + LINE, "# an amcaffe input: bgr,1,1\n"])
def test_it_is_not_found_elsewhere(net, text):
    assert stated_input(net(text)) == (None, None)


def test_a_bad_line_and_two_lines_that_differ_are_named(net):
    with pytest.raises(InputError, match=r"net.prototxt:2: this does not say"):
        stated_input(net("# mine\n# amcaffe input: 128\n"))
    with pytest.raises(InputError, match=r"net.prototxt:2: another input than in .*:1"):
        stated_input(net(LINE + "# amcaffe input: bgr,127.5,0.0078125\n"))


def test_the_option_and_the_net_have_to_agree(net):
    stated = NetInput("rgb", (127.5,), 1 / 128)
    path = net(LINE)
    assert chosen_input(path, None) == (stated, f"{path}:1")
    assert chosen_input(path, "rgb,127.5/127.5/127.5,0.0078125") == (stated, "--input")
    with pytest.raises(InputError, match="--input contradicts what .*:1 says") as caught:
        chosen_input(path, "bgr,127.5,0.0078125")
    assert "bgr,127.5" in caught.value.found and "rgb,127.5" in caught.value.expected
    assert "leave --input out" in caught.value.hint


def test_where_neither_says_it_both_ways_to_say_it_are_shown(net):
    path = net('name: "n"\n')
    assert chosen_input(path, "grey,1,1") == (NetInput("grey", (1,), 1), "--input")
    with pytest.raises(InputError, match="does not say how its input is made") as caught:
        chosen_input(path, None)
    assert "`# amcaffe input: bgr,128,0.0078125`" in caught.value.expected
    assert "`--input bgr,128,0.0078125`" in caught.value.expected
