"""amcaffe._core, the layers' own formulas, against limit cases and other ways to compute them."""

import threading
import time

import numpy as np
import pytest

_core = pytest.importorskip(
    "amcaffe._core", reason="the extension is not built: python setup.py build_ext --inplace"
)

BOUNDS = ("clamp", "monotone")
DTYPES = (np.float64, np.float32)
TOLERANCE = {np.float64: 1e-10, np.float32: 1e-5}
# Cosines that no limit touches, as float32 has them too, so that both see the same.
INSIDE = np.linspace(-0.99, 0.99, 397).astype(np.float32)


def slope_by_differences(function, x, step=1e-4):
    """The derivative, by a central difference of fourth order, to about 1e-10."""
    far = (function(x + 2 * step) - function(x - 2 * step)) / (4 * step)
    near = (function(x + step) - function(x - step)) / (2 * step)
    return (4 * near - far) / 3


def brute_force(cosine, m1, m2, m3, bound):
    """One target's value in plain words: walk along the curve in angle, by complex powers."""
    unit = complex(cosine, np.sqrt(1 - cosine**2))
    angle = m1 * np.angle(unit) + m2
    if angle < 0:
        return 1 - m3
    if angle <= np.pi:
        return (unit**m1 * np.exp(1j * m2)).real - m3
    if bound == "clamp":
        return -1 - m3
    if m1 == 1:
        return cosine - max(m2 * np.sin(m2), 1 - np.cos(m2)) - m3
    # Every half turn is one more fall from 1 to -1 below the last.
    turns = 0
    while angle > np.pi:
        angle -= np.pi
        turns += 1
    return np.cos(angle) - 2 * turns - m3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize(
    "margin",
    [
        (1, 0, 0.35),
        (1, 0.5, 0),
        (1.35, 0, 0),
        (4, 0, 0),
        (0.9, 0.4, 0.15),
        (4, 0.5, 0.35),
        (3, 2, -0.2),
        (1, -0.3, 0.1),
        (1, 3, 0),
    ],
)
def test_every_value_is_that_of_the_brute_force(margin, bound, dtype):
    value, _ = _core.psi(INSIDE.astype(dtype), *margin, bound=bound)
    expected = [brute_force(float(c), *margin, bound) for c in INSIDE]
    # The clamp ends at cos(pi - 1e-4), 5e-9 short of -1.
    np.testing.assert_allclose(value, expected, rtol=0, atol=max(TOLERANCE[dtype], 6e-9))


@pytest.mark.parametrize("margin", [(1, 0.5, 0.2), (2, 0.25, 0), (4, 0, 0), (0.9, 0.4, 0.15)])
def test_the_monotone_slope_is_the_derivative(margin):
    cosine = INSIDE.astype(np.float64)[20:-20]
    angle = margin[0] * np.arccos(cosine) + margin[1]
    smooth = np.abs(angle - np.pi * np.round(angle / np.pi)) > 0.05
    assert smooth.sum() > 200
    value = lambda x: _core.psi(x, *margin, bound="monotone")[0]
    slope = _core.psi(cosine, *margin, bound="monotone")[1]
    by_differences = slope_by_differences(value, cosine[smooth])
    np.testing.assert_allclose(slope[smooth], by_differences, rtol=1e-7, atol=1e-9)


