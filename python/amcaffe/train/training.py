"""A training from its options: everything is checked, then the loop runs."""

import contextlib
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from amcaffe.data.files import atomic_write
from amcaffe.data.outputs import claimed_folder
from amcaffe.errors import InputError
from amcaffe.host.caffe_log import caffe_log
from amcaffe.host.pycaffe import import_caffe, use_device
from amcaffe.nets.loading import load_weights
from amcaffe.nets.reading import check_layers, read_solver
from amcaffe.nets.weights import net_shapes, read_weights
from amcaffe.train import snapshots
from amcaffe.train.data_check import check_data
from amcaffe.train.head_check import check_heads, stop_in_first_pass
from amcaffe.train.input_check import TrainingInput
from amcaffe.train.list_copies import ListCopies
from amcaffe.train.loop import WARNINGS, Run
from amcaffe.train.mean_check import check_means
from amcaffe.train.memory_check import check_memory
from amcaffe.train.refusal import unchanged_if_refused
from amcaffe.train.setting_check import check_settings
from amcaffe.train.snapshots import FINAL, REPORT
from amcaffe.train.solver_file import configure, gpu_of, inputs_of, nets_of, sources_of

WRITTEN = ("solver.prototxt", "checked.json", "metrics.csv", WARNINGS, FINAL, REPORT)


@dataclass(frozen=True)
class Options:
    """As the command line's, which see."""

    solver: str
    out: str
    weights: Optional[str] = None
    fresh: tuple[str, ...] = ()
    resume: bool = False
    keep: Optional[int] = None
    gpu: Optional[int] = None
    iterations: Optional[int] = None
    seed: Optional[int] = None
    encoding: Optional[str] = None
    deploy: Optional[str] = None


def train(options):
    """Train, and write DIR/final.caffemodel and DIR/train.json.

    Returns: exit status: 0, or 130 where a signal stopped it (a snapshot is written).
    Raises: InputError: before anything is trained. TrainingError: the loss is not finite or
        stays where softmax saturates; the last snapshot written is a good one.
    """
    with claimed_folder(options.out, "train", WRITTEN, appended=("caffe.log",)) as claim:
        return _train(options, claim)


def _train(options, claim):
    caffe = import_caffe()
    out = Path(options.out)
    _check_options(options)
    parameters = read_solver(options.solver)
    nets = nets_of(parameters, options.solver)
    configure(parameters, options, out)
    earlier = snapshots.find(Path(parameters.snapshot_prefix))
    if earlier and not options.resume:
        raise InputError(
            f"{out} holds snapshots of an earlier run",
            found=f"iteration {earlier[0].iteration}",
            hint="--resume goes on from there; or give another --out",
        )
    if not earlier:
        snapshots.refuse_results(out)
    claim.spare(inputs_of(nets, options))
    if options.weights and not (earlier and options.resume):
        read_weights(options.weights)  # a bad file is met before hours of checking
    sources = sources_of(nets, options)
    for path, net, layers in nets:
        check_layers(caffe, path, net, layers)
    training_path, _, training_layers = nets[0]
    check_settings(training_path, training_layers)
    bottoms = check_heads(training_path, training_layers)
    check_memory(parameters, nets, gpu_of(parameters, options), options.encoding)
    made = TrainingInput(training_path, training_layers, options.deploy)
    advice = f"mend that; then --resume goes on in {out}"
    # From the loop on, signals are handled here, until the log is closed too.
    with (
        unchanged_if_refused(out, bool(earlier)) as begun,
        contextlib.ExitStack() as signals,
        caffe_log(out / "caffe.log", "train", advice),
    ):
        device = use_device(caffe, gpu_of(parameters, options))
        copies = ListCopies(out)
        for number, (path, _, layers) in enumerate(nets):
            remember, training = out / "checked.json", number == 0
            check_data(path, layers, remember, options.encoding, copies, training)
            check_means(caffe, path, layers)
        copies.use_in(parameters, nets)
        seed = parameters.random_seed
        if earlier:
            # Caffe starts the list anew: with one seed the same images would come again.
            parameters.random_seed += earlier[0].iteration
        caffe.set_random_seed(parameters.random_seed)
        text = f"# what {options.solver} was run as\n{_text(parameters)}"
        solver = _solver(caffe, text)
        if made.blob:
            made.check(solver.net.blobs[made.blob].data.shape[1:])
        history = _history_shapes(solver, training_layers, parameters)
        _start(solver, history, options, earlier)
        atomic_write(out / "solver.prototxt", text)
        stop_in_first_pass(solver.net, bottoms)
        facts = {
            "device": device,
            "input": str(made.net_input) if made.net_input else None,
            "seed": seed,
            "made_from": sources,
        }
        layers = [layers for _, _, layers in nets]
        begun()
        return Run(caffe, solver, layers, parameters, options, history, facts).loop(signals)


def _check_options(options):
    if options.fresh and not options.weights:
        raise InputError("--fresh names layers that --weights is not to fill: give --weights, too")
    if options.keep is not None and options.keep < 1:
        raise InputError("--keep must be 1 or more", found=str(options.keep))


def _solver(caffe, text):
    """pycaffe's solver of a text: nothing of the run's folder is changed until it has started."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "solver.prototxt")
        path.write_text(text, encoding="utf-8")
        return caffe.get_solver(str(path))


def _history_shapes(solver, layers, parameters):
    kind = parameters.type
    if parameters.HasField("solver_type"):  # the field before `type`
        kind = parameters.SolverType.Name(parameters.solver_type)
    return snapshots.history_shapes(layers, net_shapes(solver.net), kind)


def _start(solver, history, options, earlier):
    """Bring a fresh solver to the newest whole snapshot, or to the given weights."""
    shapes, reasons = net_shapes(solver.net), []
    for snapshot in earlier:
        try:
            snapshots.check(snapshot, shapes, history)
        except InputError as error:
            reasons.append(f"iteration {snapshot.iteration}: {error.what}")
            continue
        for reason in reasons:
            print(f"amcaffe train: passing over {reason}", file=sys.stderr)
        snapshots.restore(solver, snapshot)
        print(f"amcaffe train: going on from {snapshot.state}", file=sys.stderr)
        return
    if earlier:
        raise InputError(
            f"none of the snapshots in {options.out} can be resumed from",
            found="\n            ".join(reasons),
            expected="one that is whole, and of this net and type of solver",
            hint="give the solver and the net that they were made with; or, to start at iteration "
            "0, another --out (--weights takes a caffemodel). Snapshots and results are untouched",
        )
    if options.resume:
        print("amcaffe train: no snapshot to resume: starting at iteration 0", file=sys.stderr)
    if options.weights:
        lacking = load_weights(
            solver.net, options.weights, whole=False, fresh=options.fresh, schedules_begin=True
        )
        fresh = [*lacking, *options.fresh]
        if fresh:
            print(
                f"amcaffe train: not taken from {options.weights}, so started afresh: "
                f"{', '.join(fresh)}",
                file=sys.stderr,
            )


def _text(message):
    from google.protobuf import text_format

    return text_format.MessageToString(message)
