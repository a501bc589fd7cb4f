"""Threads that are in one net, and threads that the end of the process meets in Caffe."""

import subprocess
import sys
import threading

import pytest

EXITS = """
import sys, threading, time
import caffe
solver = caffe.get_solver({path!r})
if {callbacks} and hasattr(solver.net, "before_forward"):
    solver.net.before_forward(lambda layer: sum(range(2000)))
def work():
    while True:
        solver.step(5)
threading.Thread(target=work, daemon=True).start()
time.sleep(0.1)
"""


@pytest.fixture
def in_use(pycaffe):
    """Runs another thread's use while a net is in forward; whether it was done before that."""
    if not hasattr(pycaffe.Net, "before_forward"):
        pytest.skip("this tree's Net has no callbacks")

    def run(net, use):
        entered, go_on, done = threading.Event(), threading.Event(), threading.Event()
        net.before_forward(lambda layer: (entered.set(), go_on.wait(30)))

        def other():
            use()
            done.set()

        threads = [threading.Thread(target=one, daemon=True) for one in (net.forward, other)]
        threads[0].start()
        assert entered.wait(30)
        threads[1].start()
        early = done.wait(0.1)
        go_on.set()
        for thread in threads:
            thread.join(30)
        assert done.is_set()
        return early

    return run


USES = {
    "save": lambda net, other, path: net.save(path + ".new"),
    "save_hdf5": lambda net, other, path: net.save_hdf5(path + ".h5"),
    "copy_from": lambda net, other, path: net.copy_from(path),
    "load_hdf5": lambda net, other, path: net.load_hdf5(path + ".hdf5"),
    "clear_param_diffs": lambda net, other, path: net.clear_param_diffs(),
    "share_with": lambda net, other, path: net.share_with(other),
    "shared_by": lambda net, other, path: other.share_with(net),
    "reshape": lambda net, other, path: net.reshape(),
}


@pytest.mark.parametrize("use", USES)
def test_a_net_in_forward_is_waited_for(pycaffe, net, net_file, tmp_path, in_use, use):
    other, path = pycaffe.Net(net_file, pycaffe.TEST), str(tmp_path / "weights")
    other.save(path)
    other.save_hdf5(path + ".hdf5")
    assert not in_use(net, lambda: USES[use](net, other, path))


def test_another_net_is_not_waited_for(pycaffe, net, net_file, in_use):
    other = pycaffe.Net(net_file, pycaffe.TEST)
    assert in_use(net, other.clear_param_diffs)


@pytest.mark.parametrize("use", ["snapshot", "restore", "share_weights", "step", "solve"])
def test_a_solvers_net_in_forward_is_waited_for(solver, tmp_path, net, in_use, use):
    solving = solver(extra=f"snapshot_prefix: '{tmp_path}/s'")
    solving.snapshot()
    state = str(tmp_path / "s_iter_0.solverstate")
    arguments = {"restore": [state], "share_weights": [net], "step": [1]}.get(use, [])
    assert not in_use(solving.net, lambda: getattr(solving, use)(*arguments))


def test_nets_that_share_with_each_other_at_once(pycaffe, net_file):
    nets = [pycaffe.Net(net_file, pycaffe.TEST) for _ in range(2)]

    def work(one, other):
        for _ in range(300):
            one.share_with(other)
            one.forward()

    threads = [threading.Thread(target=work, args=(nets[i], nets[1 - i])) for i in range(2)]
    for thread in threads:
        thread.daemon = True
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.parametrize("callbacks", [False, True])
def test_the_process_may_end_while_a_thread_steps(pycaffe, solver, tmp_path, callbacks):
    solver(extra="snapshot_prefix: 'unused'")
    text = EXITS.format(path=str(tmp_path / "solver.prototxt"), callbacks=callbacks)
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", text], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr[-2000:]
