"""The demo's page: result, curves, faces, mistakes, facts."""

from amcaffe.data.features import load_features
from amcaffe.data.lists import read_image_list
from amcaffe.data.metrics import read_metrics
from amcaffe.demo.recipe import FARS, FOLDS, LOSSES, TIMES
from amcaffe.protocols.drawn_pairs import balanced_pairs
from amcaffe.protocols.roc import Tally, resolved_well
from amcaffe.protocols.verification import verify
from amcaffe.report.html import facts, page, picture, section, table
from amcaffe.report.photographs import gallery
from amcaffe.report.training_plot import training_plot
from amcaffe.report.verification_sections import (
    mistakes_section,
    protocol_section,
    result_sections,
)

MADE_UP_NOTE = (
    "A small net tells made-up people apart more easily than real ones, and a margin gains more "
    "on them: trained on 1380 people of LFW with 2 or more images and tested on 300 others, at "
    "a false-accept rate of 0.01, AM-Softmax accepted 25.9 % and plain softmax 22.4 %."
)


def page_of(demo, summary):
    """Text of OUT/report.html.

    Args: demo: run.Demo, all of its steps done. summary: what report.json holds.
    """
    folder = demo.work / "seed1"
    features = {name: load_features(folder / f"{name}.npy") for name in demo.losses}
    test = features[demo.losses[0]]
    pairs = test_pairs(test.labels)
    results = {
        name: verify(found.matrix, pairs, found.labels, FARS, all_pairs=True, names=found.paths)
        for name, found in features.items()
    }
    curves = {name: read_metrics(folder / name / "metrics.csv") for name in demo.losses}
    sections = [_result_section(demo.seeds, summary)] if demo.seeds > 1 else []
    sections += result_sections(results)
    sections += [
        section(
            "Training",
            picture(
                training_plot(curves),
                "Loss and learning rate over the iterations of each run.",
                "The losses are not comparable: a margin makes the task harder. am_softmax "
                "takes it from the cosines above it, as its code was released; "
                "am_softmax_fused, where it is shown, from all, as the paper's equation does.",
            ),
            _time_table(demo.seeds, summary),
        ),
        section(
            "Faces",
            _gallery("Some of the people trained on", folder / "lists/train.txt", demo.faces),
            _gallery("Some of the people tested on", folder / "lists/test.txt", demo.faces),
        ),
        mistakes_section(results, test.paths, demo.faces),
        protocol_section(results),
        section("This run", facts(_facts(demo, summary))),
    ]
    kind = "made-up faces" if demo.photographs is None else f"photographs in {demo.faces.name}"
    beside = f" {MADE_UP_NOTE}" if demo.photographs is None else ""
    titles = _listed([LOSSES[name].title for name in demo.losses])
    return page(
        f"{titles[0].upper()}{titles[1:]} on {kind}",
        f"One net, trained with {titles} from the same start on "
        f"{summary['dataset']['train_identities']} people, and tested on "
        f"{summary['dataset']['test_identities']} others. {_outcome(summary)}{beside}",
        *sections,
    )


def test_pairs(labels):
    """The pairs that `evaluate` draws from the labels of the test's images, (N,) int."""
    return balanced_pairs(labels, FOLDS, seed=0)


def _time_table(seeds, summary):
    """Time of an iteration and of its head, for each seed and, of several, in the mean."""
    several = seeds > 1
    rows = []
    for name, run in summary["runs"].items():
        for key, what in zip(TIMES, ("iteration", "head")):
            seconds = [figures[key] for figures in (*run["seeds"], *[run] * several)]
            rows.append([f"{name}, {what}", *map(milliseconds, seconds)])
    return table(
        "Time of an iteration, the median of each training, and of its head, the layers from "
        "the features to the loss, forward and backward, in the mean.",
        ["run", *(f"seed {number}" for number in range(1, seeds + 1)), "mean"]
        if several
        else ["run", "time"],
        rows,
    )


def _result_section(seeds, summary):
    rows = []
    for name, run in summary["runs"].items():
        for number, seed in enumerate(run["seeds"], 1):
            rows.append([f"{name}, seed {number}", *cells(seed)])
        rows.append([f"{name}, mean", *cells(run)])
    return section(
        f"{seeds} seeds",
        table(
            "Each seed draws its own split of the people, start and order of images; the "
            "sections below show seed 1.",
            ["run", "accuracy", *(f"TAR at FAR {far:g}" for far in FARS)],
            rows,
        ),
    )


def _gallery(heading, listing, root):
    """Three images each of the first six people of a list."""
    images = read_image_list(listing)
    people = {}
    for path, label in zip(images.paths, images.labels):
        people.setdefault(int(label), []).append(path)
    entries = [(people[label][:3], "", "") for label in sorted(people)[:6]]
    return gallery(heading, entries, root)


def _facts(demo, summary):
    recipe, data = demo.recipe, summary["dataset"]
    caffe = summary["caffe"]
    plain, margin = "softmax" in demo.losses, set(demo.losses) - {"softmax"}
    seconds = {name: f"{value:.0f} s" for name, value in demo.seconds.items() if value >= 1}
    return {
        "Caffe": f"{caffe['version']}, {caffe['commit']}, on {caffe['device']}",
        "Trained on": f"{data['train_images']:,} images of {data['train_identities']:,} people",
        **({"Pictures": demo.pictures} if demo.pictures else {}),
        "Net": f"{recipe.size} BGR, {recipe.depth} convolutions of {recipe.channels} to "
        f"{recipe.channels * 8} channels, {recipe.features} features",
        "Training": f"{recipe.max_iter:,} iterations of {recipe.batch} images, the learning "
        f"rate divided by 10 at {' and '.join(f'{step:,}' for step in recipe.steps)}",
        **({"Softmax": f"learning rate {recipe.softmax_lr:g}"} if plain else {}),
        **(
            {
                "AM-Softmax": f"learning rate {recipe.am_softmax_lr:g}, s = {recipe.s:g}, "
                f"m = {recipe.m:g}"
            }
            if margin
            else {}
        ),
        "Extraction": f"{summary['extract']['images_per_second']:.0f} images/s, each with its "
        "mirror",
        "Time of the steps": ", ".join(f"{name} {text}" for name, text in seconds.items()),
    }


def milliseconds(seconds):
    return "not timed" if seconds is None else f"{1000 * seconds:.2f} ms"


def cells(figures):
    rates = [figures["tar_at_far"][f"{far:g}"] for far in FARS]
    return [
        f"{100 * figures['accuracy']:.2f} %",
        *("not resolved" if rate is None else f"{100 * rate:.2f} %" for rate in rates),
    ]


def _listed(words):
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _outcome(summary):
    """The outcome in a sentence, by the strictest FAR at which chance does not decide."""
    runs, impostors = summary["runs"], summary["dataset"]["test_impostor_pairs"]
    for far in sorted(FARS):
        if resolved_well(far, impostors):
            rates = {name: run["tar_at_far"][f"{far:g}"] for name, run in runs.items()}
            (name, rate), *others = rates.items()
            first = f"{LOSSES[name].title} accepts {100 * rate:.1f} % of the genuine pairs"
            accepted = [f"{LOSSES[name].title} {100 * rate:.1f} %" for name, rate in others]
            return f"At a false-accept rate of {far:g}, {_listed([first, *accepted])}."
    right = [f"{LOSSES[name].title} {100 * run['accuracy']:.1f} %" for name, run in runs.items()]
    return (
        f"{impostors:,} pairs of two people leave fewer than {Tally.NOISY} false accepts at the "
        f"rates asked for, too few to tell by. Accuracy on balanced pairs: {_listed(right)}."
    )
