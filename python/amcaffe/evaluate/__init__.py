"""`python -m amcaffe.evaluate PROTOCOL`: what features are worth, by a named protocol."""

from amcaffe import cli
from amcaffe.evaluate import pair_verification

PROTOCOLS = {"pairs": pair_verification}


def main(argv):
    description = "Measure features: a table here; JSON, plots and an HTML report in a folder."
    return cli.run_subject("evaluate", description, "PROTOCOL", PROTOCOLS, argv)
