"""What every protocol of evaluate leaves: report.json, its plots, report.html, a table here."""

import json

from amcaffe.data.files import atomic_set
from amcaffe.report.html import page

REPORT, PAGE = "report.json", "report.html"


def publish(out, title, lede, content, plots, sections):
    """Write a protocol's report, and say where.

    Args:
        out: folder.
        title, lede: of the page.
        content: of `summary`: what report.json holds.
        plots: {file name: report.drawing.Drawing}.
        sections: of the page, from report.html.section.
    """
    written = {
        out / REPORT: json.dumps(content, indent=2, ensure_ascii=False) + "\n",
        **{out / name: drawing.png() for name, drawing in plots.items()},
        out / PAGE: page(title, lede, *sections),
    }
    atomic_set(written)
    for path in written:
        print(f"wrote {path}")


def summary(protocol, results, runs, sources, facts):
    """What report.json holds: plain numbers and text, rates as fractions.

    Args:
        protocol: its name.
        results: {run: result of a protocol, with rules, measures and figures()}.
        runs: {run: Features}, all of the same images.
        sources: {run: what its features were made from}.
        facts: of the protocol, beside its rules.
    """
    first, result = next(iter(runs.values())), next(iter(results.values()))
    measures = [f"{name}: {text}" for name, text in result.measures]
    return {
        "protocol": {"name": protocol, "rules": [*result.rules, *measures], **facts},
        "images": len(first.paths),
        "people": None if first.labels is None else len(set(first.labels.tolist())),
        "runs": {
            name: {
                "dimension": runs[name].matrix.shape[1],
                **result.figures(),
                "made_from": sources[name],
            }
            for name, result in results.items()
        },
    }


def text_table(header, rows):
    """Rows under a header, the first column set from the left."""
    lines = [header, *([cell.replace("\N{PLUS-MINUS SIGN}", "+-") for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in lines
    )
