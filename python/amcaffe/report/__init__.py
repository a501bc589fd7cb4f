"""Reports: one self-contained HTML page, light or dark, and the plots in it.

A page is made of sections, a section of blocks:

    write_report(
        "report.html", "Faces", "What was measured.",
        section("Result", table("Figures", ["run", "accuracy"], [["a", "99.1 %"]])),
        section("Curves", picture(roc_plot({"a": tally}), "ROC of a", "TAR against FAR.")),
    )

Every argument that is text is escaped: names of people and files may hold anything.
"""

from amcaffe.report.faces import gallery, portrait
from amcaffe.report.html import facts, paragraph, picture, section, table, write_report
from amcaffe.report.plots import read_metrics, roc_plot, score_plot, training_plot
from amcaffe.report.verification import (
    figures,
    figures_table,
    mistakes_section,
    protocol_section,
    result_sections,
)

__all__ = [
    "facts",
    "figures",
    "figures_table",
    "gallery",
    "mistakes_section",
    "paragraph",
    "picture",
    "portrait",
    "protocol_section",
    "read_metrics",
    "result_sections",
    "roc_plot",
    "score_plot",
    "section",
    "table",
    "training_plot",
    "write_report",
]
