"""The training loop: pycaffe's solver, one iteration at a time."""

import contextlib
import json
import math
import signal
import sys
import time
from pathlib import Path

from amcaffe import cli
from amcaffe.data.files import atomic_set
from amcaffe.data.metrics import Metrics
from amcaffe.errors import InputError, TrainingError
from amcaffe.nets.layer_state import changed_blobs
from amcaffe.nets.reading import read_solver
from amcaffe.nets.weights import net_shapes, read_weights
from amcaffe.progress import Progress
from amcaffe.train import snapshots
from amcaffe.train.columns import read_column, test_columns, training_columns
from amcaffe.train.layer_times import LayerTimes
from amcaffe.train.snapshots import FINAL, REPORT
from amcaffe.train.stagnation import SATURATED_LOSS
from amcaffe.train.watching import Watch

SATURATED_ITERATIONS = 10
WARNINGS = "warnings.json"  # of a run that may go on


class _Stopped(Exception):
    """Raised inside an iteration when a signal has come: the iteration is given up."""


class Run:
    """A solver at its start or its resumed iteration, and what watches over it.

    net_layers: LayerParameters of the training net, then of each test net.
    history: of snapshots.history_shapes.
    facts: device, input, seed and made_from, for train.json.
    """

    def __init__(self, caffe, solver, net_layers, parameters, options, history, facts):
        layers = net_layers[0]
        self.caffe, self.solver, self.parameters = caffe, solver, parameters
        self.options, self.history, self.facts = options, history, facts
        self.out, self.prefix = Path(options.out), Path(parameters.snapshot_prefix)
        self.every = read_solver(options.solver).snapshot
        source = next(top for layer in layers for top in layer.top)
        self.images = solver.net.blobs[source].data.shape[0] * parameters.iter_size
        self.first = solver.iter
        self.saved = solver.iter if solver.iter else None
        # Annealed margins and running scales change also in an iteration that is given up.
        self.kept = changed_blobs(solver.net, layers)
        self.signal = None
        self.saturated = 0
        self.passes = []  # (loss, largest softmax loss) of each forward pass
        # Before what is called after a layer here, so that none of it counts as the layer's.
        self.times = LayerTimes(solver.net) if facts["device"] == "cpu" else None
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

        self.watch = Watch(
            solver.net, layers, parameters.max_iter, self.out / WARNINGS, solver.iter
        )
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
                self.watch.before(solver.iter)
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
                self.watch.after(solver.iter, bar.say)
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
        return self._files(iteration).model

    def _files(self, iteration):
        hdf5 = self.parameters.snapshot_format == self.parameters.HDF5
        return snapshots.Snapshot(self.prefix, iteration, hdf5)

    def _snapshot(self):
        if not snapshots.finite(self.solver.net):
            self._diverged("the weights are not finite, though the loss still is")
        written = self._files(self.solver.iter)
        snapshots.make_way(written)
        self.solver.snapshot()
        self.saved = self.solver.iter
        if self.options.keep:
            # Caffe does not see all failures to write: an older one goes when this one is whole.
            try:
                snapshots.check(written, net_shapes(self.solver.net), self.history)
            except InputError as error:
                raise TrainingError(
                    f"the snapshot of iteration {self.saved} could not be written whole; is the "
                    "disk full?",
                    found=error.what,
                    hint=f"make room; then --resume goes on in {self.out}",
                ) from None
            snapshots.remove_old(self.prefix, self.saved, self.options.keep)

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
        if not self._stands():
            self._write(metrics)
        for name in ("metrics.csv", REPORT, FINAL):
            print(self.out / name)
        self.watch.conclude()
        return 0

    def _stands(self):
        """Whether nothing was left to do: the results of an earlier run are of this iteration."""
        if self.solver.iter > self.first:
            return False
        with contextlib.suppress(OSError, ValueError, AttributeError):
            report = json.loads((self.out / REPORT).read_text(encoding="utf-8"))
            return report.get("iterations") == self.first and (self.out / FINAL).exists()
        return False

    def _write(self, metrics):
        """final.caffemodel and train.json."""
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
            "device": self.facts["device"],
            "caffe": self.caffe.__version__,
            "input": self.facts["input"],
            "solver": self.options.solver,
            "weights": self.options.weights,
            "fresh": list(self.options.fresh),
            "seed": self.facts["seed"],
            "resumed_at": self.first,
            "warnings": self.watch.recorded(),
            "made_from": self.facts["made_from"],
        }
        atomic_set({final: partial, self.out / REPORT: json.dumps(report, indent=2) + "\n"})

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
