import pytest

from amcaffe.prototxt import render_files
from amcaffe.prototxt.experiment import Experiment


@pytest.fixture(scope="session")
def whole_caffe(patched_caffe):
    """pycaffe with every layer that a rendered net has."""
    known = patched_caffe.layer_type_list()
    content = "".join(render_files(Experiment()).values())
    for kind in ("MarginSoftmaxLoss", "ChannelScale", "MarginInnerProduct"):
        assert f'"{kind}"' in content
        if kind not in known:
            pytest.skip(f"{patched_caffe.__file__} has no layer {kind}")
    return patched_caffe
