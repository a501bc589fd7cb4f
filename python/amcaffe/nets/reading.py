"""Solvers and nets in text format, read and checked before pycaffe sees them.

A CHECK that fails inside Caffe may end Python, so whatever a user can get wrong in these files is
looked for here first.
"""

from pathlib import Path

from amcaffe.errors import InputError

TRAIN, TEST = 0, 1  # caffe.proto's enum Phase
_PATCH = (
    "the layers and fields of this package need a patched Caffe: "
    "python -m amcaffe.install $CAFFE_ROOT, then python -m amcaffe.build $CAFFE_ROOT"
)


def read_solver(path):
    """SolverParameter of a text file. Raises InputError naming file and line."""
    from caffe.proto import caffe_pb2

    return _read_text(path, caffe_pb2.SolverParameter(), "solver")


def read_net(path):
    """NetParameter of a text file. Raises InputError naming file and line, or on a net that
    has no layers or is written in the format before `layer` and `type: "Name"`."""
    from caffe.proto import caffe_pb2

    net = _read_text(path, caffe_pb2.NetParameter(), "net")
    if len(net.layers):
        raise InputError(
            f"{path} is written in Caffe's old format (`layers`, not `layer`)",
            hint=f"$CAFFE_ROOT/build/tools/upgrade_net_proto_text {path} NEW",
        )
    if not len(net.layer):
        raise InputError(f"{path} has no layers")
    return net


def _read_text(path, message, kind):
    from google.protobuf import text_format

    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read the {kind} {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is no {kind} in text format: it is not UTF-8") from None
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as error:
        raise InputError(
            f"{path}:{error.GetLine()}: not a {kind} that this Caffe can read",
            found=str(error),
            hint=_PATCH if "has no field named" in str(error) else None,
        ) from None


def layers_in(net, phase, level=0, stages=()):
    """The layers of a NetParameter that exist in a phase, by Caffe's include/exclude rules."""
    state = (phase, level, frozenset(stages) | frozenset(net.state.stage))
    kept = []
    for layer in net.layer:
        if layer.include:
            exists = any(_meets(rule, *state) for rule in layer.include)
        else:
            exists = not any(_meets(rule, *state) for rule in layer.exclude)
        if exists:
            kept.append(layer)
    return kept


def _meets(rule, phase, level, stages):
    return not (
        (rule.HasField("phase") and rule.phase != phase)
        or (rule.HasField("min_level") and level < rule.min_level)
        or (rule.HasField("max_level") and level > rule.max_level)
        or not stages.issuperset(rule.stage)
        or not stages.isdisjoint(rule.not_stage)
    )


def check_layers(caffe, path, net, layers):
    """Raise InputError for a layer type that this Caffe lacks, or a bottom that no layer makes."""
    known = set(caffe.layer_type_list())
    made = set(net.input)
    for layer in layers:
        if layer.type not in known:
            raise InputError(
                f"{path}: layer {layer.name} is of a type that this Caffe does not have",
                found=layer.type,
                hint=_PATCH,
            )
        for bottom in layer.bottom:
            if bottom not in made:
                raise InputError(
                    f"{path}: layer {layer.name} reads a blob that no layer above it makes",
                    found=bottom,
                    expected=f"one of {', '.join(sorted(made))}",
                )
        made.update(layer.top)
