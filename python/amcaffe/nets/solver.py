"""The solver of an experiment, as a (field, value) tree."""

from amcaffe.nets import heads


def solver(experiment, margin, net, snapshot_prefix):
    """SGD with momentum; without solver_mode, so that `caffe train` uses the CPU, or -gpu."""
    e = experiment
    tests = [
        ("test_iter", e.test_iter),
        ("test_interval", e.test_interval),
        ("test_initialization", False),
    ]
    return [
        ("net", net),
        *(tests if e.test_iter else []),
        ("base_lr", e.lr),
        ("lr_policy", "multistep"),
        ("gamma", 0.1),
        *(("stepvalue", step) for step in e.steps),
        ("max_iter", heads.iterations(e, margin)),
        ("iter_size", e.iter_size),
        ("momentum", 0.9),
        ("weight_decay", e.weight_decay),
        ("display", 100),
        ("snapshot", e.snapshot),
        ("snapshot_prefix", snapshot_prefix),
    ]
