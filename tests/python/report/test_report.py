import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from amcaffe.data.pairs import Pairs
from amcaffe.errors import InputError
from amcaffe.protocols.roc import tally
from amcaffe.protocols.verification import verify
from amcaffe.report.drawing import DARK, LIGHT
from amcaffe.report.html import facts, page, paragraph, picture, section, table
from amcaffe.report.photographs import gallery, portrait
from amcaffe.report.training_plot import STATISTICS, training_plot
from amcaffe.report.verification_plots import roc_plot, score_plot
from amcaffe.report.verification_sections import protocol_section, result_sections

HOSTILE = "<script>alert(1)</script> \"quoted\" 'single' & $x_1$"
VOID = {"meta", "img", "source"}


class Page(HTMLParser):
    """Checks that tags are balanced, and collects them, and the text between."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def results():
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(12), 5)
    i, j = np.tril_indices(60, -1)
    fold = random.integers(3, size=len(i))
    pairs = Pairs(j, i, labels[i] == labels[j], fold, (HOSTILE,), None)
    found = {}
    for name, noise in (("plain", 1.5), (HOSTILE, 0.9)):
        matrix = random.normal(size=(12, 16))[labels] + noise * random.normal(size=(60, 16))
        found[name] = verify(matrix, pairs, labels, (0.1, 0.0001))
    return found


@pytest.fixture(scope="module")
def curves():
    steps = np.arange(1, 201)
    metrics = dict(
        iteration=steps, loss=100 / steps, learning_rate=0.1 / steps, images_per_second=0 * steps
    )
    return {"plain": metrics, HOSTILE: metrics}


def drawn(drawing):
    """The figure of a drawing, before it becomes an image."""
    from matplotlib.figure import Figure

    figure = Figure()
    drawing.draw(figure, LIGHT)
    return figure


def write(tmp_path, *sections, title="Title", lede="Lede."):
    return page(title, lede, *sections)


@pytest.fixture(scope="module")
def whole_page(tmp_path_factory, results, curves):
    return write_whole_page(tmp_path_factory.mktemp("page"), results, curves)


def write_whole_page(tmp_path, results, curves):
    cv2 = pytest.importorskip("cv2")
    cv2.imwrite(str(tmp_path / "a&b.png"), np.full((200, 100, 3), 80, np.uint8))
    return write(
        tmp_path,
        *result_sections(results),
        section(
            HOSTILE,
            paragraph(HOSTILE),
            facts({HOSTILE: HOSTILE, "images": 3}),
            table(HOSTILE, [HOSTILE, "b"], [[HOSTILE, HOSTILE]]),
            picture(training_plot(curves), HOSTILE, HOSTILE),
            gallery(HOSTILE, [(["a&b.png"], HOSTILE, HOSTILE)], tmp_path),
        ),
        protocol_section(results),
        title=HOSTILE,
        lede=HOSTILE,
    )


def test_a_page_with_everything_is_balanced_and_escapes_every_text(whole_page):
    page = Page(whole_page)
    assert page.all("script") == []
    assert "".join(page.words).count(HOSTILE) >= 12
    assert sum(HOSTILE in image["alt"] for image in page.all("img")) == 3
    assert page.all("img")[-1]["alt"] == "a&b.png"


def test_a_page_fetches_nothing(whole_page):
    page = Page(whole_page)
    links = [
        attributes[name]
        for _, attributes in page.tags
        for name in ("src", "srcset", "href")
        if name in attributes
    ]
    assert len(links) == 7
    for link in links:
        kind, content = re.fullmatch(r"data:image/(svg\+xml|png);base64,(.*)", link).groups()
        image = base64.b64decode(content, validate=True)
        assert image.startswith(b"<?xml" if kind == "svg+xml" else b"\x89PNG")
    policy = page.all("meta")[2]["content"]
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_a_page_can_be_read_without_seeing_it(whole_page, results):
    page = Page(whole_page)
    assert page.all("html") == [{"lang": "en"}]
    assert all(image["alt"] for image in page.all("img"))
    assert {cell["scope"] for cell in page.all("th")} == {"col", "row"}
    assert len(page.all("figcaption")) == len(page.all("table")) + len(page.all("picture"))
    assert all(region["aria-label"] for region in page.all("div"))
    assert [tag for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)][:2] == ["h1", "h2"]
    spoken = page.all("img")[0]["alt"]
    for result in results.values():
        assert f"{100 * result.tar[0.1][0]:.2f} %" in spoken


def test_a_tables_caption_is_outside_of_what_scrolls(whole_page):
    """On a narrow screen it wraps to the screen, and is not cut with a wide table's columns."""
    inside = re.findall(r'<div class="scroll".*?</div>', whole_page, re.DOTALL)
    assert len(inside) == len(Page(whole_page).all("table"))
    assert not any("caption>" in region for region in inside)
    after = re.findall(r"</table></div>\n<figcaption>", whole_page)
    assert len(after) == len(inside)


