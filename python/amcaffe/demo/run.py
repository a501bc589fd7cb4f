"""The steps of the demo in their order, each the command that it prints."""

import json
import shlex
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from amcaffe import cli
from amcaffe.data.files import atomic_set
from amcaffe.data.images import read_image
from amcaffe.data.lists import read_image_list
from amcaffe.data.outputs import claimed_folder
from amcaffe.demo.cache import work_key
from amcaffe.demo.page import page_of, test_pairs
from amcaffe.demo.recipe import FARS, FOLDS, LOSSES, MADE_UP, PHOTOGRAPHS, USUAL_LOSSES, fitted
from amcaffe.demo.summary import head_seconds, seconds_per_iteration, summarize
from amcaffe.errors import InputError, StepError

SPLITS = ("train", "test")
LEAST_PEOPLE = 6  # a quarter of them is two, and two people make a pair of strangers
LOOKED_AT = 20  # pictures that say which shape the net's input has


class Demo:
    """One demo: its folders, and the steps in their order.

    recipe: for photographs, what is known before the lists are made; `run` fits it to them.
    """

    def __init__(self, out, seeds, faces=None, losses=USUAL_LOSSES, min_images=2):
        self.out, self.seeds, self.losses = Path(out), seeds, tuple(losses)
        self.photographs = None if faces is None else Path(faces)
        if faces is None:
            self.recipe = MADE_UP
        else:
            _require_people(self.photographs)
            self.recipe = replace(PHOTOGRAPHS, min_images=min_images)
        self.pictures = None  # in words, where they are photographs
        self.work = self.out / "work" / work_key(self.recipe, self.photographs)
        self.faces = self.photographs or self.work / "faces"
        self.seconds = {}

    def run(self):
        """All steps; returns what report.json holds."""
        with claimed_folder(self.out, "demo", ("report.json", "report.html")) as claim:
            return self._run(*claim.files)

    def _run(self, report, page):
        if self.photographs is None:
            recipe = self.recipe
            self._step(
                "faces", self.faces, "--identities", recipe.people, "--images", recipe.images
            )
        seeds = range(1, self.seeds + 1)
        for seed in seeds:
            self._split(seed)
        if self.photographs is not None:
            self._fit_to_photographs()
        for seed in seeds:  # too few pairs for the test are told before a training
            test_pairs(read_image_list(self.work / f"seed{seed}/lists/test.txt").labels)
        outcomes = [self._seed(seed) for seed in seeds]
        summary = summarize(outcomes, self.losses)
        atomic_set({report: json.dumps(summary, indent=2) + "\n", page: page_of(self, summary)})
        return summary

    def _split(self, seed):
        """The lists of one seed."""
        self._step(
            "dataset", "lists", self.faces, self.work / f"seed{seed}/lists",
            "--holdout-fraction", self.recipe.test_share, "--min-images", self.recipe.min_images,
            "--seed", seed,
        )  # fmt: skip

    def _fit_to_photographs(self):
        """Fit the recipe to the pictures that are kept; refuse too few people."""
        lists = [read_image_list(self.work / f"seed1/lists/{name}.txt") for name in SPLITS]
        kept = sum(int(images.labels.max()) + 1 for images in lists)
        if kept < LEAST_PEOPLE:
            raise InputError(
                f"--faces {self.photographs}: {kept} people with {self.recipe.min_images} images "
                "or more",
                expected=f"{LEAST_PEOPLE} or more, a quarter of them for the test",
                hint="add people, or images of those left out",
            )
        # Sorted, so that every seed's draw of the people looks at the same ones.
        paths = sorted(path for images in lists for path in images.paths)
        shapes = [read_image(self.faces / path).shape[:2] for path in paths[:LOOKED_AT]]
        self.recipe = fitted(self.recipe, len(paths), shapes)
        self.pictures = _shapes_in_words(shapes)
        print(f"\npictures of {self.pictures}: the net takes {self.recipe.size}", flush=True)

    def _seed(self, seed):
        """Train, extract and evaluate with one seed: {name of a file: its JSON}."""
        folder, recipe = self.work / f"seed{seed}", self.recipe
        lists = folder / "lists"
        labels = read_image_list(lists / "train.txt").labels
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
            outcome[name]["seconds_per_iteration"] = seconds_per_iteration(
                folder / name / "metrics.csv", recipe.batch
            )
            outcome[name]["head_seconds"] = head_seconds(outcome[name]["layer_seconds"])
            outcome[f"extract {name}"] = _json(folder / f"{name}.json")
        self._step(
            "evaluate", "pairs", *(f"{name}={folder / name}.npy" for name in self.losses),
            "--out", folder / "report", "--folds", FOLDS, "--far", *FARS, "--images", self.faces,
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


def _require_people(folder):
    """Refuse, before anything is written, what is no folder of people."""
    if not folder.is_dir():
        raise InputError(f"--faces {folder}: no such folder")
    people = [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
    if len(people) < LEAST_PEOPLE:
        raise InputError(
            f"--faces {folder}: {len(people)} sub-folders",
            expected=f"one sub-folder a person, {LEAST_PEOPLE} people or more",
        )


def _shapes_in_words(shapes):
    """(height, width)s as `112x112`, or the range that they lie in."""
    least, most = ("{}x{}".format(*map(bound, zip(*shapes))) for bound in (min, max))
    return least if least == most else f"{least} to {most}"


def _json(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))
