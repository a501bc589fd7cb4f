"""A training of the experiment in PyTorch: the same net, head and solver, images that are noise."""

from bench import gpu
from bench.problem import LeftOut
from bench.torch_heads import import_torch, margin_loss

STAGES = ((64, 1), (128, 2), (256, 4), (512, 1))  # channels and residual units of SphereFace-20
SIZE = (112, 96)
LAST = (7, 6)  # of the images after four strides of 2


class TorchTraining:
    """name: "torch", or "torch_channels_last" for images and filters stored channels last."""

    def __init__(self, name, shape, device):
        torch = import_torch(device)
        if name == "torch_channels_last" and device != "gpu":
            raise LeftOut("it is for the tensor cores of GPUs")
        layout = torch.channels_last if name == "torch_channels_last" else torch.contiguous_format
        place = "cuda" if device == "gpu" else "cpu"
        torch.backends.cudnn.benchmark = True  # as for any net that is trained on one shape
        self._net = _net(torch, shape.dim).to(place, memory_format=layout)
        self._weight = torch.randn(shape.classes, shape.dim, device=place).requires_grad_()
        images = 0.5 * torch.randn(shape.batch, 3, *SIZE, device=place)
        self._images = images.contiguous(memory_format=layout)
        self._label = torch.randint(shape.classes, (shape.batch,), device=place)
        self._solver = torch.optim.SGD(
            [*self._net.parameters(), self._weight], lr=0.1, momentum=0.9, weight_decay=5e-4,
            fused=device == "gpu",
        )  # fmt: skip
        self._torch, self._loss = torch, None
        self._synchronise = gpu.synchronise if device == "gpu" else lambda: None

    def clear(self):
        self._solver.zero_grad(set_to_none=True)
        self._synchronise()

    def forward(self):
        self._loss = margin_loss(self._net(self._images), self._weight, self._label)
        self._synchronise()

    def backward(self):
        self._loss.backward()
        self._solver.step()
        self._synchronise()

    def outcome(self):
        """{}: the nets start from random weights of their own."""
        return {}

    def facts(self):
        return {"PyTorch": f"{self._torch.__version__}, {self._torch.get_num_threads()} threads"}


def _net(torch, features):
    nn = torch.nn

    class Unit(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.branch = nn.Sequential(
                *(nn.Conv2d(channels, channels, 3, padding=1), nn.PReLU(channels)),
                *(nn.Conv2d(channels, channels, 3, padding=1), nn.PReLU(channels)),
            )

        def forward(self, x):
            return x + self.branch(x)

    layers, before = [], 3
    for channels, units in STAGES:
        layers += [nn.Conv2d(before, channels, 3, stride=2, padding=1), nn.PReLU(channels)]
        layers += [Unit(channels) for _ in range(units)]
        before = channels
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * LAST[0] * LAST[1], features))