def test_a_page_follows_the_colour_scheme_of_its_reader(whole_page):
    sources = Page(whole_page).all("source")
    assert len(sources) == 3
    assert {source["media"] for source in sources} == {"screen and (prefers-color-scheme: dark)"}
    dark = base64.b64decode(sources[0]["srcset"].split(",")[1]).decode()
    assert DARK.ink in dark and LIGHT.ink not in dark
    assert "@media (prefers-color-scheme: dark)" in whole_page and "@media print" in whole_page


def test_the_same_sections_give_the_same_page(tmp_path, whole_page, results, curves):
    assert write_whole_page(tmp_path, results, curves) == whole_page


def test_the_roc_plot_shows_the_rates_that_are_reported(results):
    tallies = {name: result.tally for name, result in results.items()}
    axes = drawn(roc_plot(tallies, (0.1, 0.0001))).axes[0]
    for k, result in enumerate(results.values()):
        curve, marks = axes.lines[2 * k], axes.lines[2 * k + 1]
        assert marks.get_xdata().tolist() == [0.1]  # 1650 impostor pairs do not resolve 0.0001
        assert marks.get_ydata().tolist() == [result.tar[0.1][0]]
        far, tar = curve.get_xdata(), curve.get_ydata()
        assert (far[0], far[-1], tar[-1]) == (pytest.approx(1 / 1650), 1, 1)
        assert (np.diff(tar) >= 0).all()
        assert tar[far.tolist().index(0.1)] == result.tar[0.1][0]
    assert axes.get_xlim()[0] == pytest.approx(1 / 1650)


def test_the_roc_plot_shades_rates_of_fewer_than_thirty_false_accepts(results):
    axes = drawn(roc_plot({"plain": results["plain"].tally})).axes[0]
    (band,) = axes.patches  # rates on the axis of FAR, all of that of TAR
    shown = band.get_extents().transformed(axes.get_xaxis_transform().inverted())
    (left, bottom), (right, top) = shown.get_points()
    assert (left, right) == (pytest.approx(1 / 1650), pytest.approx(30 / 1650))
    assert (bottom, top) == (pytest.approx(0), pytest.approx(1))
    assert [text.get_text() for text in axes.texts] == ["under 30 false accepts"]


def test_runs_differ_in_their_dashes_as_well_as_in_colour(results):
    tallies = {name: result.tally for name, result in results.items()}
    one, _, other, _ = drawn(roc_plot(tallies, (0.1,))).axes[0].lines
    assert one.get_color() != other.get_color()
    assert one.get_linestyle() != other.get_linestyle()


def test_perfect_runs_can_be_plotted():
    counts = tally(np.array([0.9, 0.9, 0.1, 0.1]), np.array([True, True, False, False]))
    for drawing in (
        roc_plot({"a": counts}, (0.5,)),
        score_plot({"a": counts}, {"a": 0.5}),
    ):
        assert drawing.svg().startswith(b"<?xml")


