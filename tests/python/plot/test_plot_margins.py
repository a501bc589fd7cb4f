"""The margins' figure: what it marks against closed forms, and the files it writes."""

import csv

import numpy as np
import pytest

_core = pytest.importorskip(
    "amcaffe._core", reason="the extension is not built: python setup.py build_ext --inplace"
)

from amcaffe.errors import InputError
from amcaffe.plot import curves, main, margins
from amcaffe.plot.margin_figure import margin_figure
from amcaffe.report.drawing import LIGHT

OTHER = np.linspace(1, 179, 90)
MAGIC = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}


def drawn(groups, other=90):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 8.6), layout="constrained")
    margin_figure(groups, margins.DEGREES, other).draw(figure, LIGHT)
    return figure


@pytest.mark.parametrize("bound", margins.BOUNDS)
@pytest.mark.parametrize(
    "margin, boundary",
    [
        ((1, 0, 0), lambda other: other),
        ((1, 0, 0.35), lambda other: np.rad2deg(np.arccos(np.cos(np.deg2rad(other)) + 0.35))),
        ((1, 0.5, 0), lambda other: other - np.rad2deg(0.5)),
        ((4, 0, 0), lambda other: other / 4),
        ((2, 0.25, 0), lambda other: (other - np.rad2deg(0.25)) / 2),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in arccos")
def test_the_decision_boundary_is_that_of_the_papers(margin, boundary, bound):
    found = curves.farthest(curves.margin_curve("", *margin, bound), OTHER)
    expected = boundary(OTHER)
    # Nearer than acos(1 - 1e-4) = 0.81 degrees the layers take all angles for one.
    reachable = expected > 0.82
    np.testing.assert_allclose(found[reachable], expected[reachable], rtol=0, atol=1e-6)
    assert np.isnan(found[~(expected > 0)]).all()


def test_a_margin_between_them_makes_the_boundary_nearer_and_a_negative_one_farther():
    softmax = curves.farthest(curves.margin_curve("", 1, 0, 0, "monotone"), 90.0)
    for m1, m2, m3 in ((1.5, 0, 0), (1, 0.1, 0), (1, 0, 0.1), (0.9, 0.4, 0.15)):
        assert curves.farthest(curves.margin_curve("", m1, m2, m3, "monotone"), 90.0) < softmax
    assert curves.farthest(curves.margin_curve("", 1, -0.1, 0, "monotone"), 90.0) > softmax


def test_the_lines_are_the_layers_own_values():
    groups = margins.curve_groups(["1,0.5,0", "4,0,0,clamp"])
    lines = drawn(groups).axes[0].lines
    cosine = np.cos(np.deg2rad(margins.DEGREES))
    values = [line.get_ydata() for line in lines if len(line.get_ydata()) == len(cosine)]
    expected = [
        _core.psi(cosine, 1, 0, 0)[0],
        _core.psi(cosine, 1, 0.5, 0, "monotone")[0],
        _core.psi(cosine, 1, 0.5, 0, "clamp")[0],
        _core.psi(cosine, 4, 0, 0, "clamp")[0],
    ]
    assert len(values) == len(expected)
    for found, whole in zip(values, expected):
        there = ~np.isnan(found)
        assert there.any()
        np.testing.assert_array_equal(found[there], whole[there])
    # The second bound only past pi, where the two differ.
    past_pi = np.deg2rad(margins.DEGREES) + 0.5 > np.pi
    assert not np.isnan(values[2][past_pi]).any() and np.isnan(values[2][~past_pi]).all()


@pytest.mark.parametrize("other", [10, 60, 90, 170])
def test_the_legend_names_each_margin_and_covers_nothing(other):
    groups = margins.curve_groups()
    figure = drawn(groups, other)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert len(texts) == len(groups)
    for group, text in zip(groups, texts):
        assert text.startswith(group[0].name + ": ")
    box = legend.get_window_extent()
    page = figure.bbox
    assert page.x0 <= box.x0 and box.x1 <= page.x1 and box.y1 <= page.y1
    for axes in figure.axes:
        assert not box.overlaps(axes.get_tightbbox())
        for other_axes in figure.axes:
            if other_axes is not axes:
                assert not axes.get_tightbbox().overlaps(other_axes.get_tightbbox())


@pytest.mark.parametrize("suffix", [*MAGIC, ".PNG"])
def test_the_suffix_names_the_kind_of_file(tmp_path, suffix, capsys):
    out = tmp_path / "new" / f"m{suffix}"
    main(["margins", "--margin", "1,0.5,0", "--out", str(out)])
    content = out.read_bytes()
    assert content.startswith(MAGIC[suffix.lower()])
    told = capsys.readouterr().out
    assert f"wrote {out}" in told and "61.35 degrees,  28.65 nearer" in told
    main(["margins", "--margin", "1,0.5,0", "--out", str(out)])
    assert out.read_bytes() == content
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_the_points_are_those_drawn(tmp_path):
    table = tmp_path / "points.csv"
    main(["margins", "--out", str(tmp_path / "m.svg"), "--points", str(table)])
    with open(table, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["curve"] == "ArcFace (1, 0.5, 0)"]
    assert len(rows) == 2 * len(margins.DEGREES)
    for bound in margins.BOUNDS:
        one = [row for row in rows if row["bound"] == bound]
        theta, *found = (
            np.array([float(row[column]) for row in one])
            for column in ("theta_degrees", "psi", "slope")
        )
        np.testing.assert_array_equal(theta, margins.DEGREES)
        expected = _core.psi(np.cos(np.deg2rad(theta)), 1, 0.5, 0, bound)
        np.testing.assert_array_equal(found, expected)


def test_a_margin_that_is_asked_for_twice_is_drawn_once():
    names = [group[0].name for group in margins.curve_groups(["1,0,0.35", "1,0,0.35"])]
    assert names == ["softmax (1, 0, 0)", "(1, 0, 0.35)"]


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--out", "m.gif"], ["m.gif", "'.gif'", ".svg, .png, .pdf"]),
        (["--out", "m"], ["''"]),
        (["--points", "m.png"], ["--points m.png", ".csv"]),
        (["--margin", "1,0"], ["--margin 1,0: no margin", "M1,M2,M3"]),
        (["--margin", "1,0,x"], ["--margin 1,0,x", "'x'"]),
        (["--margin", "0,0,0"], ["--margin 0,0,0", "m1 must be above 0, got 0"]),
        (["--margin", "1,nan,0"], ["m2 must be finite, got nan"]),
        (["--margin", "1,0,0,soft"], ["--margin 1,0,0,soft", "monotone or clamp"]),
        ([*(f"--margin=1,0,0.{k}" for k in range(10, 22))], ["12 curves", "at most 11"]),
        (["--other", "0"], ["--other", "found:    0"]),
        (["--other", "181"], ["at most 180"]),
        (["--other", "nan"], ["found:    nan"]),
    ],
)
def test_what_cannot_be_drawn_is_told_and_nothing_is_written(
    arguments, told, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.svg").write_text("old")
    with pytest.raises(InputError) as error:
        main(["margins", "--out", "m.svg", *arguments])
    assert all(words in str(error.value) for words in told), str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["m.svg"]
    assert (tmp_path / "m.svg").read_text() == "old"


def test_without_the_extension_the_error_says_how_to_build_it(monkeypatch):
    monkeypatch.setattr(curves, "_core", None)
    with pytest.raises(curves.BuildError, match="build_ext --inplace"):
        margins.curve_groups()
