"""Which blobs are state: one table here, a registration beside each layer."""

import re
from pathlib import Path

from amcaffe.host.resources import resource_dir
from amcaffe.nets.layer_state import FIRST_CHANGED_BLOB, FIRST_STATE_BLOB, split_state


def test_the_layers_say_the_same():
    registered = {
        kind: int(first)
        for path in Path(resource_dir("layers")).rglob("*.cpp")
        for kind, first in re.findall(r"REGISTER_LAYER_STATE\((\w+), (\d+)\);", path.read_text())
    }
    assert registered == FIRST_STATE_BLOB


def test_every_layer_that_keeps_a_number_says_from_which_blob_on():
    """KeepNumber makes it; ChannelScale's is learnt."""
    kept = {}
    for path in Path(resource_dir("layers")).rglob("*_layer.cpp"):
        text = path.read_text()
        numbers = [int(first) for first in re.findall(r"KeepNumber<Dtype>\((\d+),", text)]
        if numbers:
            kept[re.search(r"REGISTER_LAYER_CLASS\((\w+)\)", text)[1]] = min(numbers)
    assert kept == FIRST_CHANGED_BLOB


def test_blobs_are_split_by_type():
    assert split_state("MarginInnerProduct", [1, 2]) == ([1], [2])
    assert split_state("MarginSoftmaxLoss", [1, 2]) == ([1], [2])
    assert split_state("LabelSpecificMargin", [1, 2]) == ([], [1, 2])
    assert split_state("InnerProduct", [1, 2]) == ([1, 2], [])
