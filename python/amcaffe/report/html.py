"""The page and its blocks: text in, escaped markup out."""

import base64
from html import escape

STYLE = """
:root { color-scheme: light dark; --paper: #fdfdfc; --ink: #1c1e21; --soft: #5b6168;
  --line: #d9dce0; --tint: #f2f3f5; --accent: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --paper: #15171a; --ink: #e6e8ea;
  --soft: #a0a7ae; --line: #363b41; --tint: #1f2327; --accent: #56b4e9; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.55;
  font: 400 1.0625rem/1.55 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "Noto Sans",
  "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 58rem; margin: 0 auto; padding: 3rem 1.25rem 5rem; }
h1 { font-size: 2rem; line-height: 1.2; letter-spacing: -0.015em; margin: 0 0 0.75rem;
  overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; line-height: 1.3; letter-spacing: -0.01em; margin: 0 0 0.75rem;
  padding-top: 1.5rem; border-top: 1px solid var(--line); }
section { margin-top: 2.75rem; }
p, figcaption, dd, dt { overflow-wrap: anywhere; }
p { max-width: 42rem; margin: 0 0 0.9rem; }
.lede { font-size: 1.15rem; color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.95rem; }
th, td { padding: 0.45rem 0.9rem 0.45rem 0; text-align: right; vertical-align: baseline;
  border-bottom: 1px solid var(--line); white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); font-weight: 600; font-size: 0.85rem; }
tbody th { font-weight: 600; }
tr > :first-child { text-align: left; white-space: normal; overflow-wrap: anywhere;
  min-width: 7rem; }
.prose td { text-align: left; white-space: normal; }
.prose thead th { text-align: left; }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: 0.35rem 1.5rem;
  margin: 0 0 1.5rem; font-size: 0.95rem; }
dt { color: var(--soft); }
dd { margin: 0; }
figure { margin: 0 0 1.75rem; }
figure img { display: block; width: 100%; height: auto; }
figcaption { color: var(--soft); font-size: 0.875rem; margin-top: 0.5rem; max-width: 42rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 0.6rem; }
.gallery { display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; margin: 0 0 1.25rem;
  list-style: none; }
.gallery li { background: var(--tint); border-radius: 6px; padding: 0.5rem; max-width: 100%; }
.gallery span { display: flex; flex-wrap: wrap; gap: 2px; }
.gallery img { height: 112px; width: auto; border-radius: 3px; display: block; }
.gallery small { display: block; width: 0; min-width: 100%; color: var(--soft);
  font-size: 0.8rem; line-height: 1.35; margin-top: 0.4rem; overflow-wrap: anywhere; }
.gallery small b { color: var(--ink); font-weight: 600; }
@media print { :root { --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --tint: #fff; }
  main { max-width: none; padding: 0; } body { font-size: 10.5pt; }
  section { margin-top: 1.5rem; } figure, .gallery li, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; } .scroll { overflow: visible; } }
"""


def page(title, lede, *sections):
    """Text of an HTML file: the same for the same arguments.

    Args:
        title: heading of the page. lede: a sentence or two below it.
        sections: from `section`.
    """
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Nothing is fetched, even should markup slip through.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<header>\n<h1>{escape(title)}</h1>\n<p class="lede">{escape(lede)}</p>\n</header>\n'
    )
    return head + "".join(sections) + "</main>\n</body>\n</html>\n"


def section(heading, *blocks):
    """A heading and the blocks under it."""
    return f"<section>\n<h2>{escape(heading)}</h2>\n{''.join(blocks)}</section>\n"


def paragraph(text):
    """A block of running text."""
    return f"<p>{escape(text)}</p>\n"


def table(caption, header, rows, prose=False):
    """A table; the first cell of a row names it.

    Args:
        caption: says what the figures are, under the table: outside of what scrolls, so that a
            narrow screen wraps it where it scrolls the figures.
        header: K strings. rows: lists of K strings.
        prose: whether cells hold words (set from the left, wrapped) rather than figures.
    """
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>\n"
        for name, *cells in rows
    )
    return (
        f'<figure>\n<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f"<table{' class=prose' if prose else ''}>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n"
        f"<figcaption>{escape(caption)}</figcaption>\n</figure>\n"
    )


def facts(items):
    """Names and values, from a mapping of text to text or number."""
    body = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>\n" for name, value in items.items()
    )
    return f"<dl>\n{body}</dl>\n"


def picture(drawing, alt, caption):
    """A plot in both colour schemes.

    Args: drawing: plots.Drawing. alt: what is seen, for who cannot. caption: under it.
    """
    width, height = (round(96 * inches) for inches in drawing.size)
    light, dark = (data_uri(drawing.svg(dark), "image/svg+xml") for dark in (False, True))
    return (
        f'<figure>\n<picture><source media="screen and (prefers-color-scheme: dark)" '
        f'srcset="{dark}">\n<img src="{light}" alt="{escape(alt)}" width="{width}" '
        f'height="{height}"></picture>\n<figcaption>{escape(caption)}</figcaption>\n</figure>\n'
    )


def data_uri(content, kind):
    """bytes as a data: URI of a MIME type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
