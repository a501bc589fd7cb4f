"""`python -m amcaffe.plot SUBJECT`: figures of what the layers compute."""

from amcaffe import cli
from amcaffe.plot import margins

SUBJECTS = {"margins": margins}


def main(argv):
    parser = cli.parser("plot", "Draw what the layers compute.", margins.EXAMPLE)
    subjects = parser.add_subparsers(metavar="SUBJECT", required=True)
    for name, subject in SUBJECTS.items():
        sub = subjects.add_parser(
            name,
            help=subject.SUMMARY,
            description=subject.SUMMARY,
            epilog=f"example:\n  {subject.EXAMPLE}",
            formatter_class=parser.formatter_class,
        )
        subject.add_arguments(sub)
        sub.set_defaults(run=subject.run)
    arguments = parser.parse_args(argv)
    return arguments.run(arguments)
