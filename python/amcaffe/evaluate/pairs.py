"""1:1 verification: accuracy over folds of pairs, TAR at FAR, EER, AUC, of one or more runs."""

import json
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from amcaffe import report
from amcaffe.errors import InputError
from amcaffe.features import Features, load_features
from amcaffe.files import atomic_write
from amcaffe.pairs import balanced_pairs, locate, read_pairs
from amcaffe.report.verification import MEASURES, mean_threshold
from amcaffe.verification import verify

SUMMARY = "1:1 verification: accuracy over folds, TAR at FAR, EER, AUC"
EXAMPLE = (
    "python -m amcaffe.evaluate pairs softmax=build/softmax.npy am=build/am.npy --out build/report"
)


def add_arguments(parser):
    parser.add_argument(
        "features",
        nargs="+",
        metavar="[NAME=]FILE",
        help="feature file of a run (NAME.npy with NAME.txt beside it); all of the same images",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the report")
    parser.add_argument(
        "--pairs",
        metavar="FILE",
        help="LFW's pairs.txt, or lines `pathA pathB 0|1`; without it, balanced pairs are drawn "
        "from the labels, and TAR, EER and AUC are over all pairs of images",
    )
    parser.add_argument(
        "--allow-missing",
        action="store_true",
        help="leave out pairs of FILE whose images have no feature, and report how many",
    )
    parser.add_argument("--folds", type=int, default=10, metavar="N", help="default: 10")
    parser.add_argument(
        "--far",
        type=float,
        nargs="+",
        default=[0.01, 0.001],
        metavar="F",
        help="false-accept rates, fractions (default: 0.01 0.001)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="of drawn pairs and intervals (default: 0)"
    )
    parser.add_argument(
        "--name", nargs="+", metavar="NAME", help="names of the runs, in place of NAME=FILE"
    )
    parser.add_argument(
        "--images",
        metavar="DIR",
        help="folder that the images' paths start from: shows the hardest pairs as pictures",
    )


def run(arguments):
    fars = sorted(set(arguments.far), reverse=True)
    for far in fars:
        if not 0 < far < 1:
            raise InputError(f"--far {far:g}: a false-accept rate is a fraction between 0 and 1")
    if arguments.seed < 0:
        raise InputError(f"--seed {arguments.seed}: a seed is 0 or larger")
    out = _writable_folder(arguments.out)
    runs = load_runs(arguments.features, arguments.name)
    first = next(iter(runs.values()))
    if arguments.images is not None:
        _check_images(arguments.images, first.paths)

    if arguments.pairs is None:
        if first.labels is None:
            raise InputError(
                "the images have no labels, so that nobody is known to be the same person",
                hint="extract from a list with labels (`path label` a line), or give --pairs FILE",
            )
        pairs = balanced_pairs(first.labels, arguments.folds, seed=arguments.seed)
        title = "Verification on balanced pairs"
        name = f"{arguments.folds}-fold balanced pairs, all pairs"
        scope = "TAR, EER and AUC are over all pairs of the images."
    else:
        named = read_pairs(arguments.pairs, arguments.folds)
        pairs = locate(named, first.paths, first.labels, arguments.allow_missing)
        title = f"Verification on {Path(arguments.pairs).name}"
        name = f"{len(np.unique(pairs.fold))}-fold listed pairs"
        scope = "TAR, EER and AUC are over the pairs of the list."
    results = {
        run: verify(
            features.matrix,
            pairs,
            features.labels,
            fars,
            all_pairs=arguments.pairs is None,
            seed=arguments.seed,
            names=[f"{run}: {path}" for path in features.paths],
        )
        for run, features in tqdm(runs.items(), "scoring", unit="run", disable=None, leave=False)
    }

    content = summary(name, results, runs, pairs, scope)
    written = [out / name for name in ("report.json", "roc.png", "scores.png", "report.html")]
    atomic_write(written[0], json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    tallies = {run: result.tally for run, result in results.items()}
    thresholds = {run: mean_threshold(result) for run, result in results.items()}
    atomic_write(written[1], report.roc_plot(tallies, fars).png())
    atomic_write(written[2], report.score_plot(tallies, thresholds).png())
    sections = report.result_sections(results)
    if arguments.images is not None:
        sections.append(report.mistakes_section(results, first.paths, arguments.images))
    sections.append(report.protocol_section(results, pairs.rule, scope))
    report.write_report(written[3], title, _lede(content), *sections)

    print(_text_table(*report.figures(results)))
    for reason in next(iter(results.values())).unresolved.values():
        print(f"not resolved: {reason}")
    for sentence in (*pairs.rule, scope):
        print(sentence)
    for path in written:
        print(f"wrote {path}")


def load_runs(arguments, names=None):
    """Feature files of the same images.

    Args: arguments: K times `FILE` or `NAME=FILE`. names: K strings, or None.
    Returns: {name: Features}, rows of all in the order of the first; labels are the first's.
    Raises: InputError: a name stands twice, or files differ in their images or labels.
    """
    if names is not None and len(names) != len(arguments):
        raise InputError(f"{len(names)} names for {len(arguments)} feature files")
    runs = {}
    for k, argument in enumerate(arguments):
        name, separator, path = argument.partition("=")
        if names is not None or not separator or "/" in name:
            path = argument
            name = names[k] if names is not None else Path(path).stem
        if not name or name in runs:
            raise InputError(
                f"the runs need names that differ, {name!r} does not",
                hint="NAME=FILE names a run; without it the file's name is taken",
            )
        features = load_features(path)
        if runs:
            features = _as_first(name, features, *next(iter(runs.items())))
        runs[name] = features
    return runs


def _as_first(name, features, first_name, first):
    rows = {path: row for row, path in enumerate(features.paths)}
    lacking = [path for path in first.paths if path not in rows]
    known = set(first.paths)
    added = [path for path in features.paths if path not in known]
    if lacking or added:
        parts = [
            f"{len(paths)} only in {run} ({paths[0]}{', ...' if len(paths) > 1 else ''})"
            for run, paths in ((first_name, lacking), (name, added))
            if paths
        ]
        raise InputError(
            f"the runs {first_name} and {name} are not of the same images",
            found=", ".join(parts),
            hint="extract both from one list",
        )
    order = np.array([rows[path] for path in first.paths])
    labels = None if features.labels is None else features.labels[order]
    if labels is not None and first.labels is not None and (labels != first.labels).any():
        row = int(np.argmax(labels != first.labels))
        raise InputError(
            f"the runs {first_name} and {name} differ in the label of {first.paths[row]}",
            found=f"{first.labels[row]} and {labels[row]}",
        )
    return Features(features.matrix[order], first.paths, first.labels)


def _writable_folder(path):
    """The folder, made where missing, before the work and not after it."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InputError(f"cannot write to the folder {path}: {error.strerror}") from None
    return path


def _check_images(root, paths):
    missing = [path for path in paths if not Path(root, path).is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(paths)} images are not below --images {root}",
            found=f"no {Path(root, missing[0])}",
            hint="give the folder that the paths in the list of the features start from",
        )


def summary(protocol, results, runs, pairs, scope):
    """What report.json holds: plain numbers and text, rates as fractions."""
    first = next(iter(runs.values()))
    return {
        "protocol": {
            "name": protocol,
            "rules": [*pairs.rule, scope, *(f"{name}: {text}" for name, text in MEASURES)],
            "folds": len(np.unique(pairs.fold)),
            "folds_share_people": pairs.shared,
        },
        "images": len(first.paths),
        "people": None if first.labels is None else len(np.unique(first.labels)),
        "runs": {
            name: _run_summary(result, runs[name].matrix.shape[1])
            for name, result in results.items()
        },
    }


def _run_summary(result, dimension):
    matched, mismatched = result.fold_pairs
    genuine, impostor = result.tally.pairs
    return {
        "dimension": dimension,
        "accuracy": result.folds.mean,
        "accuracy_std": result.folds.std,
        "accuracy_per_fold": result.folds.accuracies.tolist(),
        "threshold": mean_threshold(result),
        "threshold_per_fold": result.folds.thresholds.tolist(),
        "tar_at_far": {f"{far:g}": found and found[0] for far, found in result.tar.items()},
        "tar_threshold": {f"{far:g}": found and found[1] for far, found in result.tar.items()},
        "tar_interval_95": {f"{far:g}": list(pair) for far, pair in result.intervals.items()},
        "tar_unresolved": {f"{far:g}": reason for far, reason in result.unresolved.items()},
        "eer": result.eer,
        "auc": result.auc,
        "pairs": {
            "accuracy": {"matched": matched, "mismatched": mismatched},
            "tar": {"matched": genuine, "mismatched": impostor},
        },
    }


def _lede(content):
    people = "" if content["people"] is None else f" of {content['people']:,} people"
    runs = content["runs"]
    return (
        f"{content['images']:,} images{people}, {content['protocol']['folds']} folds. Accuracy: "
        + ", ".join(f"{name} {100 * run['accuracy']:.2f} %" for name, run in runs.items())
        + "."
    )


def _text_table(header, rows):
    lines = [header, *([cell.replace("\N{PLUS-MINUS SIGN}", "+-") for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in lines
    )
