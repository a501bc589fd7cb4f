"""Weights of a file against a net, by name, shape and type."""

import pytest

from amcaffe.errors import InputError
from amcaffe.nets.weights import BlobShape, LayerBlobs, compare_weights


def in_file(kind, *shapes):
    return LayerBlobs(kind, [BlobShape(shape, False) for shape in shapes])


def in_net(kind, *shapes):
    return LayerBlobs(kind, list(shapes))


PLAIN = in_file("InnerProduct", (2, 3))
BIASED = in_file("InnerProduct", (2, 3), (2,))
COUNTING = in_file("MarginInnerProduct", (2, 3), (1,))
CONSTANT = in_file("MarginInnerProduct", (2, 3))


@pytest.mark.parametrize(
    "dims, legacy, shape, fits",
    [
        ((4, 3), False, (4, 3), True),
        ((4, 3), False, (3, 4), False),
        ((1, 1, 4, 3), True, (4, 3), True),
        ((1, 1, 4, 3), False, (4, 3), False),
        ((1, 1, 1, 4), True, (4,), True),
        ((4, 1, 1, 3), True, (4, 3), False),
    ],
)
def test_old_weights_are_compared_in_four_dimensions(dims, legacy, shape, fits):
    assert BlobShape(dims, legacy).fits(shape) is fits


def test_weights_of_no_layer_of_the_net_are_refused():
    weights = {"other": in_file("InnerProduct", (2,))}
    with pytest.raises(InputError, match="has no layer of this net"):
        compare_weights("w", weights, {"fc5": in_net("InnerProduct", (2,))}, whole=False)


def test_lacking_layers_are_listed_where_that_is_allowed():
    weights = {"fc5": in_file("InnerProduct", (2,))}
    wanted = {"fc5": in_net("InnerProduct", (2,)), "fc6": in_net("InnerProduct", (3,))}
    assert compare_weights("w", weights, wanted, whole=False) == ["fc6"]
    with pytest.raises(InputError, match="lacks 1 of the 2 layers .* fc6"):
        compare_weights("w", weights, wanted, whole=True)


@pytest.mark.parametrize(
    "found, kind, shapes, fits",
    [
        (PLAIN, "InnerProduct", [(2, 3)], True),
        (BIASED, "InnerProduct", [(2, 3)], False),
        (PLAIN, "InnerProduct", [(2, 3), (2,)], False),
        (PLAIN, "MarginInnerProduct", [(2, 3), (1,)], True),
        (CONSTANT, "MarginInnerProduct", [(2, 3), (1,)], True),
        (COUNTING, "MarginInnerProduct", [(2, 3), (1,)], True),
        (COUNTING, "MarginInnerProduct", [(2, 3)], True),
        (COUNTING, "InnerProduct", [(2, 3)], True),
        (COUNTING, "InnerProduct", [(2, 3), (2,)], False),
        (BIASED, "MarginInnerProduct", [(2, 3), (1,)], False),
        (BIASED, "MarginInnerProduct", [(2, 3)], False),
        (COUNTING, "MarginInnerProduct", [(4, 3), (1,)], False),
        (in_file("LabelSpecificAdd", (1,)), "LabelSpecificAdd", [], True),
        (PLAIN, "ReLU", [], False),
        # HDF5 does not tell the type.
        (in_file(None, (2, 3), (1,)), "MarginInnerProduct", [(2, 3)], True),
        (in_file(None, (2, 3), (2,)), "MarginInnerProduct", [(2, 3), (1,)], False),
        (in_file(None, (2, 3), (1,)), "InnerProduct", [(2, 3)], False),
    ],
)
def test_a_classifier_fits_with_and_without_a_count_and_never_with_a_bias(
    found, kind, shapes, fits
):
    wanted = {"fc": in_net(kind, *shapes), "fc5": in_net("InnerProduct", (1,))}
    weights = {"fc": found, "fc5": in_file("InnerProduct", (1,))}
    if fits:
        assert compare_weights("w", weights, wanted, whole=True) == []
    else:
        with pytest.raises(InputError, match="w: layer fc does not"):
            compare_weights("w", weights, wanted, whole=True)


def test_a_layer_that_keeps_state_alone_is_not_lacking():
    weights = {"fc5": in_file("InnerProduct", (1,))}
    wanted = {"fc5": in_net("InnerProduct", (1,)), "m": in_net("LabelSpecificAdd", (1,))}
    assert compare_weights("w", weights, wanted, whole=True) == []
    with pytest.raises(InputError, match="lacks 1 of the 2 layers .*: m\\b"):
        compare_weights("w", weights, wanted, whole=True, state=True)


def test_what_is_resumed_has_its_state():
    wanted = {"fc": in_net("MarginInnerProduct", (2, 3), (1,))}
    assert compare_weights("w", {"fc": COUNTING}, wanted, whole=True, state=True) == []
    with pytest.raises(InputError, match="layer fc"):
        compare_weights("w", {"fc": CONSTANT}, wanted, whole=True, state=True)
