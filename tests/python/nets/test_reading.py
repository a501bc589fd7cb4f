import pytest

from amcaffe.errors import InputError


@pytest.fixture
def net_of(stock_caffe, tmp_path):
    from amcaffe.nets import reading

    def write(text):
        path = tmp_path / "net.prototxt"
        path.write_text(text)
        return reading.read_net(path)

    return write


def layer(name, rules):
    return f'layer {{ name: "{name}" type: "ReLU" bottom: "x" top: "{name}" {rules} }}\n'


@pytest.mark.parametrize(
    "rules, where",
    [
        ("", {"train", "test", "staged"}),
        ("include { phase: TRAIN }", {"train", "staged"}),
        ("exclude { phase: TRAIN }", {"test"}),
        ("include { phase: TEST } include { phase: TRAIN stage: 's' }", {"test", "staged"}),
        ("include { not_stage: 's' }", {"train", "test"}),
        ("include { min_level: 2 }", {"staged"}),
        ("exclude { max_level: 1 }", {"staged"}),
    ],
)
def test_layers_are_kept_as_caffe_itself_keeps_them(net_of, tmp_path, stock_caffe, rules, where):
    from amcaffe.nets import reading

    data = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 } } }\n'
    net = net_of(data + layer("always", "") + layer("ruled", rules))
    states = {"train": (0, 0, ()), "test": (1, 0, ()), "staged": (0, 2, ("s",))}
    for state, (phase, level, stages) in states.items():
        names = [kept.name for kept in reading.layers_in(net, phase, level, stages)]
        assert ("ruled" in names) == (state in where), state
        built = stock_caffe.Net(
            str(tmp_path / "net.prototxt"), phase, level=level, stages=list(stages)
        )
        assert names == [name for name in built._layer_names if "_split" not in name], state


def test_a_net_of_the_old_format_is_refused_with_the_upgrade_tool(net_of):
    with pytest.raises(InputError, match="old format") as caught:
        net_of('layers { name: "a" type: RELU bottom: "x" top: "y" }')
    assert "upgrade_net_proto_text" in str(caught.value)


def test_a_bottom_that_no_layer_makes_is_named(net_of, stock_caffe):
    from amcaffe.nets import reading

    net = net_of('input: "data" layer { name: "a" type: "ReLU" bottom: "dta" top: "y" }')
    with pytest.raises(InputError, match="layer a reads a blob"):
        reading.check_layers(stock_caffe, "net", net, list(net.layer))


@pytest.mark.parametrize(
    "text, line, patch",
    [
        ("layer {\n  nme: 'a'\n}", 2, True),
        ("layer {\n  name: 3\n}", 2, False),
    ],
)
def test_a_text_error_names_the_line(net_of, text, line, patch):
    with pytest.raises(InputError, match=rf"net\.prototxt:{line}: ") as caught:
        net_of(text)
    assert ("amcaffe.install" in str(caught.value)) is patch
