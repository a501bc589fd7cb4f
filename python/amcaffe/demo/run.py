"""The steps of the demo in their order, each the command that it prints."""

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

from amcaffe import cli
from amcaffe.data.files import atomic_set
from amcaffe.data.lists import read_image_list
from amcaffe.data.outputs import claimed_folder
from amcaffe.demo.cache import work_key
from amcaffe.demo.page import page_of
from amcaffe.demo.recipe import FARS, LOSSES, MADE_UP, USUAL_LOSSES, photographs
from amcaffe.demo.summary import head_seconds, seconds_per_iteration, summarize
from amcaffe.errors import InputError, StepError


class Demo:
    """One demo: its folders, and the steps in their order."""

    def __init__(self, out, seeds, faces=None, losses=USUAL_LOSSES):
        self.out, self.seeds, self.losses = Path(out), seeds, tuple(losses)
        self.photographs = None if faces is None else Path(faces)
        if faces is None:
            self.recipe = MADE_UP
        else:
            self.recipe = photographs(_people(self.photographs))
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
        outcomes = [self._seed(seed) for seed in range(1, self.seeds + 1)]
        summary = summarize(outcomes, self.losses)
        atomic_set({report: json.dumps(summary, indent=2) + "\n", page: page_of(self, summary)})
        return summary

    def _seed(self, seed):
        """Split, train, extract and evaluate with one seed: {name of a file: its JSON}."""
        folder, recipe = self.work / f"seed{seed}", self.recipe
        lists = folder / "lists"
        self._step(
            "dataset", "lists", self.faces, lists, "--holdout", recipe.test_people, "--seed", seed
        )
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


def _json(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))
