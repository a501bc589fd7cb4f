"""A solver as it is read, checked, and changed into what is run."""

import secrets
from pathlib import Path

from amcaffe.data.provenance import made_from
from amcaffe.errors import InputError
from amcaffe.nets.hdf5 import require_h5py
from amcaffe.nets.reading import TEST, TRAIN, layers_in, read_net

_SEEDS = 1 << 31  # of cuRAND and of other readers of an int


def nets_of(parameters, path):
    """[(path, NetParameter, its layers)] of the training net, then of each test net."""
    if parameters.HasField("net"):
        train_path = parameters.net
    elif parameters.HasField("train_net"):
        train_path = parameters.train_net
    else:
        raise InputError(f"{path} names no net", expected='net: "FILE" or train_net: "FILE"')
    net = read_net(train_path)
    state = parameters.train_state
    layers = layers_in(net, TRAIN, state.level, state.stage)
    nets = [(train_path, net, layers)]
    if not nets[0][2]:
        raise InputError(f"{train_path} has no layer in phase TRAIN")
    tests = list(parameters.test_net)
    tests += [train_path] * (len(parameters.test_iter) - len(tests))
    if len(parameters.test_iter) < len(tests):
        raise InputError(f"{path}: each test_net needs a test_iter")
    if tests and parameters.test_interval < 1:
        raise InputError(f"{path}: test_iter needs a test_interval")
    for number, test_path in enumerate(tests):
        net = read_net(test_path)
        state = parameters.test_state[number] if number < len(parameters.test_state) else None
        level, stages = (state.level, state.stage) if state else (0, ())
        nets.append((test_path, net, layers_in(net, TEST, level, stages)))
    return nets


def configure(parameters, options, out):
    """Change a SolverParameter into what is run: snapshots are ours to take, and go to out."""
    if options.iterations is not None:
        parameters.max_iter = options.iterations
    if parameters.max_iter < 1:
        raise InputError(f"{options.solver}: no iterations to do: give max_iter or --iterations")
    if options.seed is not None:
        if options.seed < 0:
            raise InputError("--seed must be 0 or more", found=str(options.seed))
        parameters.random_seed = options.seed
    if parameters.random_seed < 0:  # Caffe would draw one, and not tell
        parameters.random_seed = secrets.randbelow(_SEEDS)
    name = Path(parameters.snapshot_prefix).name or Path(options.solver).stem
    parameters.snapshot_prefix = str(out / name)
    parameters.snapshot = 0
    if parameters.snapshot_format == parameters.HDF5:
        require_h5py(f"snapshot_format: HDF5 in {options.solver}")
    if "weights" in parameters.DESCRIPTOR.fields_by_name:
        if options.weights is None and len(parameters.weights):
            raise InputError(
                f"{options.solver} names weights itself",
                found=", ".join(parameters.weights),
                hint="take that line out and give the file to --weights",
            )
        parameters.ClearField("weights")


def inputs_of(nets, options):
    """Paths of the files that a training reads, as far as the solver and its nets name them."""
    means = [layer.transform_param.mean_file for _, _, layers in nets for layer in layers]
    named = [options.solver, options.weights, options.deploy, *means]
    return [path for path in named if path] + [path for path, _, _ in nets] + _lists_of(nets)


def sources_of(nets, options):
    """What a run is made from: {"solver", "weights", "nets", "lists"}, each file by its hash."""
    return {
        "solver": made_from(options.solver),
        "weights": made_from(options.weights) if options.weights else None,
        "nets": [made_from(path) for path in dict.fromkeys(path for path, _, _ in nets)],
        "lists": [made_from(path) for path in _lists_of(nets)],
    }


def _lists_of(nets):
    """Paths of the lists that data layers read, each once."""
    parameters = ("image_data_param", "hdf5_data_param", "window_data_param")
    sources = [
        getattr(layer, parameter).source
        for _, _, layers in nets
        for layer in layers
        for parameter in parameters
    ]
    return [source for source in dict.fromkeys(sources) if source]


def gpu_of(parameters, options):
    if options.gpu is not None:
        return options.gpu
    if parameters.HasField("solver_mode") and parameters.solver_mode == parameters.GPU:
        return parameters.device_id
    return None
