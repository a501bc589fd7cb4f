"""Reports: one self-contained HTML page, light or dark, and the plots in it.

A page is made of sections, a section of blocks (html.py):

    write_report(
        "report.html", "Faces", "What was measured.",
        section("Result", table("Figures", ["run", "accuracy"], [["a", "99.1 %"]])),
        section("Curves", picture(roc_plot({"a": tally}), "ROC of a", "TAR against FAR.")),
    )

Every argument that is text is escaped: names of people and files may hold anything.
"""
