"""Copies of lists and nets for Caffe, in the run's folder."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from amcaffe.data.lists import read_image_list

pytestmark = pytest.mark.usefixtures("stock_caffe")


def net_of(*sources):
    from caffe.proto import caffe_pb2

    net = caffe_pb2.NetParameter()
    for source in sources:
        layer = net.layer.add(name=source, type="ImageData")
        layer.image_data_param.source, layer.image_data_param.root_folder = source, "img/"
    return net


def test_nets_and_lists_of_one_name_do_not_meet(tmp_path, monkeypatch):
    from caffe.proto import caffe_pb2

    from amcaffe.train.list_copies import ListCopies

    monkeypatch.chdir(tmp_path)
    copies = ListCopies("run")
    for folder, text in (("a", "1.png,0\n"), ("b", "2.png\t0\n"), ("c", "3.png 0\r\n")):
        Path(folder).mkdir()
        Path(folder, "l.txt").write_bytes(text.encode())
        data = SimpleNamespace(source=f"{folder}/l.txt", root_folder="img/")
        for _ in range(2):  # as where two nets name one list
            copies.add(data, read_image_list(data.source))
    nets = [
        ("a/net", net_of("a/l.txt", "c/l.txt"), None),
        ("b/net", net_of("b/l.txt", "a/l.txt"), None),
        ("c/net", net_of("c/l.txt"), None),
    ]
    solver = caffe_pb2.SolverParameter(train_net="a/net", test_net=["b/net", "c/net", "b/net"])
    copies.use_in(solver, nets)
    assert {path.name for path in Path("run/for_caffe").iterdir()} == {
        "l.txt", "2_l.txt", "net", "2_net",
    }  # fmt: skip
    assert Path("run/for_caffe/2_l.txt").read_text() == "2.png 0\n"
    assert solver.train_net == "run/for_caffe/net"
    assert list(solver.test_net) == ["run/for_caffe/2_net", "c/net", "run/for_caffe/2_net"]
    text = Path(solver.train_net).read_text()
    assert 'source: "run/for_caffe/l.txt"' in text and 'source: "c/l.txt"' in text
    assert text.startswith("# a/net, with lists") and text.count('root_folder: "img/"') == 2
    assert nets[0][1] == net_of("a/l.txt", "c/l.txt")


def test_a_solver_whose_lists_need_no_copy_stays_as_it_is(tmp_path, monkeypatch):
    from caffe.proto import caffe_pb2

    from amcaffe.train.list_copies import ListCopies

    monkeypatch.chdir(tmp_path)
    Path("l.txt").write_text("1.png 0")
    copies = ListCopies("run")
    copies.add(SimpleNamespace(source="l.txt", root_folder=""), read_image_list("l.txt"))
    solver = caffe_pb2.SolverParameter(net="net")
    copies.use_in(solver, [("net", net_of("l.txt"), None)])
    assert solver == caffe_pb2.SolverParameter(net="net") and not Path("run").exists()
