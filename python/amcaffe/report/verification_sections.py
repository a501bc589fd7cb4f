"""Sections about results of protocols/verification.py, which `evaluate` and the demo share."""

from amcaffe.report.html import facts, paragraph, picture, section, table
from amcaffe.report.photographs import gallery
from amcaffe.report.verification_plots import roc_plot, score_plot


def percent(fraction, digits=2):
    """0.98765 as `98.77 %`."""
    return f"{100 * fraction:.{digits}f} %"


def result_rows(results):
    """The figures of each run as text.

    Args: results: {run: protocols.verification.Verification}, all over the same pairs.
    Returns: (header, rows): K strings, and a list of K strings a run.
    """
    fars = list(next(iter(results.values())).tar)
    header = ["run", "accuracy", *(f"TAR at FAR {far:g}" for far in fars), "EER", "AUC"]
    rows = []
    for name, result in results.items():
        spread = f" \N{PLUS-MINUS SIGN} {100 * result.folds.std:.2f}"
        label = f"{name} (features all alike)" if result.doubt else name
        row = [label, f"{100 * result.folds.mean:.2f}{spread} %"]
        for far in fars:
            text = "not resolved" if result.tar[far] is None else percent(result.tar[far][0])
            if far in result.intervals:
                low, high = (100 * bound for bound in result.intervals[far])
                text += f" ({low:.1f} to {high:.1f})"
            row.append(text)
        rows.append([*row, percent(result.eer), f"{result.auc:.5f}"])
    return header, rows


def figures_table(results):
    """A block: `result_rows`, why a TAR is missing, and why figures say nothing."""
    header, rows = result_rows(results)
    first = next(iter(results.values()))
    caption = "Accuracy: mean and standard deviation over the folds."
    if first.intervals:
        caption += " In brackets: 95 % interval over people."
    doubts = [f"{name}: {result.doubt}." for name, result in results.items() if result.doubt]
    notes = [*doubts, *first.unresolved.values()]
    return table(caption, header, rows) + "".join(map(paragraph, notes))


def result_sections(results):
    """Sections: the figures, the ROC curves, the score histograms. results: as for result_rows."""
    tallies = {name: result.tally for name, result in results.items()}
    fars = list(next(iter(results.values())).tar)
    thresholds = {name: result.threshold for name, result in results.items()}
    header, rows = result_rows(results)
    spoken = "; ".join(
        f"{row[0]}: " + ", ".join(f"{a} {b}" for a, b in zip(header[1:], row[1:])) for row in rows
    )
    separation = "; ".join(
        f"{name}: mean threshold {thresholds[name]:.3f}, EER {percent(result.eer)}"
        for name, result in results.items()
    )
    return [
        section("Figures", figures_table(results)),
        section(
            "ROC curves",
            picture(
                roc_plot(tallies, fars),
                f"ROC curves on a logarithmic FAR axis. {spoken}.",
                "True-accept rate against false-accept rate. The axis ends where one false accept "
                "is left; in the shaded part chance decides.",
            ),
        ),
        section(
            "Scores",
            picture(
                score_plot(tallies, thresholds),
                f"Histograms of genuine and impostor scores. {separation}.",
                "How alike images of one person and of two people are to each net. The less the "
                "two overlap the better. Dotted: mean of the folds' thresholds.",
            ),
        ),
    ]


def mistakes_section(results, paths, root):
    """A section: the hardest pairs of each run as photographs.

    Args: paths: N strings, of the features. root: folder that they start from.
    """
    blocks = []
    for name, result in results.items():
        threshold = result.threshold
        for same, pairs in zip((True, False), result.hardest):
            heading = name + (": one person, least alike" if same else ": two people, most alike")
            entries = [
                (
                    (paths[left], paths[right]),
                    f"{score:.3f}",
                    ("right" if (score > threshold) == same else "wrong")
                    + f": {paths[left]}, {paths[right]}",
                )
                for left, right, score in zip(pairs.left, pairs.right, pairs.score)
            ]
            blocks.append(gallery(heading, entries, root))
    return section(
        "Hardest pairs",
        paragraph(
            "The genuine pairs of lowest and the impostor pairs of highest score, the worst first. "
            "Right or wrong is judged by the mean of the folds' thresholds. An image that is filed "
            "under a wrong name shows up here first."
        ),
        *blocks,
    )


def protocol_section(results):
    """A section: what was compared, and how. results: as for result_rows."""
    first = next(iter(results.values()))
    genuine, impostor = first.tally.pairs
    matched, mismatched = first.fold_pairs
    folds = table(
        "Accuracy of each fold.",
        ["run", *(str(k + 1) for k in range(len(first.folds.accuracies)))],
        [
            [name, *(f"{100 * accuracy:.1f}" for accuracy in result.folds.accuracies)]
            for name, result in results.items()
        ],
    )
    return section(
        "Protocol",
        facts(
            {
                "Pairs for the accuracy": f"{matched:,} matched, {mismatched:,} mismatched",
                "Pairs for TAR, EER, AUC": f"{genuine:,} genuine, {impostor:,} impostor",
            }
        ),
        *map(paragraph, first.rules),
        table("How each figure is defined.", ["figure", "definition"], first.measures, prose=True),
        folds,
    )
