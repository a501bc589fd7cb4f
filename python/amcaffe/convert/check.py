"""Does a file read under a schema, and under which fork's does it?"""

from amcaffe.convert import wire
from amcaffe.convert.forks import FORKS, fork_schema
from amcaffe.convert.transcode import Transcoder


def check(data, kind, schema):
    """What is wrong with a file under a schema.

    Args: data: a memoryview of it. kind: MODEL or STATE.
    Returns: list of str, empty where nothing is.
    """
    walk = Transcoder(data, schema, schema)
    try:
        _walk(walk, data, kind, schema)
    except wire.WireError as error:
        where = walk.where()
        return [f"{where}: {error}" if where else str(error)]
    return [str(problem) for problem in walk.problems]


def fitting(data, kind):
    """The names of the forks of FORKS under whose field numbers a file reads."""
    return [name for name in FORKS if _fits(data, kind, fork_schema(name))]


def _fits(data, kind, schema):
    try:
        _walk(_Strict(data, schema, schema), data, kind, schema)
    except wire.WireError:
        return False
    return True


class _Strict(Transcoder):
    """Stops at the first problem."""

    def problem(self, message, field, reason, droppable=False):
        raise wire.WireError(0, reason)


def _walk(walk, data, kind, schema):
    root = schema.messages[kind]
    walk.message(root, root, 0, len(data))