def test_the_clamped_slope_is_the_derivative_held_between_0_and_2():
    cosine = INSIDE.astype(np.float64)[20:-20]
    value = lambda x: _core.psi(x, 4, 0.5, 0.35)[0]
    slope = _core.psi(cosine, 4, 0.5, 0.35)[1]
    before_pi = 4 * np.arccos(cosine) + 0.5 < np.pi - 0.1
    exact = slope_by_differences(value, cosine)
    assert (exact[before_pi] > 2).any() and slope.max() == 2 and slope.min() >= 0
    np.testing.assert_allclose(slope[before_pi], np.clip(exact, 0, 2)[before_pi], rtol=1e-7)
    # Past pi the curve is flat, but for what the gap of 1e-4 leaves.
    past_pi = 4 * np.arccos(cosine) + 0.5 > np.pi
    assert slope[past_pi].max() < 0.004


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bound", BOUNDS)
def test_am_softmax_takes_the_margin_from_the_cosine(bound, dtype):
    value, slope = _core.psi(INSIDE.astype(dtype), 1, 0, 0.35, bound=bound)
    expected = INSIDE.astype(np.float64) - 0.35
    np.testing.assert_allclose(value, expected, rtol=0, atol=TOLERANCE[dtype])
    np.testing.assert_allclose(slope, 1, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("bound", BOUNDS)
def test_arcface_is_the_rotation_of_the_angle(bound):
    cosine = INSIDE.astype(np.float64)
    cosine = cosine[cosine > np.cos(np.pi - 0.5)]
    rotated = cosine * np.cos(0.5) - np.sqrt(1 - cosine**2) * np.sin(0.5)
    value, _ = _core.psi(cosine, 1, 0.5, 0, bound=bound)
    np.testing.assert_allclose(value, rotated, rtol=0, atol=1e-10)


def test_sphereface_is_chebyshevs_polynomial_until_pi_and_a_softmax_past_it():
    cosine = INSIDE.astype(np.float64)
    chebyshev = 8 * cosine**4 - 8 * cosine**2 + 1
    turns = np.searchsorted(-np.cos(np.pi * np.arange(1, 4) / 4), -cosine)
    a_softmax = (-1.0) ** turns * chebyshev - 2 * turns
    np.testing.assert_allclose(
        _core.psi(cosine, 4, 0, 0, bound="monotone")[0], a_softmax, rtol=0, atol=1e-10
    )
    clamped = np.where(turns == 0, chebyshev, -1)
    np.testing.assert_allclose(_core.psi(cosine, 4, 0, 0)[0], clamped, rtol=0, atol=6e-9)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", [1, 2, 3, 4, 7])
def test_a_softmax_mixes_the_plain_cosine_in_by_lambda(m, dtype):
    cosine = INSIDE.astype(dtype)
    psi, psi_slope = _core.psi(INSIDE.astype(np.float64), m, 0, 0, bound="monotone")
    for strength in (0, 0.25, 5, 1000):
        value, slope = _core.a_softmax(cosine, m, strength)
        expected = (strength * INSIDE.astype(np.float64) + psi) / (1 + strength)
        np.testing.assert_allclose(value, expected, rtol=0, atol=m**2 * TOLERANCE[dtype])
        expected = (strength + psi_slope) / (1 + strength)
        np.testing.assert_allclose(slope, expected, rtol=0, atol=m**3 * TOLERANCE[dtype])


def test_a_softmax_is_exact_up_to_both_ends():
    for m in (1, 2, 3, 4):
        value, slope = _core.a_softmax(np.array([1.0, -1.0]), m)
        np.testing.assert_array_equal(value, [1, 1 - 2 * m])
        np.testing.assert_array_equal(slope, [m**2, m**2])


@pytest.mark.parametrize("m2", [0.1, 0.5, 1.0, 2.0])
def test_past_pi_arcface_is_extended_as_in_insightface(m2):
    threshold, penalty = np.cos(np.pi - m2), m2 * np.sin(m2)
    past = np.linspace(-0.9998, threshold - 1e-6, 50)
    value, slope = _core.psi(past, 1, m2, 0, bound="monotone")
    np.testing.assert_allclose(value, past - penalty, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(slope, 1)


@pytest.mark.parametrize(
    "margin",
    [
        *((1, m2, 0) for m2 in (0, 0.5, 1.5, 2.5, 3.1)),
        *((m1, m2, 0.35) for m1 in (0.9, 2, 4) for m2 in (0, 0.5)),
    ],
)
def test_the_monotone_curve_never_rewards_a_worse_target(margin):
    cosine = np.linspace(-1, 1, 20001)
    value, slope = _core.psi(cosine, *margin, bound="monotone")
    assert np.diff(value).min() >= -1e-12
    assert slope.min() >= -1e-12


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("margin", [(4, 0.5, 0.35), (1, 0.5, 0), (1, 0, 0.35)])
def test_cosines_of_one_and_past_it_count_as_just_inside(margin, bound):
    for dtype in DTYPES:
        outside = np.array([-np.inf, -2, -1, 1, 2, np.inf], dtype)
        edge = np.sign(outside) * (1 - dtype(1e-4))
        for found, expected in zip(
            _core.psi(outside, *margin, bound=bound), _core.psi(edge, *margin, bound=bound)
        ):
            assert np.isfinite(found).all()
            np.testing.assert_array_equal(found, expected)


def test_not_a_number_stays_one():
    for bound in BOUNDS:
        value, slope = _core.psi(np.array([np.nan, 0.5]), 1, 0.5, 0.35, bound=bound)
        np.testing.assert_array_equal(np.isnan(value), [True, False])
        np.testing.assert_array_equal(np.isnan(slope), [True, False])


@pytest.mark.parametrize("bound", BOUNDS)
def test_float32_agrees_with_float64(bound):
    cosine = np.linspace(-1, 1, 4001).astype(np.float32)
    for margin in [(1, 0, 0.35), (1, 0.5, 0), (2, 0.25, 0.1)]:
        single = _core.psi(cosine, *margin, bound=bound)[0]
        double = _core.psi(cosine.astype(np.float64), *margin, bound=bound)[0]
        np.testing.assert_allclose(single, double, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_label_specific_add_leaves_what_the_margin_would_make_negative(dtype):
    x = np.array([-0.5, 0, 0.25, 0.251, 0.75], dtype)
    value, slope = _core.label_specific_add(x, -0.25)
    above = dtype(0.251) - dtype(0.25)
    np.testing.assert_array_equal(value, np.array([-0.5, 0, 0.25, above, 0.5], dtype))
    np.testing.assert_array_equal(slope, np.ones_like(x))
    value, slope = _core.label_specific_add(x, -0.25, unconditional=True)
    np.testing.assert_array_equal(value, x - dtype(0.25))
    np.testing.assert_array_equal(slope, np.ones_like(x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 1, 3, 2)])
def test_shape_and_dtype_are_kept(shape, dtype):
    x = np.full(shape, 0.5, dtype)
    for value, slope in (
        _core.psi(x, 1, 0.5, 0.35), _core.label_specific_add(x, -0.35), _core.a_softmax(x)
    ):  # fmt: skip
        assert value.shape == slope.shape == shape
        assert value.dtype == slope.dtype == dtype


def test_any_memory_layout_is_read_and_none_is_written():
    x = np.linspace(-0.9, 0.9, 24).reshape(4, 6)
    expected = _core.psi(x, 1, 0.5, 0.35)
    before = x.copy()
    for view in (np.asfortranarray, np.transpose, lambda array: array[::-1, ::2]):
        for found, whole in zip(_core.psi(view(x), 1, 0.5, 0.35), expected):
            np.testing.assert_array_equal(found, view(whole))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", DTYPES)
def test_another_byte_order_gives_the_same(dtype):
    x = np.linspace(-0.9, 0.9, 7).astype(dtype)
    swapped = x.astype(x.dtype.newbyteorder())
    for found, expected in zip(_core.psi(swapped, 1, 0.5, 0.35), _core.psi(x, 1, 0.5, 0.35)):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, expected)


def test_numbers_and_lists_are_taken_as_float64():
    expected = _core.psi(np.array([0.5, -0.5]), 1, 0.5, 0, "monotone")
    listed = _core.psi([0.5, -0.5], 1, 0.5, 0, "monotone")
    alone = _core.psi(0.5, 1, 0.5, 0, "monotone")
    for whole, found, single in zip(expected, listed, alone):
        np.testing.assert_array_equal(found, whole)
        assert single.shape == () and single == whole[0]


def test_other_threads_run_while_a_large_array_is_computed():
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(time.perf_counter())

    ticker = threading.Thread(target=tick)
    ticker.start()
    try:
        x = np.full(2_000_000, 0.5)
        begin = time.perf_counter()
        _core.psi(x, 1, 0.5, 0.35)
        end = time.perf_counter()
    finally:
        stop.set()
        ticker.join()
    # Well inside, away from the hand-over at both ends.
    third = (end - begin) / 3
    assert any(begin + third < at < end - third for at in ticks)


@pytest.mark.parametrize("dtype", ["int64", "float16", "bool", "complex128", "longdouble", "O"])
def test_another_dtype_is_refused(dtype):
    bad = np.ones(3, dtype)
    with pytest.raises(ValueError, match="cosine must be float32 or float64, got"):
        _core.psi(bad, 1, 0.5, 0.35)
    with pytest.raises(ValueError, match="x must be float32 or float64, got"):
        _core.label_specific_add(bad, -0.35)


def test_what_is_no_array_is_refused():
    with pytest.raises(ValueError, match="cosine is no array of numbers, got <class 'list'>"):
        _core.psi([[0.5], [0.5, 0.5]], 1, 0.5, 0.35)


def test_margins_that_float32_does_not_hold_are_refused_for_it_alone():
    with pytest.raises(ValueError, match="m2 must be finite in float32, got 1e\\+60"):
        _core.psi(np.ones(1, np.float32), 1, 1e60, 0)
    with pytest.raises(ValueError, match="m1 must be above 0, got 1e-60"):
        _core.psi(np.ones(1, np.float32), 1e-60, 0, 0)
    assert np.isfinite(_core.psi(np.ones(1), 1e-60, 0, 0)[0]).all()


def test_margins_that_are_not_finite_are_refused_by_name():
    x = np.ones(1)
    for number in (np.nan, np.inf, -np.inf):
        for position, name in enumerate(("m1", "m2", "m3")):
            margin = [1, 0.5, 0.35]
            margin[position] = number
            with pytest.raises(ValueError, match=f"{name} must be finite, got"):
                _core.psi(x, *margin)
        with pytest.raises(ValueError, match="bias must be finite, got"):
            _core.label_specific_add(x, number)
    with pytest.raises(ValueError, match="m must be 1 or more, got 0"):
        _core.a_softmax(x, 0)
    with pytest.raises(ValueError, match="lambda_ must be 0 or more, got -1"):
        _core.a_softmax(x, 4, -1)
    with pytest.raises(ValueError, match="lambda_ must be finite, got nan"):
        _core.a_softmax(x, 4, np.nan)
    with pytest.raises(ValueError, match="m1 must be above 0, got 0"):
        _core.psi(x, 0, 0.5, 0.35)
    with pytest.raises(ValueError, match='bound must be "clamp" or "monotone", got "none"'):
        _core.psi(x, 1, 0.5, 0.35, bound="none")


def test_an_annealed_setting_goes_from_start_to_end_in_equal_steps():
    passes = [_core.annealed(8.0, 64.0, 7, done) for done in range(10)]
    assert passes == [8, 16, 24, 32, 40, 48, 56, 64, 64, 64]
    assert [_core.annealed(0.5, -0.25, 3, done) for done in range(5)] == pytest.approx(
        [0.5, 0.25, 0, -0.25, -0.25]
    )


def test_a_setting_that_is_not_annealed_is_its_end():
    assert _core.annealed(0.0, 0.35, 0, 0) == 0.35
    third, tenth = 1 / 3, 0.1  # to the last bit, whatever the start
    assert _core.annealed(third, tenth, 9, 9) == _core.annealed(third, tenth, 9, 1e9) == tenth


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((np.nan, 1, 5, 0), "start must be finite"),
        ((0, np.inf, 5, 0), "end must be finite"),
        ((0, 1, -5, 0), "over and done count passes, 0 or more, got -5 and 0"),
        ((0, 1, 5, np.nan), "over and done count passes"),
    ],
)
def test_what_is_no_schedule_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        _core.annealed(*arguments)