def test_the_histograms_hold_all_pairs_and_mark_the_threshold(results):
    tallies = {name: result.tally for name, result in results.items()}
    panels = drawn(score_plot(tallies, dict.fromkeys(results, 0.25))).axes
    assert len(panels) == 2
    for axes in panels:
        for stairs in axes.patches:
            assert stairs.get_data().values.sum() == pytest.approx(1)
        assert axes.lines[0].get_xdata() == [0.25, 0.25]


def test_a_name_is_shown_as_it_is_and_never_hidden_from_the_legend(results):
    counts = results["plain"].tally
    names = ["_hidden", "$x_1$"]
    legend = drawn(roc_plot(dict.fromkeys(names, counts))).axes[0].get_legend()
    shown = [text.get_text().strip("\N{ZERO WIDTH SPACE}") for text in legend.get_texts()]
    assert shown == ["_hidden", r"\$x_1\$"]


def test_the_training_plot_smooths_noise_but_not_a_straight_line():
    steps = np.arange(1000)
    noise = np.random.default_rng(0).normal(size=1000)
    for loss, check in (
        (steps * 2.0, lambda smooth: np.allclose(smooth, steps * 2.0)),
        (noise, lambda smooth: smooth[100:-100].std() < 0.4),
        (noise[:3], lambda smooth: np.allclose(smooth, noise[:3])),
    ):
        metrics = dict(iteration=steps[: len(loss)], loss=loss, learning_rate=np.ones(len(loss)))
        raw, smooth = drawn(training_plot({"a": metrics})).axes[0].lines
        assert np.array_equal(raw.get_ydata(), loss)
        assert check(smooth.get_ydata())


def test_a_learning_rate_of_zero_can_be_plotted(curves):
    stopped = {**curves["plain"], "learning_rate": np.zeros(200)}
    rate = drawn(training_plot({"plain": stopped})).axes[1]
    assert rate.get_yscale() == "linear"


def test_the_training_plot_has_the_cosines_of_the_runs_that_have_them(curves):
    fused = dict(curves["plain"])
    for value, name in enumerate(STATISTICS):
        fused[name] = np.full(len(fused["iteration"]), value / 4)
    assert len(drawn(training_plot({"plain": curves["plain"]})).axes) == 2
    both = {"plain": curves["plain"], "fused": fused}
    panels = drawn(training_plot(both)).axes
    lines = [line for line in panels[1].lines if len(line.get_ydata())]
    assert [set(line.get_ydata()) for line in lines] == [{0}, {0.25}, {0.5}]
    assert {line.get_color() for line in lines} == {panels[0].lines[-1].get_color()}
    shown = [text.get_text() for text in panels[1].get_legend().get_texts()]
    assert shown == list(STATISTICS.values())


@pytest.mark.parametrize(
    ("size", "expected"), [((400, 300), (112, 84)), ((112, 96), (112, 96)), ((60, 50), (60, 50))]
)
def test_a_portrait_is_at_most_112_pixels_high_and_keeps_its_shape(tmp_path, size, expected):
    cv2 = pytest.importorskip("cv2")
    path = str(tmp_path / "face.png")
    cv2.imwrite(path, np.full((*size, 3), (10, 120, 240), np.uint8))
    image = cv2.imdecode(np.frombuffer(portrait(path), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (*expected, 3)
    assert (image == (10, 120, 240)).all()


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_a_portrait_of_what_is_no_image_names_the_file(tmp_path, content):
    pytest.importorskip("cv2")
    (tmp_path / "face.png").write_bytes(content)
    with pytest.raises(InputError, match="face.png is no image"):
        portrait(tmp_path / "face.png")
    with pytest.raises(InputError, match="none.png: No such file"):
        portrait(tmp_path / "none.png")
