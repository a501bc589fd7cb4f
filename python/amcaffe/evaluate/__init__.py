"""`python -m amcaffe.evaluate PROTOCOL`: what features are worth, by a named protocol."""

from amcaffe import cli
from amcaffe.evaluate import pair_verification

PROTOCOLS = {"pairs": pair_verification}


def main(argv):
    parser = cli.parser(
        "evaluate",
        "Measure features: a table here; JSON, plots and an HTML report in a folder.",
        pair_verification.EXAMPLE,
    )
    protocols = parser.add_subparsers(metavar="PROTOCOL", required=True)
    for name, protocol in PROTOCOLS.items():
        sub = protocols.add_parser(
            name,
            help=protocol.SUMMARY,
            description=protocol.SUMMARY,
            epilog=f"example:\n  {protocol.EXAMPLE}",
            formatter_class=parser.formatter_class,
        )
        protocol.add_arguments(sub)
        sub.set_defaults(run=protocol.run)
    arguments = parser.parse_args(argv)
    return arguments.run(arguments)
