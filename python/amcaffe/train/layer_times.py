"""Where the time of training goes."""

import time


class LayerTimes:
    """Seconds that each layer of a pycaffe Net has computed since this was made.

    On the CPU only: a GPU's kernels run on after a layer's call has returned.
    """

    def __init__(self, net):
        self._names = list(net._layer_names)
        self._seconds = [0.0] * len(self._names)
        self._started = 0.0
        net.before_forward(self._start)
        net.after_forward(self._stop)
        net.before_backward(self._start)
        net.after_backward(self._stop)

    def _start(self, layer):
        self._started = time.perf_counter()

    def _stop(self, layer):
        self._seconds[layer] += time.perf_counter() - self._started

    def per_iteration(self, iterations):
        """{layer: seconds forward and backward}, in the net's order, over so many iterations."""
        return {
            name: round(seconds / iterations, 9)
            for name, seconds in zip(self._names, self._seconds)
        }
