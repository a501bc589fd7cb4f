"""The layers' equations in PyTorch, for its autograd: from the papers, sharing nothing with them.

Cosines are (N, C), features (N, D), weights (C, D), labels (N,) integers; a negative label is a
row without a loss. All compute in the precision of what they are given. A place where a layer
limits something is told by `precision`, the NumPy type that the layer computes in: a limit such
as 1 - 1e-4 is another number in float32.
"""

import math

import numpy as np
import torch

GAP = 1e-4  # that the layers keep from a cosine of 1 and an angle of pi


def parameter(number):
    """A prototxt's number as its float field holds it."""
    return float(np.float32(number))


def with_slope_kept(x, limited):
    """limited in value, x in slope: a limit behind which the gradient goes on."""
    return x + (limited - x).detach()


def combined_margin(cosine, m1, m2, m3, bound, precision):
    """cos(m1 theta + m2) - m3, with the layers' limits."""
    edge = float(precision(1) - precision(GAP))
    cosine = with_slope_kept(cosine, cosine.clamp(-edge, edge))
    if bound == "MONOTONE" or not cosine.requires_grad:
        value = _angle_margin(cosine, m1, m2, bound, precision)
    else:
        # The slope itself is limited, which no composition of functions is.
        point = cosine.detach().requires_grad_()
        at_point = _angle_margin(point, m1, m2, bound, precision)
        (slope,) = torch.autograd.grad(at_point.sum(), point)
        value = at_point.detach() + slope.clamp(0, 2) * (cosine - cosine.detach())
    return value - m3


def _angle_margin(cosine, m1, m2, bound, precision):
    angle = m1 * torch.acos(cosine) + m2
    angle = with_slope_kept(angle, angle.clamp(min=0))
    if bound == "CLAMP":
        longest = float(precision(math.pi) - precision(GAP))
        return torch.cos(with_slope_kept(angle, angle.clamp(max=longest)))
    if m1 == 1:
        fall = max(m2 * math.sin(m2), 1 - math.cos(m2))
        return torch.where(angle > math.pi, cosine - fall, torch.cos(angle))
    turns = torch.floor(angle.detach() / math.pi)
    return (1 - 2 * (turns % 2)) * torch.cos(angle) - 2 * turns


def insightface(cosine, m2):
    """ArcFace as insightface has it: no limit but the line past pi."""
    sine = torch.sqrt(1 - cosine**2)
    rotated = cosine * math.cos(m2) - sine * math.sin(m2)
    return torch.where(
        cosine > math.cos(math.pi - m2), rotated, cosine - math.sin(math.pi - m2) * m2
    )


def a_softmax(cosine, m, strength):
    """(strength cos + psi) / (1 + strength), psi by the angle's half turns."""
    turns = torch.floor(m * torch.acos(cosine.detach().clamp(-1, 1)) / math.pi).clamp(max=m - 1)
    multiple = {
        1: cosine,
        2: 2 * cosine**2 - 1,
        3: 4 * cosine**3 - 3 * cosine,
        4: 8 * cosine**4 - 8 * cosine**2 + 1,
    }[m]
    psi = (1 - 2 * (turns % 2)) * multiple - 2 * turns
    return (strength * cosine + psi) / (1 + strength)


def released_am_softmax(cosine, bias):
    """LabelSpecificAdd as released: only what stays positive gets its margin."""
    return torch.where(cosine > -bias, cosine + bias, cosine)


def unit(rows):
    """Rows of length one; a zero row stays zero, with gradient zero."""
    length = rows.norm(dim=1, keepdim=True)
    zero = length.detach() == 0
    safe = torch.where(zero, torch.ones_like(rows), rows)
    return torch.where(zero, torch.zeros_like(rows), rows / safe.norm(dim=1, keepdim=True))


def on_targets(logits, label, margin):
    """logits with margin(logit) at each row's label."""
    rows = torch.arange(len(label))[label >= 0]
    changed = logits.clone()
    changed[rows, label[rows]] = margin(logits[rows, label[rows]])
    return changed


def softmax_loss(logits, label, normalization="VALID"):
    """Caffe's SoftmaxWithLoss with its loss_param."""
    kept = label >= 0
    log_probability = torch.log_softmax(logits, dim=1)
    total = -log_probability[kept, label[kept]].sum()
    count = {"VALID": int(kept.sum()), "FULL": len(label), "BATCH_SIZE": len(label), "NONE": 1}
    return total / max(count[normalization], 1)


def margin_softmax(
    feature, weight, label, margin, scale=30.0, normalize_feature=True, normalization="VALID"
):
    """(loss, statistics) of the fused layer: margin is a function of the targets' cosines.

    statistics: mean target cosine, mean best other cosine, accuracy, of the rows with a loss.
    """
    cosine = unit(feature) @ unit(weight).T
    logits = parameter(scale) * on_targets(cosine, label, margin)
    if not normalize_feature:
        logits = logits * feature.norm(dim=1, keepdim=True)
    return softmax_loss(logits, label, normalization), statistics(cosine.detach(), label)


def statistics(cosine, label):
    kept = label >= 0
    target = cosine[kept, label[kept]]
    others = cosine[kept].clone()
    others[torch.arange(len(target)), label[kept]] = -math.inf
    best = others.max(dim=1).values
    return torch.stack([target.mean(), best.mean(), (target > best).to(cosine.dtype).mean()])
