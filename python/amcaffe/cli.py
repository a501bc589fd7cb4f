"""What every step's command line shares: the parser's shape, and how errors end it."""

import argparse
import io
import os
import sys

from amcaffe.errors import AmcaffeError

INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C
NO_READER = 141  # and for one whose output nobody reads any more, as before `| head`


def parser(step, description, example):
    """An ArgumentParser for `python -m amcaffe.<step>` whose --help ends in an example."""
    return argparse.ArgumentParser(
        prog=f"amcaffe {step}",
        description=description,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_encoding(parser):
    """The option of every step that reads a text list of others."""
    parser.add_argument(
        "--encoding",
        metavar="NAME",
        help="of the list, such as gbk (default: UTF-8, or what its byte order mark says)",
    )


def run_subject(step, description, metavar, subjects, argv):
    """Run one of a step's subjects, `amcaffe STEP SUBJECT`, each with a parser of its own.

    Args:
        metavar: what a subject is, for the usage.
        subjects: {name: module with SUMMARY, EXAMPLE, add_arguments(parser), run(arguments)}.
    Returns: what the subject's run does.
    """
    outer = parser(step, description, next(iter(subjects.values())).EXAMPLE)
    choices = outer.add_subparsers(metavar=metavar, required=True)
    for name, subject in subjects.items():
        inner = choices.add_parser(
            name,
            help=subject.SUMMARY,
            description=subject.SUMMARY,
            epilog=f"example:\n  {subject.EXAMPLE}",
            formatter_class=outer.formatter_class,
        )
        subject.add_arguments(inner)
        inner.set_defaults(run=subject.run)
    arguments = outer.parse_args(argv)
    return arguments.run(arguments)


def run(step, main, argv=None):
    """Call main(argv) and turn its outcome into an exit status.

    Args:
        step: name of the step, for the first word of an error.
        main: function of a list of arguments that returns None or an int.
    Returns: int exit status: main's own, an AmcaffeError's, 1 where the disk or the system
        refused something, 130 on Ctrl-C, or 141 where nobody reads the output any more.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name of other bytes or letters ends no run
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = main(sys.argv[1:] if argv is None else argv) or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's own flush
        return NO_READER
    except AmcaffeError as error:
        print(f"amcaffe {step}: {error}", file=sys.stderr)
        return error.exit_status
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"amcaffe {step}: {place}{error.strerror or error}", file=sys.stderr)
        return AmcaffeError.exit_status
    except UnicodeEncodeError as error:  # a file's or folder's name, as the system gives it
        print(
            f"amcaffe {step}: a name that is not UTF-8: {ascii(error.object[:200])}\n"
            "  hint:     rename it, such as: convmv -f gbk -t utf-8 -r --notest FOLDER",
            file=sys.stderr,
        )
        return AmcaffeError.exit_status
    except KeyboardInterrupt:
        print(f"\namcaffe {step}: interrupted; run the same command to go on", file=sys.stderr)
        return INTERRUPTED
