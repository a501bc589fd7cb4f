"""The files of an experiment: a solver and a net for each head, and a deploy net."""

import dataclasses
import shlex
from pathlib import Path

from amcaffe.errors import InputError
from amcaffe.nets import sphereface, text
from amcaffe.nets.experiment import Experiment
from amcaffe.nets.net_input import STATED
from amcaffe.nets.solver import solver

DEFAULT_MARGINS = (
    "softmax", "normface", "am-softmax", "arcface", "combined", "am-softmax-wo-fn", "a-softmax",
    "am-softmax-fused",
)  # fmt: skip
RENDERED_BY = "# rendered by: "  # in each file's first lines; the command follows
DEPLOY_NET, _TRAINING_NET = "face_deploy.prototxt", "face_train_test"


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
        net = f"{_TRAINING_NET}{suffix}.prototxt"
        files[f"face_solver{suffix}.prototxt"] = solver(
            experiment,
            margin,
            net if folder == "." else f"{folder}/{net}",
            experiment.snapshot_prefix + suffix,
        )
        files[net] = sphereface.train_test_net(experiment, margin)
    files[DEPLOY_NET] = sphereface.deploy_net(experiment)
    texts = {name: first + text.render(fields) for name, fields in files.items()}
    texts[DEPLOY_NET] = f"{STATED}{experiment.net_input}\n" + texts[DEPLOY_NET]
    return texts


def deploy_net_of(training_net):
    """The deploy net that was rendered beside a training net: a path, or None where none is."""
    path = Path(training_net)
    deploy = path.with_name(DEPLOY_NET)
    return deploy if path.name.startswith(_TRAINING_NET) and deploy.is_file() else None


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
