"""The figures of a demo over its seeds."""

import os
import platform
import statistics

from amcaffe.data.metrics import read_metrics
from amcaffe.demo.recipe import FARS, TIMES
from amcaffe.host.commit import commit_of


def summarize(outcomes, losses):
    """Means over the seeds, and each seed's own figures beside them: what report.json holds.

    Args: outcomes: one a seed, of run.Demo. losses: names, of recipe.LOSSES.
    """
    first = outcomes[0]
    runs = {}
    for name in losses:
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
    extracted = [outcome[f"extract {name}"] for outcome in outcomes for name in losses]
    images = sum(summary["images"] for summary in extracted)
    any_loss = losses[0]
    return {
        "caffe": _caffe(first[any_loss]),
        "dataset": {
            "train_identities": first["train_identities"],
            "train_images": first["train_images"],
            "test_identities": first["report"]["people"],
            "test_images": first["report"]["images"],
            "test_pairs": sum(first["report"]["runs"][any_loss]["pairs"]["tar"].values()),
            # The fewest of any seed: the draws of photographs differ in images.
            "test_impostor_pairs": min(
                outcome["report"]["runs"][any_loss]["pairs"]["tar"]["mismatched"]
                for outcome in outcomes
            ),
        },
        "runs": runs,
        "extract": {
            "images": images,
            "images_per_second": images / sum(summary["seconds"] for summary in extracted),
        },
    }


def _caffe(trained):
    device = trained["device"]
    if device == "cpu":
        device = f"CPU ({platform.processor() or platform.machine()}, {os.cpu_count()} threads)"
    return {
        "version": trained["caffe"],
        "commit": commit_of(os.environ.get("CAFFE_ROOT", "")) or "unknown commit",
        "device": device,
    }


def seconds_per_iteration(metrics, images):
    """Median time of an iteration of so many images: a busy moment of the machine does not tell."""
    return images / statistics.median(read_metrics(metrics)["images_per_second"].tolist())


def head_seconds(layers):
    """Of an iteration's time that of the layers after fc5; None where layers were not timed."""
    if layers is None:
        return None
    names = list(layers)
    return sum(layers[name] for name in names[names.index("fc5") + 1 :])


def _mean(values):
    """Mean, or None where a value is missing (a FAR that the pairs do not resolve)."""
    return None if None in values else statistics.fmean(values)
