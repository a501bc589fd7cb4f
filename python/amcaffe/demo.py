"""`python -m amcaffe.demo`: the whole job, plain softmax against AM-Softmax from the same start.

Faces are made up (or taken from a folder of photographs), split by identity,
and a small net is trained on the one part, once with each loss; features of
the people that no net has seen are compared, and one HTML report tells the
outcome. Every step is the command that it prints; an interrupted demo goes on
where it was.
"""

import dataclasses
import hashlib
import json
import math
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Tuple

from amcaffe import cli
from amcaffe.errors import InputError, StepError
from amcaffe.files import atomic_write
from amcaffe.lists import read_image_list

FARS = (0.01, 0.001)
TIMES = ("seconds_per_iteration", "head_seconds")


@dataclasses.dataclass(frozen=True)
class Loss:
    """margin: the renderer's name of the head. title: as text has it."""

    margin: str
    title: str


# By the report's names. The same seed gives all of them the same start.
LOSSES = {
    "softmax": Loss("softmax", "plain softmax"),
    "am_softmax": Loss("am-softmax", "AM-Softmax"),
    "am_softmax_fused": Loss("am-softmax-fused", "fused AM-Softmax"),
}
USUAL_LOSSES = ("softmax", "am_softmax")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How the demo trains: as amcaffe.prototxt names its options, beside the amount of people.

    people, images: of made-up faces; test_people: kept from training.
    softmax_lr, am_softmax_lr: the best of those tried between 0.01 and 0.1 for each loss, so
        that neither is held back by the other's. The fused loss has AM-Softmax's.
    """

    test_people: int
    people: int = 0
    images: int = 0
    depth: int = 4
    channels: int = 16
    features: int = 128
    size: str = "56x48"
    batch: int = 64
    softmax_lr: float = 0.05
    am_softmax_lr: float = 0.02
    steps: Tuple[int, ...] = (1200, 1700)
    max_iter: int = 2000
    weight_decay: float = 0.0005
    s: float = 30.0
    m: float = 0.35


MADE_UP = Recipe(people=320, images=24, test_people=80)


def photographs(people):
    """The recipe for a folder of photographs: a quarter of the people is kept for the test."""
    few = Recipe(test_people=math.ceil(people / 4), max_iter=600, steps=(400, 550))
    return dataclasses.replace(few, softmax_lr=0.02)  # at 0.05 some of these runs diverge


class Demo:
    """One demo: its folders, and the steps in their order."""

    def __init__(self, out, seeds, faces=None, losses=USUAL_LOSSES):
        self.out, self.seeds, self.losses = Path(out), seeds, tuple(losses)
        self.photographs = None if faces is None else Path(faces)
        if faces is None:
            self.recipe = MADE_UP
        else:
            self.recipe = photographs(_people(self.photographs))
        self.work = self.out / "work" / self._key()
        self.faces = self.photographs or self.work / "faces"
        self.seconds = {}

    def run(self):
        """All steps; returns what report.json holds."""
        if self.photographs is None:
            recipe = self.recipe
            self._step(
                "faces", self.faces, "--identities", recipe.people, "--images", recipe.images
            )
        outcomes = [self._seed(seed) for seed in range(1, self.seeds + 1)]
        summary = self._summary(outcomes)
        self.out.mkdir(parents=True, exist_ok=True)
        atomic_write(self.out / "report.json", json.dumps(summary, indent=2) + "\n")
        self._report(summary)
        return summary

    def _seed(self, seed):
        """Split, train, extract and evaluate with one seed: {name of a file: its JSON}."""
        folder, recipe = self.work / f"seed{seed}", self.recipe
        lists = folder / "lists"
        self._step(
            "dataset", "lists", self.faces, lists, "--holdout", recipe.test_people, "--seed", seed
        )
        labels = read_image_list(lists / "train.txt")[1]
        classes = int(labels.max()) + 1
        common = {
            "classes": classes,
            "depth": recipe.depth,
            "channels": recipe.channels,
            "features": recipe.features,
            "size": recipe.size,
            "batch": recipe.batch,
            "max-iter": recipe.max_iter,
            "weight-decay": recipe.weight_decay,
            "snapshot": max(1, recipe.max_iter // 4),
            "source": lists / "train.txt",
            "root": f"{self.faces}/",
        }
        am_softmax = {"lr": recipe.am_softmax_lr, "s": recipe.s, "m": recipe.m}
        heads = {"softmax": {"lr": recipe.softmax_lr}}
        outcome = {}
        for name in self.losses:
            nets = folder / "nets" / name
            values = {**common, **heads.get(name, am_softmax)}
            options = [word for key, value in values.items() for word in (f"--{key}", value)]
            self._step(
                "prototxt", "--out", nets, "--margin", LOSSES[name].margin, "--resize",
                "--steps", *recipe.steps, *options,
            )  # fmt: skip
            if not (folder / name / "train.json").exists():
                self._step(
                    "train", "--solver", next(nets.glob("face_solver*.prototxt")),
                    "--out", folder / name, "--seed", seed, "--resume",
                )  # fmt: skip
            if not (folder / f"{name}.npy").exists():
                self._step(
                    "extract", lists / "test.txt", folder / name, "--root", self.faces,
                    "--net", nets / "face_deploy.prototxt",
                    "--weights", folder / name / "final.caffemodel",
                )  # fmt: skip
            outcome[name] = _json(folder / name / "train.json")
            outcome[name]["seconds_per_iteration"] = _seconds_per_iteration(
                folder / name / "metrics.csv", recipe.batch
            )
            outcome[name]["head_seconds"] = _head_seconds(outcome[name]["layer_seconds"])
            outcome[f"extract {name}"] = _json(folder / f"{name}.json")
        self._step(
            "evaluate", "pairs", *(f"{name}={folder / name}.npy" for name in self.losses),
            "--out", folder / "report", "--far", *FARS, "--images", self.faces,
        )  # fmt: skip
        outcome["report"] = _json(folder / "report/report.json")
        outcome["train_images"] = len(labels)
        outcome["train_identities"] = classes
        return outcome

    def _step(self, name, *arguments):
        command = [sys.executable, "-m", f"amcaffe.{name}", *map(str, arguments)]
        print(f"\n$ {shlex.join(['python', *command[1:]])}", flush=True)
        started = time.perf_counter()
        status = subprocess.run(command).returncode
        self.seconds[name] = self.seconds.get(name, 0) + time.perf_counter() - started
        if status == cli.INTERRUPTED:
            raise KeyboardInterrupt
        if status:
            raise StepError(
                f"the step {name} failed with status {status}; its message is above",
                status,
                hint="mend that and run the same command: finished steps are kept",
            )

    def _key(self):
        """Names the work: another recipe, photograph, package or Caffe build begins anew."""
        digest = hashlib.sha256(repr((self.recipe, str(self.photographs))).encode())
        root = os.environ.get("CAFFE_ROOT", "")
        digest.update(root.encode())
        files = sorted(Path(root, "build/lib").glob("libcaffe.so*")) if root else []
        if self.photographs is not None:
            files += sorted(self.photographs.rglob("*"))
        for path in files:
            state = path.stat()
            digest.update(repr((str(path), state.st_size, state.st_mtime_ns)).encode())
        for path in sorted(Path(__file__).parent.rglob("*.py")):
            digest.update(path.read_bytes())
        return digest.hexdigest()[:12]

    def _summary(self, outcomes):
        """Means over the seeds, and each seed's own figures beside them."""
        first = outcomes[0]
        runs = {}
        for name in self.losses:
            per_seed = [outcome["report"]["runs"][name] for outcome in outcomes]
            trained = [outcome[name] for outcome in outcomes]
            runs[name] = {
                "iterations": trained[0]["iterations"],
                "train_seconds": _mean([run["seconds"] for run in trained]),
                **{key: _mean([run[key] for run in trained]) for key in TIMES},
                "accuracy": _mean([run["accuracy"] for run in per_seed]),
                "accuracy_std": _mean([run["accuracy_std"] for run in per_seed]),
                "tar_at_far": {
                    f"{far:g}": _mean([run["tar_at_far"][f"{far:g}"] for run in per_seed])
                    for far in FARS
                },
                "seeds": [
                    {
                        **{key: run[key] for key in ("accuracy", "accuracy_std", "tar_at_far")},
                        **{key: training[key] for key in TIMES},
                    }
                    for run, training in zip(per_seed, trained)
                ],
            }
        extracted = [outcome[f"extract {name}"] for outcome in outcomes for name in self.losses]
        images = sum(summary["images"] for summary in extracted)
        any_loss = self.losses[0]
        return {
            "caffe": _caffe(first[any_loss]),
            "dataset": {
                "train_identities": first["train_identities"],
                "train_images": first["train_images"],
                "test_identities": first["report"]["people"],
                "test_images": first["report"]["images"],
                "test_pairs": sum(first["report"]["runs"][any_loss]["pairs"]["tar"].values()),
            },
            "runs": runs,
            "extract": {
                "images": images,
                "images_per_second": images / sum(summary["seconds"] for summary in extracted),
            },
        }

    def _report(self, summary):
        """The page: result, curves, faces, mistakes, facts."""
        from amcaffe import report
        from amcaffe.features import load_features
        from amcaffe.pairs import balanced_pairs
        from amcaffe.verification import verify

        folder = self.work / "seed1"
        features = {name: load_features(folder / f"{name}.npy") for name in self.losses}
        test = features[self.losses[0]]
        pairs = balanced_pairs(test.labels, 10, seed=0)
        results = {
            name: verify(found.matrix, pairs, found.labels, FARS, all_pairs=True, names=found.paths)
            for name, found in features.items()
        }
        curves = {name: report.read_metrics(folder / name / "metrics.csv") for name in self.losses}
        sections = [self._result_section(report, summary)] if self.seeds > 1 else []
        sections += report.result_sections(results)
        sections += [
            report.section(
                "Training",
                report.picture(
                    report.training_plot(curves),
                    "Loss and learning rate over the iterations of each run.",
                    "The losses are not comparable: a margin makes the task harder. am_softmax "
                    "takes it from the cosines above it, as its code was released; "
                    "am_softmax_fused, where it is shown, from all, as the paper's equation does.",
                ),
                self._time_table(report, summary),
            ),
            report.section(
                "Faces",
                self._gallery(report, "Some of the people trained on", folder / "lists/train.txt"),
                self._gallery(report, "Some of the people tested on", folder / "lists/test.txt"),
            ),
            report.mistakes_section(results, test.paths, self.faces),
            report.protocol_section(
                results, pairs.rule, "TAR, EER and AUC are over all pairs of the images."
            ),
            report.section("This run", report.facts(self._facts(summary))),
        ]
        kind = "made-up faces" if self.photographs is None else f"photographs in {self.faces.name}"
        titles = _listed([LOSSES[name].title for name in self.losses])
        report.write_report(
            self.out / "report.html",
            f"{titles[0].upper()}{titles[1:]} on {kind}",
            f"One net, trained with {titles} from the same start on "
            f"{summary['dataset']['train_identities']} people, and tested on "
            f"{summary['dataset']['test_identities']} others. {_outcome(summary)}",
            *sections,
        )

    def _time_table(self, report, summary):
        """Time of an iteration and of its head, for each seed and in the mean."""
        rows = []
        for name, run in summary["runs"].items():
            for key, what in zip(TIMES, ("iteration", "head")):
                seconds = [figures[key] for figures in (*run["seeds"], run)]
                rows.append([f"{name}, {what}", *map(_milliseconds, seconds)])
        return report.table(
            "Time of an iteration, the median of each training, and of its head, the layers from "
            "the features to the loss, forward and backward, in the mean.",
            ["run", *(f"seed {number}" for number in range(1, self.seeds + 1)), "mean"],
            rows,
        )

    def _result_section(self, report, summary):
        rows = []
        for name, run in summary["runs"].items():
            for number, seed in enumerate(run["seeds"], 1):
                rows.append([f"{name}, seed {number}", *_cells(seed)])
            rows.append([f"{name}, mean", *_cells(run)])
        return report.section(
            f"{self.seeds} seeds",
            report.table(
                "Each seed draws its own split of the people, start and order of images; the "
                "sections below show seed 1.",
                ["run", "accuracy", *(f"TAR at FAR {far:g}" for far in FARS)],
                rows,
            ),
        )

    def _gallery(self, report, heading, listing):
        """Three images each of the first six people of a list."""
        paths, labels = read_image_list(listing)
        people = {}
        for path, label in zip(paths, labels):
            people.setdefault(int(label), []).append(path)
        entries = [(people[label][:3], "", "") for label in sorted(people)[:6]]
        return report.gallery(heading, entries, self.faces)

    def _facts(self, summary):
        recipe, data = self.recipe, summary["dataset"]
        caffe = summary["caffe"]
        plain, margin = "softmax" in self.losses, set(self.losses) - {"softmax"}
        seconds = {name: f"{value:.0f} s" for name, value in self.seconds.items() if value >= 1}
        return {
            "Caffe": f"{caffe['version']}, {caffe['commit']}, on {caffe['device']}",
            "Trained on": f"{data['train_images']:,} images of {data['train_identities']:,} people",
            "Net": f"{recipe.size} BGR, {recipe.depth} convolutions of {recipe.channels} to "
            f"{recipe.channels * 8} channels, {recipe.features} features",
            "Training": f"{recipe.max_iter:,} iterations of {recipe.batch} images, the learning "
            f"rate divided by 10 at {' and '.join(f'{step:,}' for step in recipe.steps)}",
            **({"Softmax": f"learning rate {recipe.softmax_lr:g}"} if plain else {}),
            **({"AM-Softmax": f"learning rate {recipe.am_softmax_lr:g}, s = {recipe.s:g}, "
                f"m = {recipe.m:g}"} if margin else {}),
            "Extraction": f"{summary['extract']['images_per_second']:.0f} images/s, each with its "
            "mirror",
            "Time of the steps": ", ".join(f"{name} {text}" for name, text in seconds.items()),
        }


