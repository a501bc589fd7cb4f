"""One of our layers under a second type name: the same source with other identifiers."""

import re
from pathlib import PurePosixPath

from amcaffe.host.tree_layers import snake


def renamed(text, names):
    """C++ or proto text in which our types have other names.

    The type itself, identifiers that begin with it (NormalizeLayer, NormalizeParameter), file
    names, include guards and the accessors of its parameter change; names of a namespace
    (margin::CombinedMargin) do not, as they belong to headers that several layers share.

    Args:
        names: {type of ours: its new name}.
    """
    if not names:
        return text
    ours = sorted(names, key=len, reverse=True)
    types, stems = "|".join(ours), "|".join(map(snake, ours))
    pattern = (
        rf"(?<!::)\b(?P<type>{types})(?=[A-Z]|\b)"
        rf"|\b(?P<accessor>(?:(?:mutable|has|clear|set_allocated|release|test)_)?)"
        rf"(?P<stem>{stems})(?=_(?:layer|param)\b)"
        rf"|\bCAFFE_(?P<guard>{stems.upper()})(?=_LAYER_HPP_\b)"
    )
    new_stems = {snake(old): snake(new) for old, new in names.items()}

    def replace(match):
        if match["type"]:
            return names[match["type"]]
        if match["stem"]:
            return match["accessor"] + new_stems[match["stem"]]
        return "CAFFE_" + new_stems[match["guard"].lower()].upper()

    return re.sub(pattern, replace, text)


def renamed_path(path, names):
    """The path of a layer's or its test's file under its new name."""
    pure = PurePosixPath(path)
    return (pure.parent / renamed(pure.name, names)).as_posix()
