"""What the user has chosen of an installation; it is recorded, so that an upgrade keeps it."""

import re
from dataclasses import dataclass, field, replace

from amcaffe.errors import InputError

TYPE_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")


@dataclass(frozen=True)
class Choices:
    """What is to be installed of all that could be.

    renamed: {layer type of ours: the type under which it is installed}.
    without: layer types of ours that are left out.
    skip: names of edits of the host's files that are left out.
    layers: False installs the compatibility edits alone.
    """

    renamed: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    layers: bool = True

    def followed_by(self, later):
        """These choices with later ones on top: the last word on each type counts."""
        renamed = {ours: name for ours, name in self.renamed.items() if ours not in later.without}
        without = set(self.without) - set(later.renamed) | set(later.without)
        return Choices(
            {**renamed, **later.renamed},
            tuple(sorted(without)),
            tuple(sorted({*self.skip, *later.skip})),
            self.layers and later.layers,
        )

    def among(self, types, edits):
        """The choices that concern these layer types and edits, which a later version may lack."""
        return replace(
            self,
            renamed={ours: name for ours, name in self.renamed.items() if ours in types},
            without=tuple(ours for ours in self.without if ours in types),
            skip=tuple(name for name in self.skip if name in edits),
        )

    def as_dict(self):
        return {
            "as": self.renamed,
            "without": list(self.without),
            "skip": list(self.skip),
            "layers": self.layers,
        }


def from_dict(content):
    """The Choices that as_dict wrote."""
    skip = tuple(content["skip"])
    return Choices(content["as"], tuple(content["without"]), skip, content["layers"])


def require_known(choices, types, edits):
    """Refuse a choice that names no layer type or edit of ours, or a type name that cannot be.

    Raises: InputError.
    """
    unknown = sorted({*choices.renamed, *choices.without} - set(types))
    if unknown:
        raise InputError(
            f"there is no layer {', '.join(unknown)} in this package",
            expected=f"of {', '.join(sorted(types))}",
        )
    strange = sorted(set(choices.skip) - set(edits))
    if strange:
        raise InputError(
            f"there is no edit named {', '.join(map(repr, strange))}",
            hint="`python -m amcaffe.install --list-edits` prints the names",
        )
    names = list(choices.renamed.values())
    for ours, name in choices.renamed.items():
        if not TYPE_NAME.fullmatch(name):
            raise InputError(
                f"--as {ours}={name}: a layer cannot have that type",
                expected="letters and digits, the first a capital letter, as in L2Normalize",
            )
        if name in types or names.count(name) > 1:
            raise InputError(f"--as {ours}={name}: another layer of ours has that type")


def require_layers(asked, kept):
    """Refuse to say something of layers of ours where none of them is to be installed.

    Args:
        asked: Choices of this run.  kept: those of earlier runs that still count.
    Raises: InputError.
    """
    if kept.layers and asked.layers or not (asked.renamed or asked.without):
        return
    given = [f"--as {ours}={name}" for ours, name in asked.renamed.items()]
    given += [f"--without {ours}" for ours in asked.without]
    recorded = "" if kept.layers else ", which an earlier run recorded in the tree"
    raise InputError(
        f"{' '.join(given)}: there is no layer of ours with --no-layers{recorded}",
        expected="one or the other",
        hint="nothing was changed; --forget leaves what earlier runs recorded out of account"
        if recorded
        else "nothing was changed; leave --no-layers out to get layers",
    )