def _people(folder):
    """Number of people (sub-folders) of a folder of photographs."""
    if not folder.is_dir():
        raise InputError(f"--faces {folder}: no such folder")
    people = [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
    if len(people) < 4:
        raise InputError(
            f"--faces {folder}: {len(people)} sub-folders",
            expected="one sub-folder a person, 4 people or more",
        )
    return len(people)


def _caffe(trained):
    device = trained["device"]
    if device == "cpu":
        device = f"CPU ({platform.processor() or platform.machine()}, {os.cpu_count()} threads)"
    return {"version": trained["caffe"], "commit": _commit(), "device": device}


def _commit():
    """The tree's upstream commit, where the set-up or git knows it."""
    root = Path(os.environ.get("CAFFE_ROOT", ""))
    known = root / "build/amcaffe-commit"
    if known.exists():
        return known.read_text().strip()
    done = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True
    )
    return done.stdout.strip() if done.returncode == 0 else "unknown commit"


def _json(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _seconds_per_iteration(metrics, images):
    """Median time of an iteration of so many images: a busy moment of the machine does not tell."""
    from amcaffe import report

    return images / statistics.median(report.read_metrics(metrics)["images_per_second"].tolist())


def _head_seconds(layers):
    """Of an iteration's time that of the layers after fc5; None where layers were not timed."""
    if layers is None:
        return None
    names = list(layers)
    return sum(layers[name] for name in names[names.index("fc5") + 1 :])


def _milliseconds(seconds):
    return "not timed" if seconds is None else f"{1000 * seconds:.2f} ms"


def _mean(values):
    """Mean, or None where a value is missing (a FAR that the pairs do not resolve)."""
    return None if None in values else statistics.fmean(values)


def _cells(figures):
    rates = [figures["tar_at_far"][f"{far:g}"] for far in FARS]
    return [
        f"{100 * figures['accuracy']:.2f} %",
        *("not resolved" if rate is None else f"{100 * rate:.2f} %" for rate in rates),
    ]


def _listed(words):
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _outcome(summary):
    """The outcome in a sentence, by the strictest FAR that the pairs resolve."""
    for far in reversed(FARS):
        rates = {name: run["tar_at_far"][f"{far:g}"] for name, run in summary["runs"].items()}
        if None not in rates.values():
            (name, rate), *others = rates.items()
            first = f"{LOSSES[name].title} accepts {100 * rate:.1f} % of the genuine pairs"
            accepted = [f"{LOSSES[name].title} {100 * rate:.1f} %" for name, rate in others]
            return f"At a false-accept rate of {far:g}, {_listed([first, *accepted])}."
    return "There are too few pairs for a true-accept rate at the false-accept rates asked for."


def main(argv):
    arguments = cli.parser(
        "demo",
        "Train a small net with plain softmax and again with AM-Softmax, on made-up faces or on a\n"
        "folder of photographs, and report how well each tells apart people it has never seen.\n"
        "am_softmax_fused is AM-Softmax in one layer, MarginSoftmaxLoss.",
        "python -m amcaffe.demo --out build/demo --seeds 3",
    )
    arguments.add_argument("--out", default="build/demo", metavar="DIR", help="(%(default)s)")
    arguments.add_argument("--seeds", type=int, default=1, metavar="N", help="repeat (%(default)s)")
    arguments.add_argument(
        "--faces", metavar="DIR", help="photographs, one sub-folder a person; default: made up"
    )
    arguments.add_argument(
        "--losses", nargs="+", choices=LOSSES, default=USUAL_LOSSES, metavar="LOSS",
        help=f"to train with, of {', '.join(LOSSES)} ({' '.join(USUAL_LOSSES)})",
    )  # fmt: skip
    options = arguments.parse_args(argv)
    if options.seeds < 1:
        raise InputError(f"--seeds {options.seeds}: one or more")
    losses = [name for name in LOSSES if name in options.losses]
    demo = Demo(options.out, options.seeds, options.faces, losses)
    summary = demo.run()
    print()
    for name, run in summary["runs"].items():
        cells = _cells(run)
        rates = ", ".join(f"TAR at FAR {far:g}: {cell}" for far, cell in zip(FARS, cells[1:]))
        total, head = (_milliseconds(run[key]) for key in TIMES)
        print(f"{name:<18}accuracy {cells[0]}, {rates}; iteration {total}, its head {head}")
    for name in ("report.json", "report.html"):
        print(demo.out / name)


if __name__ == "__main__":
    sys.exit(cli.run("demo", main))
