import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

KINDS = ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_solver_is_its_own_class_and_learns(pycaffe, solver, kind):
    extra = {"RMSProp": "rms_decay: 0.9", "AdaDelta": "momentum: 0.9 delta: 1e-3"}.get(kind, "")
    solving = solver(kind, extra=extra)
    kinds = pycaffe._caffe
    assert type(solving) is getattr(kinds, f"{kind}Solver")
    assert isinstance(solving, kinds.SGDSolver) and isinstance(solving, kinds.Solver)
    first = float(solving.net.forward()["loss"])
    solving.step(5)
    assert solving.iter == 5
    assert float(solving.net.forward()["loss"]) < first


def test_a_step_is_the_learning_rate_times_the_gradient(solver):
    solving = solver()
    weights = solving.net.params["ip"][0]
    before = weights.data.copy()
    solving.step(1)
    # Every output is 6, the target 0, the input 1; the loss is half the mean over 2 rows.
    np.testing.assert_allclose(weights.data, before - 0.01 * 6, rtol=1e-6)


def test_solve_runs_to_max_iter(solver):
    solving = solver()
    solving.solve()
    assert solving.iter == solving.param.max_iter == 10


def test_parameters_are_read_and_base_lr_is_written(solver):
    solving = solver()
    weights = solving.net.params["ip"][0]
    solving.param.base_lr = 0
    before = weights.data.copy()
    solving.step(2)
    assert (weights.data == before).all()
    if hasattr(type(solving), "lr"):
        assert solving.lr == 0


def test_snapshot_and_restore(solver, tmp_path):
    prefix = tmp_path / "snap"
    one = solver(extra=f"snapshot_prefix: '{prefix}'")
    one.step(3)
    one.snapshot()
    one.step(2)
    other = solver()
    other.restore(f"{prefix}_iter_3.solverstate")
    assert other.iter == 3
    other.step(2)
    assert (other.net.params["ip"][0].data == one.net.params["ip"][0].data).all()


def test_weights_are_shared_with_another_net(solver):
    solving = solver(test=True)
    solving.share_weights(solving.test_nets[0])
    solving.step(1)
    mine, other = (net.params["ip"][0].data for net in (solving.net, solving.test_nets[0]))
    assert mine.__array_interface__["data"] == other.__array_interface__["data"]


def test_callbacks_come_at_the_start_and_before_the_update(solver):
    solving, calls = solver(), []
    weights = solving.net.params["ip"][0]

    def ready():
        calls.append("ready")
        weights.diff[...] = 0

    before = weights.data.copy()
    solving.add_callback(lambda: calls.append("start"), ready)
    solving.step(2)
    assert calls == ["start", "ready"] * 2
    assert (weights.data == before).all()


def test_an_exception_in_a_callback_ends_the_step_and_the_solver_goes_on(solver):
    solving = solver()
    fail = [True]

    def start():
        if fail:
            raise LookupError(fail.pop())

    solving.add_callback(start, lambda: None)
    with pytest.raises(LookupError):
        solving.step(5)
    assert solving.iter == 0
    solving.step(2)
    assert solving.iter == 2


def test_ctrl_c_ends_a_step_between_two_iterations(pycaffe, solver, tmp_path):
    solver()
    program = textwrap.dedent(
        f"""
        import caffe, sys
        solver = caffe.get_solver({str(tmp_path / "solver.prototxt")!r})
        solver.add_callback(lambda: None, lambda: print("at work", flush=True))
        try:
            solver.step(10**9)
        except KeyboardInterrupt:
            reached = solver.iter
            solver.step(1)
            print("stopped", solver.iter == reached + 1, flush=True)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout.readline() == "at work\n"
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert rest.splitlines()[-1] == "stopped True"
    assert process.returncode == 0


def test_a_timer_measures(pycaffe):
    timer = pycaffe.Timer()
    timer.start()
    timer.stop()
    assert timer.ms >= 0
