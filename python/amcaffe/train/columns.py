"""What a net tells beside its loss, as columns of metrics.csv."""

from amcaffe.data.metrics import STATISTICS


def training_columns(net, layers):
    """Columns of a training net: each number that it puts out beside losses.

    Args:
        net: pycaffe Net.
        layers: its LayerParameters.
    Returns: {column: (blob, index)}, the blob's number to record at each pass.
    """
    weights, statistics = net.blob_loss_weights, _statistics(layers)
    outputs = [
        name
        for name in net.outputs
        if name not in statistics and not weights[name] and net.blobs[name].data.size == 1
    ]
    columns = {f"train_{name}": (name, 0) for name in outputs}
    return _with_statistics(columns, "train", statistics)


def test_columns(number, net, layers):
    """Columns of test net `number`: the mean of each blob that it puts out, index None."""
    statistics = _statistics(layers)
    columns = {
        f"test{number}_{name}": (name, None) for name in net.outputs if name not in statistics
    }
    return _with_statistics(columns, f"test{number}", statistics)


def read_column(net, blob, index):
    """The number of a column, as it stands in a pycaffe Net."""
    data = net.blobs[blob].data
    return float(data.mean() if index is None else data.flat[index])


def _statistics(layers):
    """{blob of statistics: layer's name}"""
    return {
        layer.top[1]: layer.name
        for layer in layers
        if layer.type == "MarginSoftmaxLoss" and len(layer.top) > 1
    }


def _with_statistics(columns, prefix, statistics):
    """Those of a second such layer, or that a blob is named like, bear their layer's name."""
    for blob, layer in statistics.items():
        short = [f"{prefix}_{name}" for name in STATISTICS]
        if not columns.keys().isdisjoint(short):
            short = [f"{prefix}_{layer}_{name}" for name in STATISTICS]
        columns.update((column, (blob, index)) for index, column in enumerate(short))
    return columns
