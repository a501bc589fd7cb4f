"""Layers in Python that the tests' nets are made of."""

import threading

import caffe

entered, go_on = threading.Event(), threading.Event()


class Times(caffe.Layer):
    """Multiplies by param_str."""

    def setup(self, bottom, top):
        self.factor = float(self.param_str)

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        top[0].data[...] = self.factor * bottom[0].data

    def backward(self, top, propagate_down, bottom):
        assert list(propagate_down) == [True]
        bottom[0].diff[...] = self.factor * top[0].diff


class Raises(Times):
    """Raises in the method that param_str names."""

    def setup(self, bottom, top):
        self._maybe("setup")

    def reshape(self, bottom, top):
        self._maybe("reshape")
        super().reshape(bottom, top)

    def forward(self, bottom, top):
        self._maybe("forward")

    def backward(self, top, propagate_down, bottom):
        self._maybe("backward")

    def _maybe(self, method):
        if self.param_str == method:
            raise KeyError(f"from {method}")


class Waits(Times):
    """In forward lets another thread go first."""

    def setup(self, bottom, top):
        self.factor = 1

    def forward(self, bottom, top):
        entered.set()
        assert go_on.wait(30), "no other thread ran"


class CannotShape(Times):
    """Asks Caffe for a shape that it refuses."""

    def reshape(self, bottom, top):
        top[0].reshape(-1)


class ForgetsInit(caffe.Layer):
    def __init__(self, param):
        pass


class Incomplete(caffe.Layer):
    def setup(self, bottom, top):
        pass


class KeepsTops(Times):
    """Holds on to what it is given."""

    def setup(self, bottom, top):
        super().setup(bottom, top)
        self.kept = top[0]


class NotALayer:
    def __init__(self, param):
        pass
