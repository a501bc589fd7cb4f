"""Planning a conversion, which reads only, and carrying it out."""

import os
import shlex
from dataclasses import dataclass

from amcaffe.convert import wire
from amcaffe.convert.annealing import history_length, missing_counts
from amcaffe.convert.check import check, fitting
from amcaffe.convert.forks import fork_schema
from amcaffe.convert.layer_transcoder import LayerTranscoder
from amcaffe.convert.modelfile import STATE, broken, kind_of, open_model
from amcaffe.convert.output import Output
from amcaffe.convert.schema import read_schema
from amcaffe.data.files import atomic_file
from amcaffe.data.outputs import refuse_inputs
from amcaffe.errors import AmcaffeError, InputError
from amcaffe.host.resources import resource_dir
from amcaffe.progress import Progress

_MOST_SHOWN = 20


@dataclass(frozen=True)
class Conversion:
    """What to write, and the lines that say what differs from the input."""

    kind: str
    output: Output
    lines: list[str]


def plan(path, data, source, target, drop=False, model=None, **layers):
    """The Conversion of a file that was written under one Schema to another.

    Args:
        path: a .caffemodel or .solverstate, for errors.
        data: a memoryview of it.
        source, target: Schemas.
        drop: leave out fields that the target does not have.
        model: the caffemodel, under `source` too, that belongs to a solverstate; needed where
            that is of an annealed margin and the target is to resume it.
        layers: further arguments of LayerTranscoder.
    Raises: InputError: the file is broken, or holds what the target cannot.
    """
    kind = kind_of(path, data)
    if model is not None:
        if kind != STATE:
            raise InputError(f"{path} is a caffemodel itself", hint="--model is for solverstates")
        layers["history"] = _history_to_add(path, data, model, source, target)
    walk = LayerTranscoder(data, source, target, **layers)
    try:
        output = walk.message(source.messages[kind], target.messages[kind], 0, len(data))
    except wire.WireError as error:
        raise broken(path, error, walk.where(), _advice(data, kind, source)) from None
    dropped = [problem for problem in walk.problems if drop and problem.droppable]
    refused = [problem for problem in walk.problems if not (drop and problem.droppable)]
    if refused:
        raise _refusal(path, refused, target, _advice(data, kind, source))
    if output.size > wire.MAX_FILE:
        raise InputError(f"{path} would be too long for protobuf", found=f"{output.size} bytes")
    lines = [
        f"{message}.{there.name}: {here.number} -> {there.number}, {count} times"
        for (message, here, there), count in walk.renumbered.items()
    ]
    lines += [f"left out: {problem}" for problem in dropped]
    lines += [f"note: {note}" for note in walk.notes]
    if kind == STATE:
        lines.append("note: learned_net, the weights that resuming loads, stays: convert them too")
    return Conversion(kind, output, lines)


def convert(path, source, target, out, say=print, **options):
    """Write a file that was written under one Schema as one of another.

    Args:
        path: a .caffemodel or .solverstate.
        source, target: Schemas.
        out: file to write; where anything fails it stays as it was.
        say: function of one line, called with what was changed.
        options: further arguments of plan.
    Raises: InputError: the file is broken or holds what the target cannot, or `out` cannot be
        written.
    """
    refuse_inputs([out], [path, options.get("model"), source.origin, target.origin])
    folder = os.path.dirname(out) or "."
    if not os.path.isdir(folder):
        raise InputError(
            f"--out {out}: there is no folder {folder}",
            expected="a file in a folder that is there",
            hint=f"mkdir -p {shlex.quote(folder)}, if it is the one that is meant",
        )
    conversion = plan(path, open_model(path), source, target, **options)
    output = conversion.output
    with atomic_file(out) as file:
        with Progress("write", output.size, "bytes") as progress:
            for block in output.blocks():
                file.write(block)
                progress.update(len(block))
        file.flush()
        wrong = check(open_model(file.name), conversion.kind, target)
        if wrong:
            raise AmcaffeError(
                f"{out} was not written: what was made does not read under {target.origin}",
                found=wrong[0],
                hint="this is a fault of amcaffe.convert, not of the file",
            )
    for line in conversion.lines:
        say(line)
    say(f"{out}: {output.size} bytes{'' if output.changed else ', the same as the input'}")


def _history_to_add(path, data, model, source, target):
    missing = missing_counts(model, open_model(model), source, target)
    return missing.in_history(path, history_length(data, source))


def _refusal(path, problems, target, advice):
    lines = [f"\n    {problem}" for problem in problems[:_MOST_SHOWN]]
    if len(problems) > _MOST_SHOWN:
        lines.append(f"\n    and {len(problems) - _MOST_SHOWN} more")
    hints = [advice] if advice else []
    ours = sorted(_installed_fields() & {problem.field for problem in problems})
    if ours:
        hints.append(f"`python -m amcaffe.install` brings {', '.join(ours)} to a tree")
    if all(problem.droppable for problem in problems):
        hints.append("--drop-unknown leaves these fields out; weights are never left out")
    return InputError(
        f"{path} holds what {target.origin} cannot",
        found="".join(lines),
        hint="; ".join(hints) or "nothing was written",
    )


def _installed_fields():
    """The names of the fields that amcaffe adds to messages of a tree."""
    added = read_schema("toadd.proto", (resource_dir("proto") / "toadd.proto").read_text())
    hosts = fork_schema("upstream").messages
    return {
        name
        for host, message in added.messages.items()
        if host in hosts
        for name in message.by_name
    }


def _advice(data, kind, source):
    """What to try where a file does not read under the fork that was named; None: it does."""
    if not check(data, kind, source):
        return None
    forks = fitting(data, kind)
    if forks:
        return f"it does not read under {source.origin}, but under {', '.join(forks)}"
    return (
        "copy or download it again; or it is of another fork than --from names: give that "
        "fork's src/caffe/proto/caffe.proto"
    )
