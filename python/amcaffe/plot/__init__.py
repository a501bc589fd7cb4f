"""`python -m amcaffe.plot SUBJECT`: figures of what the layers compute."""

from amcaffe import cli
from amcaffe.plot import margins

SUBJECTS = {"margins": margins}


def main(argv):
    return cli.run_subject("plot", "Draw what the layers compute.", "SUBJECT", SUBJECTS, argv)
