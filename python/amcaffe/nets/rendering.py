"""The files of an experiment: a solver and a net for each head, and a deploy net."""

import dataclasses
import shlex
from pathlib import Path

from amcaffe.errors import InputError
from amcaffe.nets import sphereface, text
from amcaffe.nets.experiment import Experiment

DEFAULT_MARGINS = (
    "softmax", "normface", "am-softmax", "arcface", "combined", "am-softmax-wo-fn", "a-softmax",
    "am-softmax-fused",
)  # fmt: skip
RENDERED_BY = "# rendered by: "  # begins each file; the command follows


def render_files(experiment, out="prototxt", margins=DEFAULT_MARGINS):
    """Every file of an experiment.

    Args:
        experiment: Experiment.
        out: folder that they will lie in, as the solvers are to name their nets:
            relative to where Caffe will be started.
        margins: heads, of heads.MARGINS; each gives a solver and a net, all share one deploy net.
    Returns: dict of file name -> text.
    """
    folder = Path(out).as_posix()
    if "\n" in folder:
        raise InputError("prototxt: the name of the folder must be one line", found=repr(folder))
    first = f"{RENDERED_BY}{command(experiment, out, margins)}\n"
    files = {}
    for margin in margins:
        suffix = _suffix(margin)
        net = f"face_train_test{suffix}.prototxt"
        files[f"face_solver{suffix}.prototxt"] = sphereface.solver(
            experiment,
            margin,
            net if folder == "." else f"{folder}/{net}",
            experiment.snapshot_prefix + suffix,
        )
        files[net] = sphereface.train_test_net(experiment, margin)
    files["face_deploy.prototxt"] = sphereface.deploy_net(experiment)
    return {name: first + text.render(fields) for name, fields in files.items()}


def command(experiment, out, margins):
    """The command line that renders these files again."""
    words = ["python", "-m", "amcaffe.prototxt", "--out", Path(out).as_posix()]
    if tuple(margins) != DEFAULT_MARGINS:
        words += ["--margin", *margins]
    for field in dataclasses.fields(Experiment):
        value, flag = getattr(experiment, field.name), "--" + field.name.replace("_", "-")
        if value == field.default:
            continue
        if isinstance(value, bool):
            words.append(flag if value else "--no-" + flag[2:])
        elif field.name == "size":
            words += [flag, "{}x{}".format(*value)]
        elif isinstance(value, tuple):
            words += [flag, *map(str, value)]
        else:
            words += [flag, str(value)]
    return " ".join(map(shlex.quote, words))


def _suffix(margin):
    """Of the file names: none for AM-Softmax, `_fused` for am-softmax-fused, `_arcface`."""
    return f"_{margin}".replace("_am-softmax", "").replace("-", "_")
