"""Inputs of a head, and the fused loss as prototxt and in PyTorch."""

import numpy as np
import torch

from agreement import equations


def head_inputs(random, rows, classes, dim, precision, ignored=True):
    """(feature, weight, label): any lengths, and targets at every angle but the two ends.

    Nearer to the ends a target's slope changes by more than float32 tells cosines apart.
    """
    weight = random.normal(size=(classes, dim)) * np.exp(random.uniform(-2, 2, (classes, 1)))
    label = random.integers(-1 if ignored else 0, classes, rows)
    feature = random.normal(size=(rows, dim))
    if dim > 1:
        along = weight[label] / np.linalg.norm(weight[label], axis=1, keepdims=True)
        across = feature - (feature * along).sum(1, keepdims=True) * along
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        cosine = random.uniform(-0.95, 0.95, (rows, 1))
        feature = cosine * along + np.sqrt(1 - cosine**2) * across
    feature *= np.exp(random.uniform(-2, 2, (rows, 1)))
    return feature.astype(precision), weight.astype(precision), label


class FusedLoss:
    """MarginSoftmaxLoss with these parameters, beside its equation."""

    def __init__(
        self, m1=1, m2=0, m3=0.35, bound="CLAMP", scale=30, normalize_feature=True,
        normalization="VALID", ignore_label=-1, memory_mb=64, sample_rate=1, loss_weight=1,
        train=True, transform_test=False, unconditional=True, base=0, annealing="",
    ):  # fmt: skip
        """annealing: fields that take a pass from other settings to the ones given here."""
        margins = (m1, m2, m3) if train or transform_test else (1, 0, 0)
        self.margin = (*map(equations.parameter, margins), bound)
        self.unconditional = unconditional or not (train or transform_test)
        self.base = equations.parameter(base) if train or transform_test else 0
        self.scale, self.normalize_feature = scale, normalize_feature
        self.normalization, self.loss_weight = normalization, loss_weight
        self.train, self.ignore_label = train, ignore_label
        self._text = (
            f'layer {{ name: "loss" type: "MarginSoftmaxLoss" bottom: "f" bottom: "label" '
            f'top: "loss" top: "statistics" loss_weight: {loss_weight} loss_weight: 0 '
            f"loss_param {{ normalization: {normalization} ignore_label: {ignore_label} }} "
            "margin_softmax_loss_param { "
            f"{annealing or f'm1: {m1} m2: {m2} m3: {m3} scale: {scale}'} bound: {bound} "
            f"unconditional: {str(unconditional).lower()} base: {base} "
            f"normalize_feature: {str(normalize_feature).lower()} "
            f"transform_test: {str(transform_test).lower()} "
            f"memory_mb: {memory_mb} sample_rate: {sample_rate} num_output: "
        )

    def by_layer(self, make_net, feature, weight, label, **options):
        """(loss, statistics, gradient by the features, gradient by the weights)."""
        text = f"{self._text} {len(weight)} }} }}"
        net = make_net(text, {"f": feature, "label": label}, train=self.train, **options)
        net.set_weight("loss", weight)
        loss, statistics = net.forward("loss", "statistics")
        return [np.float64(loss), statistics, *net.backward("f", ("loss", 0))]

    def by_autograd(self, feature, weight, label, precision, dtype=torch.float64):
        """The same, by autograd in dtype; precision: that whose limits hold."""
        feature = torch.tensor(feature, dtype=dtype, requires_grad=True)
        weight = torch.tensor(weight, dtype=dtype, requires_grad=True)
        kept = np.where(label == self.ignore_label, -1, label)
        loss, statistics = equations.margin_softmax(
            feature, weight, torch.tensor(kept),
            lambda x: self._target(x, precision),
            self.scale, self.normalize_feature, self.normalization,
        )  # fmt: skip
        (self.loss_weight * loss).backward()
        gradients = (feature.grad.numpy(), weight.grad.numpy())
        return [np.float64(loss.detach()), statistics.numpy(), *gradients]

    def _target(self, cosine, precision):
        if self.unconditional:
            psi = equations.combined_margin(cosine, *self.margin, precision)
        else:
            psi = equations.released_am_softmax(cosine, -self.margin[2])
        return (self.base * cosine + psi) / (1 + self.base)


def per_length(results, feature, weight):
    """Results with each gradient by a vector as if that were of length one."""
    loss, statistics, by_feature, by_weight = results
    length, weight_length = (
        np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True) for x in (feature, weight)
    )
    return [loss, statistics, by_feature * length, by_weight * weight_length]
