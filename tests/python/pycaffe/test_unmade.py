"""A class of Caffe's used before its __init__ holds nothing: a TypeError, not a crash."""

import pytest


def test_a_net_before_its_init(pycaffe, net_file):
    class Early(pycaffe.Net):
        def __init__(self):
            for use in (lambda: self.inputs, self.forward, lambda: self.share_with(self)):
                with pytest.raises(TypeError, match=r"super\(\).__init__"):
                    use()
            super().__init__(net_file, pycaffe.TEST)

    assert list(Early().inputs) == ["data"]


@pytest.mark.parametrize(
    "name, attribute",
    [
        ("Net", "_blobs"),
        ("Solver", "net"),
        ("SGDSolver", "iter"),
        ("AdamSolver", "param"),
        ("Layer", "type"),
        ("Blob", "shape"),
        ("BlobVec", "__len__"),
        ("IntVec", "__iter__"),
        ("Timer", "ms"),
        ("SolverParameter", "base_lr"),
    ],
)
def test_any_class_before_its_init(pycaffe, name, attribute):
    made_of = getattr(pycaffe._caffe, name)
    unmade = made_of.__new__(made_of)
    with pytest.raises(TypeError, match=r"super\(\).__init__"):
        value = getattr(unmade, attribute)
        value()


def test_a_net_whose_init_failed(pycaffe):
    unmade = pycaffe.Net.__new__(pycaffe.Net)
    with pytest.raises(pycaffe._caffe.CaffeError):
        unmade.__init__("/nowhere", pycaffe.TEST)
    with pytest.raises(TypeError, match="__init__"):
        unmade.save("/nowhere")
