"""The head in PyTorch, in float: eager, compiled, and through cut-cross-entropy on a GPU."""

import math

from bench import gpu
from bench.machine import tf32_allowed
from bench.problem import MARGIN, SCALE, LeftOut, fill


class TorchHead:
    """name: "torch", "torch_compile" or "cut_cross_entropy"."""

    def __init__(self, name, shape, device):
        torch = import_torch(device)
        if name == "cut_cross_entropy":
            self._loss_of = _cut_cross_entropy(device)
        elif name == "torch_compile":
            # A shape of its own each: code for any shape would be slower.
            self._loss_of = torch.compile(margin_loss, dynamic=False)
        else:
            self._loss_of = margin_loss
        self._torch, self._loss = torch, None
        self._synchronise = gpu.synchronise if device == "gpu" else lambda: None
        weight = torch.empty(shape.classes, shape.dim)
        feature, label = fill(weight.numpy(), shape)
        place = "cuda" if device == "gpu" else "cpu"
        self._weight = weight.to(place).requires_grad_()
        self._feature = torch.from_numpy(feature).to(place).requires_grad_()
        self._label = torch.from_numpy(label).to(place)

    def clear(self):
        self._weight.grad = self._feature.grad = None
        self._synchronise()

    def forward(self):
        self._loss = self._loss_of(self._feature, self._weight, self._label)
        self._synchronise()

    def backward(self):
        self._loss.backward()
        self._synchronise()

    def outcome(self):
        """Loss and length of the features' gradient."""
        return {"loss": self._loss.item(), "gradient": self._feature.grad.norm().item()}

    def facts(self):
        return {"PyTorch": f"{self._torch.__version__}, {self._torch.get_num_threads()} threads"}


def import_torch(device):
    """PyTorch, with the precision that Caffe has. Raises LeftOut."""
    try:
        import torch
    except ImportError:
        raise LeftOut("PyTorch is not installed: make bench EXTRAS=torch") from None
    if device == "gpu" and not torch.cuda.is_available():
        raise LeftOut(f"PyTorch {torch.__version__} does not see the GPU")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32_allowed()
    return torch


def margin_loss(feature, weight, label):
    """AM-Softmax. Eager, this is the fastest of the ways tried to subtract a one-hot margin;
    compiled, they are all the same."""
    import torch
    import torch.nn.functional as F

    cosine = F.linear(F.normalize(feature), F.normalize(weight))
    margin = torch.full((label.shape[0], 1), -MARGIN, device=label.device)
    return F.cross_entropy(SCALE * cosine.scatter_add(1, label[:, None], margin), label)


def with_margin(nll):
    """Each row's loss with the margin, from that without it: both are functions of the target's
    probability p alone.

    nll = -log p, and the margin takes SCALE * MARGIN from the target's logit, so that the softmax's
    sum becomes 1 - p + p * exp(-SCALE * MARGIN) of what it was.
    """
    import torch

    shift = SCALE * MARGIN
    return nll + shift + torch.log1p(math.expm1(-shift) * torch.exp(-nll))


def _cut_cross_entropy(device):
    """A head over the package's linear_cross_entropy; the features in bfloat16, as its kernels
    want."""
    if device != "gpu":
        raise LeftOut("its kernels run on GPUs only")
    try:
        from cut_cross_entropy import linear_cross_entropy
    except ImportError:
        raise LeftOut("it is not installed: pip install cut-cross-entropy") from None
    import torch
    import torch.nn.functional as F

    def loss(feature, weight, label):
        unit = (SCALE * F.normalize(feature)).to(torch.bfloat16)
        nll = linear_cross_entropy(unit, F.normalize(weight), label, reduction="none")
        return with_margin(nll.float()).mean()

    return loss
