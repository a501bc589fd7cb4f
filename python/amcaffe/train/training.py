"""The training loop: pycaffe's solver, one iteration at a time."""

import contextlib
import json
import math
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from amcaffe import cli
from amcaffe.data.files import atomic_set, atomic_write
from amcaffe.data.metrics import Metrics
from amcaffe.data.outputs import claimed_folder
from amcaffe.errors import InputError, TrainingError
from amcaffe.host.caffe_log import caffe_log
from amcaffe.host.pycaffe import import_caffe, use_device
from amcaffe.nets.reading import check_layers, read_solver
from amcaffe.nets.weights import compare_weights, net_shapes, read_weights
from amcaffe.progress import Progress
from amcaffe.train import snapshots
from amcaffe.train.columns import read_column, test_columns, training_columns
from amcaffe.train.data_check import check_data
from amcaffe.train.input_check import TrainingInput
from amcaffe.train.layer_times import LayerTimes
from amcaffe.train.list_copies import ListCopies
from amcaffe.train.snapshots import FINAL, REPORT
from amcaffe.train.solver_file import configure, gpu_of, inputs_of, nets_of

# SoftmaxWithLoss clips probabilities at the smallest float: -log(FLT_MIN) is 87.3365. A batch
# whose mean is near that has all but a few images at the clip, where the gradient is lost.
SATURATED_LOSS = 83.0
SATURATED_ITERATIONS = 10
WRITTEN = ("solver.prototxt", "checked.json", "metrics.csv", FINAL, REPORT)
# Layers with blobs that a forward pass changes, and the first of these.
KEPT = {
    "LabelSpecificAdd": 0, "LabelSpecificMargin": 0, "MarginInnerProduct": 1, "ChannelScale": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Options:
    """As the command line's, which see."""

    solver: str
    out: str
    weights: Optional[str] = None
    resume: bool = False
    gpu: Optional[int] = None
    iterations: Optional[int] = None
    seed: Optional[int] = None
    encoding: Optional[str] = None
    deploy: Optional[str] = None


class _Stopped(Exception):
    """Raised inside an iteration when a signal has come: the iteration is given up."""


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
    parameters = read_solver(options.solver)
    nets = nets_of(parameters, options.solver)
    configure(parameters, options, out)
    prefix = Path(parameters.snapshot_prefix)
    earlier = snapshots.find(prefix)
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
    for path, net, layers in nets:
        check_layers(caffe, path, net, layers)
    made = TrainingInput(nets[0][0], nets[0][2], options.deploy)
    advice = f"mend that; then --resume goes on in {out}"
    # From the loop on, signals are handled here, until the log is closed too.
    with contextlib.ExitStack() as signals, caffe_log(out / "caffe.log", "train", advice):
        device = use_device(caffe, gpu_of(parameters, options))
        copies = ListCopies(out)
        for number, (path, _, layers) in enumerate(nets):
            remember, training = out / "checked.json", number == 0
            check_data(path, layers, remember, options.encoding, copies, training)
        copies.use_in(parameters, nets)
        if earlier and parameters.random_seed >= 0:
            # Caffe starts the list anew: with one seed the same images would come again.
            parameters.random_seed += earlier[0].iteration
        solver_file = out / "solver.prototxt"
        atomic_write(solver_file, f"# what {options.solver} was run as\n{_text(parameters)}")
        if parameters.random_seed >= 0:
            caffe.set_random_seed(parameters.random_seed)
        solver = caffe.get_solver(str(solver_file))
        if made.blob:
            made.check(solver.net.blobs[made.blob].data.shape[1:])
        _start(solver, nets[0][2], parameters, options, earlier)
        layers = [layers for _, _, layers in nets]
        return _Run(caffe, solver, layers, made, parameters, options, device).loop(signals)


class _Run:
    """A solver at its start or its resumed iteration, and what watches over it.

    net_layers: LayerParameters of the training net, then of each test net. made: TrainingInput.
    """

    def __init__(self, caffe, solver, net_layers, made, parameters, options, device):
        layers, self.net_input = net_layers[0], made.net_input
        self.caffe, self.solver, self.parameters = caffe, solver, parameters
        self.options, self.device = options, device
        self.out, self.prefix = Path(options.out), Path(parameters.snapshot_prefix)
        self.every = read_solver(options.solver).snapshot
        source = next(top for layer in layers for top in layer.top)
        self.images = solver.net.blobs[source].data.shape[0] * parameters.iter_size
        self.first = solver.iter
        self.saved = solver.iter if solver.iter else None
        # Annealed margins and running scales change also in an iteration that is given up.
        self.kept = [
            blob
            for layer in layers
            if layer.type in KEPT
            for blob in list(solver.net.params.get(layer.name, ()))[KEPT[layer.type] :]
        ]
        self.signal = None
        self.saturated = 0
        self.passes = []  # (loss, largest softmax loss) of each forward pass
        # Before what is called after a layer here, so that none of it counts as the layer's.
        self.times = LayerTimes(solver.net) if device == "cpu" else None
        self.figures = {}  # column -> its value at each pass of the iteration or the test
        softmax = [
            layer.top[0] for layer in layers if layer.type == "SoftmaxWithLoss" and len(layer.top)
        ]

        def after_pass():
            weights = solver.net.blob_loss_weights
            blobs = solver.net.blobs
            loss = sum(
                float(blobs[name].data.sum()) * weight for name, weight in weights.items() if weight
            )
            peak = max((float(blobs[name].data.max()) for name in softmax), default=0.0)
            self.passes.append((loss, peak))

        self._watch(solver.net, training_columns(solver.net, layers), after_pass)
        solver.net.after_backward(lambda layer: self._stop_if_asked())
        for number, net in enumerate(solver.test_nets):
            self._watch(net, test_columns(number, net, net_layers[number + 1]))

    def _watch(self, net, columns, after_pass=lambda: None):
        """Record columns, of train.columns; call `after_pass` at the end of each forward pass."""
        self.figures.update((column, []) for column in columns)
        last = len(net.layers) - 1

        def after_forward(layer):
            if layer == last:
                for column, place in columns.items():
                    self.figures[column].append(read_column(net, *place))
                after_pass()
            self._stop_if_asked()

        net.after_forward(after_forward)

    def _stop_if_asked(self):
        if self.signal is not None:
            raise _Stopped

    def loop(self, signals):
        """Train to the end or to a signal. `signals`: ExitStack that keeps their handling."""
        solver, total = self.solver, self.parameters.max_iter
        table = Metrics(self.out / "metrics.csv", solver.iter, self.figures)
        bar = Progress("training", total, "it", initial=solver.iter)
        signals.enter_context(self._signals())
        if solver.iter > total:
            print(
                f"amcaffe train: at iteration {solver.iter}, past the {total} asked for: "
                f"final.caffemodel is of {solver.iter}",
                file=sys.stderr,
            )
        with table as metrics, bar:
            while solver.iter < total:
                kept = [blob.data.copy() for blob in self.kept]
                rate, started = solver.lr, time.perf_counter()
                try:
                    solver.step(1)
                except _Stopped:
                    for blob, value in zip(self.kept, kept):
                        blob.data[...] = value
                    break
                seconds = time.perf_counter() - started
                loss = self._take_loss()
                metrics.add(solver.iter, loss, rate, self.images, seconds, self._take_figures())
                bar.update(1, loss=loss, lr=rate, **{"img/s": self.images / seconds})
                if self.every and solver.iter % self.every == 0:
                    self._snapshot()
            if solver.iter > (self.saved or 0):
                self._snapshot()
            if self.signal is not None:
                return self._interrupted()
            return self._finished(metrics)

    def _take_loss(self):
        """Mean loss of the iteration just done. Raises TrainingError where there is no point
        in going on."""
        losses, peaks = zip(*self.passes)
        self.passes.clear()
        loss = sum(losses) / len(losses)
        if not math.isfinite(loss):
            self._diverged(f"the loss is {loss}")
        saturated = sum(peaks) / len(peaks) >= SATURATED_LOSS
        self.saturated = self.saturated + 1 if saturated else 0
        if self.saturated >= SATURATED_ITERATIONS:
            self._diverged(
                f"the softmax loss has been at {sum(peaks) / len(peaks):.4f} for {self.saturated} "
                "iterations: probabilities of the labels are at the smallest float "
                "(-log of it is 87.3365), where nothing is learnt"
            )
        return loss

    def _take_figures(self):
        means = {name: sum(values) / len(values) for name, values in self.figures.items() if values}
        for values in self.figures.values():
            values.clear()
        return means

    def _diverged(self, what):
        good = (
            f"{self._path(self.saved)} is the last good snapshot"
            if self.saved
            else "no snapshot was written"
        )
        raise TrainingError(
            f"training diverged at iteration {self.solver.iter}: {what}",
            found=f"learning rate {self.solver.lr:g}, {good}",
            hint="lower base_lr (by 10, say); start from a model trained with plain softmax "
            "(--weights); lower the margin or s; look at the images and labels",
        )

    def _path(self, iteration):
        return f"{self.prefix}_iter_{iteration}.caffemodel"

    def _snapshot(self):
        if not snapshots.finite(self.solver.net):
            self._diverged("the weights are not finite, though the loss still is")
        snapshots.make_way(self.prefix, self.solver.iter)
        self.solver.snapshot()
        self.saved = self.solver.iter

    def _interrupted(self):
        where = (
            f"the snapshot of iteration {self.saved} is in {self.out}"
            if self.saved
            else "no iteration was done"
        )
        print(
            f"\namcaffe train: {signal.Signals(self.signal).name}: {where}; the same command "
            "with --resume goes on",
            file=sys.stderr,
        )
        return cli.INTERRUPTED

    def _finished(self, metrics):
        final = self.out / FINAL
        partial = self.out / f".{FINAL}"
        partial.unlink(missing_ok=True)  # Caffe would write into what a link there leads to
        self.solver.net.save(str(partial))
        try:
            read_weights(partial)  # Caffe does not see all failures to write
        except InputError as error:
            partial.unlink()
            raise TrainingError(
                f"{final} could not be written whole; is the disk full?",
                found=error.what,
                hint=f"make room; then --resume goes on in {self.out}",
            ) from None
        iterations = self.solver.iter
        done = iterations - self.first
        # Of a finished run whose metrics.csv was deleted, the time is not known.
        rate = round(iterations * self.images / metrics.seconds, 3) if metrics.seconds else None
        report = {
            "iterations": iterations,
            "seconds": round(metrics.seconds, 3),
            "images_per_second": rate,
            "layer_seconds": self.times.per_iteration(done) if self.times and done else None,
            "last_loss": metrics.loss,
            "images_per_iteration": self.images,
            "device": self.device,
            "caffe": self.caffe.__version__,
            "input": str(self.net_input) if self.net_input else None,
            "solver": self.options.solver,
            "weights": self.options.weights,
            "seed": self.options.seed,
            "resumed_at": self.first,
        }
        atomic_set({final: partial, self.out / REPORT: json.dumps(report, indent=2) + "\n"})
        for name in ("metrics.csv", REPORT, FINAL):
            print(self.out / name)
        return 0

    @contextlib.contextmanager
    def _signals(self):
        """Ctrl-C and SIGTERM are noted, and act within the layer being computed."""

        def note(number, frame):
            if self.signal is None:
                print("\nstopping: writing a snapshot", file=sys.stderr, flush=True)
            self.signal = number

        before = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _start(solver, layers, parameters, options, earlier):
    """Bring a fresh solver to the newest whole snapshot, or to the given weights."""
    shapes = net_shapes(solver.net)
    kind = parameters.type
    if parameters.HasField("solver_type"):  # the field before `type`
        kind = parameters.SolverType.Name(parameters.solver_type)
    history = snapshots.history_shapes(layers, shapes, kind)
    for snapshot in earlier:
        try:
            snapshots.check(snapshot, shapes, history)
        except InputError as error:
            print(
                f"amcaffe train: passing over iteration {snapshot.iteration}: {error.what}",
                file=sys.stderr,
            )
            continue
        snapshots.restore(solver, snapshot)
        print(f"amcaffe train: going on from {snapshot.state}", file=sys.stderr)
        return
    if options.resume:
        print(
            "amcaffe train: no whole snapshot to resume: starting at iteration 0", file=sys.stderr
        )
    if options.weights:
        weights = read_weights(options.weights)
        lacking = compare_weights(options.weights, weights, shapes, whole=False)
        solver.net.copy_from(options.weights)
        if lacking:
            print(
                f"amcaffe train: not in {options.weights}, so started afresh: {', '.join(lacking)}",
                file=sys.stderr,
            )


def _text(message):
    from google.protobuf import text_format

    return text_format.MessageToString(message)
