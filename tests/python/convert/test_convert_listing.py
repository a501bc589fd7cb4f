"""What a file holds, in lines."""

from pathlib import Path

import pytest

from amcaffe.convert import main
from amcaffe.convert.forks import fork_schema
from amcaffe.convert.listing import listing
from amcaffe.convert.modelfile import MODEL, STATE
from amcaffe.convert.wire import packed, tag, varint

MTCNN = Path(__file__).parents[4] / "shared/data/mtcnn"


def lines_of(data, kind=MODEL, fork="upstream"):
    return list(listing("f", memoryview(data), kind, fork_schema(fork)))


def test_a_net_is_listed_as_protobuf_reads_it(here):
    net = here.classes["NetParameter"](name="net")
    fc = net.layer.add(name="fc", type="InnerProduct", bottom=["a", "b"], top=["c"])
    fc.inner_product_param.num_output = 2
    weights, bias = fc.blobs.add(), fc.blobs.add()
    weights.shape.dim.extend([2, 3])
    weights.data.extend(range(6))
    bias.num, bias.channels, bias.height, bias.width = 1, 1, 1, 2
    bias.double_data.extend([1, 2])
    wrong = net.layer.add(name="wrong", type="Scale").blobs.add()
    wrong.shape.dim.extend([4])
    wrong.data.append(1)
    data = net.SerializeToString()
    assert lines_of(data) == [
        f"f: {len(data)} bytes, fields as in upstream",
        'net "net"',
        '    0  "fc"  InnerProduct  "a", "b" -> "c"  [2 x 3 float]  [1 x 1 x 1 x 2 double]  '
        "inner_product_param 117",
        '    1  "wrong"  Scale  [4 float, BUT 1 NUMBERS]',
        "2 layers, 3 blobs, 9 numbers in 44 bytes",
    ]


def test_nets_of_2014_and_2013(here):
    net = here.classes["NetParameter"]()
    net.layers.add(name="conv", type=4, bottom=["a"], top=["b"]).blobs.add(num=1, data=[1.0])
    connection = net.layers.add(bottom=["b"], top=["c"])
    connection.layer.name, connection.layer.type = "old", "innerproduct"
    connection.layer.blobs.add(num=1, channels=1, height=1, width=2, data=[1, 2])
    _, first, second, _ = lines_of(net.SerializeToString())
    assert first.startswith('    0  "conv"  CONVOLUTION  "a" -> "b"  ')
    assert second == '    1  "old"  innerproduct  "b" -> "c"  [1 x 1 x 1 x 2 float]'


def test_a_solverstate(here):
    state = here.classes["SolverState"](iter=30, learned_net="x_iter_30.caffemodel", current_step=2)
    state.history.add(data=[1, 2]).shape.dim.append(2)
    assert lines_of(state.SerializeToString(), STATE)[1:] == [
        "iter 30",
        "current_step 2",
        'learned_net "x_iter_30.caffemodel"',
        "    0  [2 float]",
        "1 blobs of history, 2 numbers in 8 bytes",
    ]


def test_what_does_not_fit_is_told_with_the_forks_that_do():
    layer = packed(1, b"norm") + packed(2, b"Normalize") + packed(148, b"")
    lines = lines_of(packed(100, layer + packed(241, b"")))
    assert lines[1] == '    0  "norm"  Normalize  clip_param 148  field 241: unknown'
    assert 'does not fit upstream: layer 0 "norm" > clip_param > min' in lines[-4]
    assert 'does not fit upstream: layer 0 "norm" > field 241' in lines[-2]
    assert lines[-1] == "fits the field numbers of: no fork known here"
    lines = lines_of(packed(100, layer))
    assert lines[-1].startswith("fits the field numbers of: ") and "gehaocool" in lines[-1]


def test_a_broken_layer_does_not_hide_the_others():
    data = packed(100, packed(1, b"a") + b"\x0a\x7f") + packed(100, packed(1, b"b"))
    lines = lines_of(data)
    assert "BROKEN: field 1, 127 bytes long" in lines[1]
    assert lines[2].startswith('    1  "b"')


def test_a_layer_of_countless_fields_is_cut(monkeypatch):
    lines = lines_of(packed(100, (tag(10, 0) + varint(1)) * 10001))
    assert lines[1].endswith("more than 10000 fields, of which no more is said")


def test_the_detectors(capsys, monkeypatch):
    if not MTCNN.is_dir():
        pytest.skip(f"no {MTCNN}")
    monkeypatch.delenv("CAFFE_ROOT", raising=False)
    main([str(MTCNN / "det1.caffemodel"), "--list"])
    printed = capsys.readouterr().out.splitlines()
    conv1 = '"conv1"  Convolution  "data12face" -> "conv1"  [10 x 3 x 3 x 3 float]  [10 float]'
    assert f"    4  {conv1}  convolution_param 106" in printed
    assert "18 layers, 13 blobs, 6632 numbers in 26528 bytes" in printed
    assert 'layer 15 "loss1" > softmax_param > field 3' in printed[-2]
    assert printed[-1].startswith("fits the field numbers of: happynear")
