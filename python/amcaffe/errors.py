"""Every failure that a user can meet, a class each, with its exit status.

A message says what is wrong, where, what was found and expected, and what to
do next. Library code raises these; only :mod:`amcaffe.cli` prints and exits.
"""


class AmcaffeError(Exception):
    """A failure with advice.

    Args:
        what: one sentence: what is wrong and where (file, line, row).
        found: what was there.
        expected: what should have been there.
        hint: what to do next.
    """

    exit_status = 1

    def __init__(self, what, *, found=None, expected=None, hint=None):
        self.what, self.found, self.expected, self.hint = what, found, expected, hint
        super().__init__(what)

    def __str__(self):
        lines = [self.what]
        for name in ("found", "expected", "hint"):
            text = getattr(self, name)
            if text:
                lines.append(f"  {name + ':':<10}{text}")
        return "\n".join(lines)


class InputError(AmcaffeError):
    """An argument, list, image, net, weight or feature file is unusable."""

    exit_status = 2


class TreeError(AmcaffeError):
    """A Caffe tree is missing, foreign, or in a state we will not edit."""

    exit_status = 3


class FetchError(AmcaffeError):
    """No source served the pinned Caffe tree."""

    exit_status = 4


class BuildError(AmcaffeError):
    """A tool is missing, or configuring, compiling or importing failed."""

    exit_status = 5


class StepError(AmcaffeError):
    """A program that we ran failed, and has said why itself; ends in that program's status."""

    def __init__(self, what, status, hint=None):
        super().__init__(what, hint=hint)
        self.exit_status = status if 0 < status < 128 else AmcaffeError.exit_status


class CaffeError(AmcaffeError):
    """A check of Caffe's own failed, in Caffe's words."""

    exit_status = 7


class TrainingError(AmcaffeError):
    """Training diverged or cannot go on."""

    exit_status = 6
