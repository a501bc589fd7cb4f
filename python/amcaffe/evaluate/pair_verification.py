"""`evaluate pairs`, 1:1 verification: accuracy over folds of pairs, TAR at FAR, EER, AUC."""

import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from amcaffe import cli
from amcaffe.data.outputs import claimed_folder
from amcaffe.data.pair_lists import FORMS, read_pairs
from amcaffe.data.pairs import locate
from amcaffe.data.provenance import made_from
from amcaffe.errors import InputError
from amcaffe.evaluate.publication import PAGE, REPORT, publish, summary, text_table
from amcaffe.evaluate.runs import files_of, load_runs, require_images
from amcaffe.protocols.drawn_pairs import balanced_pairs
from amcaffe.protocols.verification import verify
from amcaffe.report.verification_plots import roc_plot, score_plot
from amcaffe.report.verification_sections import (
    mistakes_section,
    protocol_section,
    result_rows,
    result_sections,
)

SUMMARY = "1:1 verification: accuracy over folds, TAR at FAR, EER, AUC"
EXAMPLE = (
    "python -m amcaffe.evaluate pairs softmax=build/softmax.npy am=build/am.npy --out build/report"
)


PLOTS = ("roc.png", "scores.png")


def add_arguments(parser):
    parser.description += f".\n\n{FORMS}"
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
        help="list of pairs, in a form named above; without it, balanced pairs are drawn from the "
        "labels, and TAR, EER and AUC are over all pairs of images",
    )
    cli.add_encoding(parser)
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
    fars = _checked_fars(arguments)
    with claimed_folder(arguments.out, "evaluate", (REPORT, *PLOTS, PAGE)) as claim:
        claim.spare([arguments.pairs, *files_of(arguments.features, arguments.name)])
        _report(arguments, fars, claim)


def _report(arguments, fars, claim):
    runs, sources = load_runs(arguments.features, arguments.name)
    first = next(iter(runs.values()))
    if arguments.images is not None:
        require_images(arguments.images, first.paths)
        claim.spare(Path(arguments.images, path) for path in first.paths)
    pairs, name, title = _pairs(arguments, first)
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
    result = next(iter(results.values()))
    print(text_table(*result_rows(results)))
    for run, found in results.items():
        if found.doubt:
            print(f"amcaffe evaluate: warning: {run}: {found.doubt}", file=sys.stderr)
    for reason in result.unresolved.values():
        print(f"not resolved: {reason}")
    for sentence in result.rules:
        print(sentence)

    folds = {"folds": len(np.unique(pairs.fold)), "folds_share_people": pairs.shared}
    tallies = {run: result.tally for run, result in results.items()}
    thresholds = {run: result.threshold for run, result in results.items()}
    plots = dict(zip(PLOTS, (roc_plot(tallies, fars), score_plot(tallies, thresholds))))
    sections = result_sections(results)
    if arguments.images is not None:
        sections.append(mistakes_section(results, first.paths, arguments.images))
    sections.append(protocol_section(results))
    if arguments.pairs is not None:
        folds["pairs"] = made_from(arguments.pairs)
    content = summary(name, results, runs, sources, folds)
    publish(claim.folder, title, _lede(content), content, plots, sections)


def _checked_fars(arguments):
    """The false-accept rates asked for, the largest first."""
    fars = sorted(set(arguments.far), reverse=True)
    for far in fars:
        if not 0 < far < 1:
            raise InputError(f"--far {far:g}: a false-accept rate is a fraction between 0 and 1")
    if arguments.seed < 0:
        raise InputError(f"--seed {arguments.seed}: a seed is 0 or larger")
    return fars


def _pairs(arguments, first):
    """(Pairs, name of the protocol, title of the page): of a list, or drawn from the labels."""
    if arguments.pairs is not None:
        named = read_pairs(arguments.pairs, arguments.folds, arguments.encoding)
        pairs = locate(named, first.paths, first.labels, arguments.allow_missing)
        name = f"{len(np.unique(pairs.fold))}-fold listed pairs"
        return pairs, name, f"Verification on {Path(arguments.pairs).name}"
    if first.labels is None:
        raise InputError(
            "the images have no labels, so that nobody is known to be the same person",
            hint="extract from a list with labels (`path label` a line), or give --pairs FILE",
        )
    pairs = balanced_pairs(first.labels, arguments.folds, seed=arguments.seed)
    name = f"{arguments.folds}-fold balanced pairs, all pairs"
    return pairs, name, "Verification on balanced pairs"


def _lede(content):
    people = "" if content["people"] is None else f" of {content['people']:,} people"
    runs = content["runs"]
    return (
        f"{content['images']:,} images{people}, {content['protocol']['folds']} folds. Accuracy: "
        + ", ".join(
            f"{name} {100 * run['accuracy']:.2f} %" + (" (features all alike)" * bool(run["doubt"]))
            for name, run in runs.items()
        )
        + "."
    )
