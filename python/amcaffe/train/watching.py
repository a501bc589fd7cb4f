"""Looks at a run while it trains, and says where it learns nothing."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

import numpy as np

from amcaffe.data.files import atomic_write
from amcaffe.errors import InputError
from amcaffe.nets.cosines import CLASSIFIERS, MARGINS, origin_of
from amcaffe.protocols.alike import mean_cosine
from amcaffe.train.stagnation import SIGNALS, Seen, Stagnation, helps

_EVERY = 10  # iterations; between two looks only the loss is read
_ROWS = 64  # of a batch that are looked at: a mean over more tells nothing else


@dataclass
class Warned:
    """Something that was said.

    layer, signal: of which loss, and of stagnation.SIGNALS. iteration: when it was said.
    ended: the iteration at which it was true no more, or None.
    """

    layer: str
    signal: str
    iteration: int
    what: str
    helps: str
    ended: Optional[int] = None


class Watch:
    """Of one run.

    Args: net: pycaffe's training net. layers: its LayerParameters. total: iterations of the run.
        file: where warnings are kept, for a run that goes on. done: the iterations before.
    Attributes: warnings: [Warned], in the order in which they were said.
    Raises: InputError: the file of a run that goes on is not one of ours.
    """

    def __init__(self, net, layers, total, file, done):
        self._file, self._due, self._now = Path(file), False, {}
        self.warnings = _kept(self._file, done)
        self._said = {(warned.layer, warned.signal): warned for warned in self.warnings}
        if not done:
            self._file.unlink(missing_ok=True)
        numbers = {name: number for number, name in enumerate(net._layer_names)}
        self._heads = [
            _Head(net, layers, position, numbers, total)
            for position, layer in enumerate(layers)
            if layer.type in ("SoftmaxWithLoss", "MarginSoftmaxLoss")
            and len(layer.bottom) > 1
            and (not layer.loss_weight or layer.loss_weight[0])
        ]

        def after_layer(layer):
            for head in self._heads:
                head.after_layer(layer, self._due)

        if self._heads:
            net.after_forward(after_layer)

    def before(self, iteration):
        """An iteration is about to be done, after `iteration` others."""
        self._due = (iteration + 1) % _EVERY == 0

    def after(self, iteration, say):
        """Iteration number `iteration` is done: `say` what is to be told, a line each."""
        for head in self._heads:
            found = head.judge(iteration)
            for signal in SIGNALS:
                if signal in found or head.judged:
                    self._note(head, signal, found.get(signal), iteration, say)

    def _note(self, head, signal, what, iteration, say):
        warned = self._said.get((head.name, signal))
        before = warned.ended if warned else iteration
        if what:
            what = self._now[head.name, signal] = f"layer {head.name}: {what}"
        if warned:
            # The window is judged at each iteration: what holds again goes on.
            warned.ended = None if what else warned.ended or iteration
        elif what:
            warned = Warned(head.name, signal, iteration, what, head.helps(signal))
            self._said[head.name, signal] = warned
            self.warnings.append(warned)
            say(f"amcaffe train: warning at iteration {iteration}: {what}")
            say(f"  helps:    {warned.helps}")
        if warned and warned.ended != before:
            atomic_write(self._file, json.dumps(self.recorded(), indent=2) + "\n")

    def recorded(self):
        """The warnings as plain dicts, for train.json."""
        return [asdict(warned) for warned in self.warnings]

    def conclude(self):
        """Say, as the last line, whether the result of a finished run is doubtful."""
        lasting = [warned for warned in self.warnings if warned.ended is None]
        if lasting:
            sys.stdout.flush()
            # As it is now, which is not as it was when it was said.
            now = [self._now.get((one.layer, one.signal), one.what) for one in lasting]
            print(
                "amcaffe train: the result is doubtful: "
                + "; ".join(
                    f"{what} (since iteration {one.iteration})" for what, one in zip(now, lasting)
                ),
                file=sys.stderr,
            )


def _kept(file, done):
    """The [Warned] of a run up to the iteration at which it goes on."""
    if not done or not file.exists():
        return []
    try:
        warnings = [Warned(**one) for one in json.loads(file.read_text(encoding="utf-8"))]
        warnings = [one for one in warnings if one.iteration <= done]
        for one in warnings:
            one.ended = None if one.ended is None or one.ended > done else one.ended
    except (OSError, ValueError, TypeError):
        raise InputError(
            f"{file} does not hold what a run has been warned of",
            hint="delete it: the run then goes on without",
        ) from None
    return warnings


class _Head:
    """A softmax loss, and the layer with the classes' weights that it goes back to."""

    def __init__(self, net, layers, position, numbers, total):
        loss = layers[position]
        self.name, self._net = loss.name, net
        self._at, self._label = numbers[loss.name], net._bottom_ids(numbers[loss.name])[1]
        classifier, clips = loss, loss.type == "SoftmaxWithLoss"
        cosines, classes = True, loss.margin_softmax_loss_param.num_output
        if clips:
            classifier = _classifier(layers, position)
            before = layers.index(classifier) + 1 if classifier else 0
            origin = origin_of(layers, before, classifier.top[0]) if classifier else None
            cosines = bool(origin and origin.cosines)
            classes = net._blobs[net._bottom_ids(self._at)[0]].data.shape[1]
        else:
            classes = max(2, round(classes * loss.margin_softmax_loss_param.sample_rate))
        self._classifier = numbers[classifier.name] if classifier else None
        self._stagnation = Stagnation(max(2, classes), total, cosines, clips)
        self._margins = _margins(layers, position)
        self._losses, self._looks = [], []

    def after_layer(self, layer, due):
        if due and layer == self._classifier:
            self._looks.append(self._look())
        if layer == self._at:
            self._losses.append(float(self._net._blobs[self._net._top_ids(layer)[0]].data))

    def _look(self):
        """(target, other, accuracy, alike), of the state right after the classifier."""
        net, at = self._net, self._classifier
        bottom, tops = net._blobs[net._bottom_ids(at)[0]].data, net._top_ids(at)
        labels = net._blobs[self._label].data.reshape(-1)[:_ROWS].astype(np.int64)
        rows = bottom[:_ROWS].reshape(len(labels), -1)
        alike = mean_cosine(rows, labels)
        if at == self._at:  # MarginSoftmaxLoss, which tells it in its second top
            if len(tops) < 2:
                return None, None, None, alike
            return (*map(float, net._blobs[tops[1]].data), alike)
        scores = net._blobs[tops[0]].data
        return (*_of_scores(scores.reshape(len(scores), -1)[:_ROWS], labels), alike)

    @property
    def judged(self):
        """Whether there is a window to judge by."""
        return self._stagnation.full

    def helps(self, signal):
        return helps(signal, bool(self._margins), any("CLAMP" in one for one in self._margins))

    def judge(self, iteration):
        looks, losses = self._looks, self._losses
        self._looks, self._losses = [], []
        if not losses:
            return {}
        means = [_mean(values) for values in zip(*looks)] if looks else []
        return self._stagnation.add(Seen(iteration, sum(losses) / len(losses), *means))


