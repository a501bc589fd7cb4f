"""How near a layer must come to PyTorch's autograd in double precision."""

import numpy as np

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-10}


def assert_agrees(found, exact, precision, single=None, floor=0.0, what=""):
    """found within TOLERANCE of exact, relative to exact's largest element.

    Args:
        single: the same by PyTorch in float32, for inputs so ill-conditioned that no float32
            reaches 1e-5: then twice PyTorch's own error is allowed.
        floor: the least magnitude that errors are relative to.
    """
    exact = np.asarray(exact, np.float64)
    assert np.shape(found) == exact.shape
    assert np.isfinite(exact).all(), "the inputs make the comparison itself meaningless"
    allowed = TOLERANCE[precision] * max(np.abs(exact).max(initial=0), floor)
    if single is not None and precision is np.float32:
        allowed = max(allowed, 2 * np.abs(np.asarray(single, np.float64) - exact).max(initial=0))
    np.testing.assert_allclose(found, exact, rtol=0, atol=allowed, err_msg=what)
