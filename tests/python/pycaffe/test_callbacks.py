import gc
import sys
import threading
import time
import weakref

import pytest


@pytest.fixture
def callbacks(pycaffe):
    if not hasattr(pycaffe.Net, "before_forward"):
        pytest.skip("this tree's Net has no callbacks")


@pytest.mark.usefixtures("callbacks")
def test_callbacks_are_called_around_each_layer(net):
    calls = []
    for name in ("before_forward", "after_forward", "before_backward", "after_backward"):
        getattr(net, name)(lambda layer, name=name: calls.append((name, layer)))
    net.forward()
    net.backward()
    layers = range(len(net.layers))
    around = [[(f"{when}_forward", i) for when in ("before", "after")] for i in layers]
    around += [[(f"{when}_backward", i) for when in ("before", "after")] for i in reversed(layers)]
    assert calls == sum(around, [])


@pytest.mark.usefixtures("callbacks")
def test_an_exception_in_a_callback_stops_forward_and_reaches_the_caller(net):
    calls = []

    def callback(layer):
        calls.append(layer)
        raise ZeroDivisionError("mine")

    net.before_forward(callback)
    with pytest.raises(ZeroDivisionError, match="mine"):
        net.forward()
    assert calls == [0]


@pytest.mark.usefixtures("callbacks")
def test_a_net_frees_its_callbacks_even_those_that_hold_it(pycaffe, net_file):
    net = pycaffe.Net(net_file, pycaffe.TEST)
    net.after_forward(lambda layer, held=net: held.blobs)
    net.forward()
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


@pytest.mark.usefixtures("callbacks")
def test_callbacks_of_a_solvers_nets_stay(solver):
    solving, calls = solver(test=True), []
    solving.net.before_forward(lambda layer: calls.append("train"))
    solving.test_nets[0].before_forward(lambda layer: calls.append("test"))
    gc.collect()
    solving.step(1)
    solving.test_nets[0].forward()
    assert {"train", "test"} == set(calls)
    assert solving.net is solving.net


def other_thread_runs_while(work, entered, go_on):
    """Runs work(), and in another thread waits until it is inside, then lets it go on."""
    entered.clear()
    go_on.clear()

    def other():
        assert entered.wait(30)
        go_on.set()

    thread = threading.Thread(target=other)
    thread.start()
    try:
        work()
    finally:
        entered.set()
        thread.join()


def test_another_thread_runs_while_a_layer_in_python_waits(python_net, python_layers):
    net = python_net("Waits")
    other_thread_runs_while(net.forward, python_layers.entered, python_layers.go_on)


@pytest.mark.parametrize("call", ["forward", "backward", "step"])
def test_the_gil_is_free_in_caffes_own_layers(call, solver):
    """Python does not switch threads within this test by itself, so another one only gets on
    where Caffe gives up the GIL."""
    solving = solver()
    solving.net.forward()
    work = {
        "forward": solving.net.forward,
        "backward": solving.net.backward,
        "step": lambda: solving.step(1),
    }[call]
    counted, stop = [0], threading.Event()

    def count():
        while not stop.is_set():
            counted[0] += 1
            time.sleep(1e-4)

    interval = sys.getswitchinterval()
    thread = threading.Thread(target=count)
    thread.start()
    try:
        sys.setswitchinterval(1000)
        before = counted[0]
        for _ in range(20000):  # the system need not run the other thread at once
            work()
            if counted[0] > before:
                break
        after = counted[0]
    finally:
        sys.setswitchinterval(interval)
        stop.set()
        thread.join()
    assert after > before


def test_two_threads_run_a_net_each_and_one_net_serves_two_threads(pycaffe, net_file):
    nets = [pycaffe.Net(net_file, pycaffe.TEST) for _ in range(2)]
    shared = pycaffe.Net(net_file, pycaffe.TEST)
    results = {}

    def work(number):
        nets[number].blobs["data"].data[...] = number + 1
        for _ in range(200):
            nets[number].forward()
            shared.forward()
            shared.reshape()
        results[number] = nets[number].blobs["ip"].data.copy()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(results[i] == 6 * (i + 1)).all() for i in range(2)] == [True, True]