def _mean(values):
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _classifier(layers, position):
    """The layer with the classes' weights that a loss reads, or None."""
    blob = layers[position].bottom[0]
    for layer in reversed(layers[:position]):
        if blob in layer.top:
            if layer.type in CLASSIFIERS:
                return layer
            if not layer.bottom:
                return None
            blob = layer.bottom[0]
    return None


def _margins(layers, position):
    """The margins before a loss, or in it, each with its bound, as text."""
    own = layers[position]
    if own.type == "MarginSoftmaxLoss":
        param = own.margin_softmax_loss_param
        return [_bound(param)] * ((param.m1, param.m2, param.m3) != (1, 0, 0))
    params = {
        "CombinedMargin": "combined_margin_param",
        "LabelSpecificMargin": "label_specific_margin_param",
    }
    return [
        _bound(getattr(layer, params[layer.type])) if layer.type in params else layer.type
        for layer in layers[:position]
        if layer.type in (*MARGINS, "MarginInnerProduct")
    ]


def _bound(param):
    return param.Bound.Name(param.bound)


def _of_scores(scores, labels):
    """(mean of the label's score, mean of the best other, accuracy) of (N, C); None without."""
    targets, others = [], []
    for row, label in zip(scores, labels):
        if 0 <= label < len(row) and len(row) > 1:
            targets.append(float(row[label]))
            # In two parts: with millions of classes a copy would not be small.
            parts = (row[:label], row[label + 1 :])
            others.append(max(float(part.max()) for part in parts if len(part)))
    if not targets:
        return None, None, None
    targets, others = np.array(targets), np.array(others)
    return float(targets.mean()), float(others.mean()), float((targets > others).mean())
