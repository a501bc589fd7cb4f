"""Tell what is here to build Caffe with, what is missing, and the commands that bring it.

Needs nothing but Python. Status 0: a build can start. Status 1: something is missing or in its way.
"""

import os

from amcaffe import cli
from amcaffe.doctor.caffe_root import find_shadows, find_tree
from amcaffe.doctor.finding import NOTE, OK, STOPPING, Finding, commands
from amcaffe.doctor.gpu import find_gpu
from amcaffe.doctor.libraries import find_libraries
from amcaffe.doctor.pythons import find_binding, find_python
from amcaffe.doctor.tools import find_tools
from amcaffe.host.cmake_cache import read_cache


def main(argv):
    """The command line; argv as sys.argv[1:].

    Returns: 0 where a build can start, else 1.
    """
    parser = cli.parser("doctor", __doc__, "python -m amcaffe.doctor $CAFFE_ROOT")
    parser.add_argument(
        "tree",
        metavar="CAFFE_ROOT",
        nargs="?",
        default=os.environ.get("CAFFE_ROOT"),
        help="a Caffe source tree to look at, too (default: $CAFFE_ROOT)",
    )
    tree = parser.parse_args(argv).tree
    groups = [
        ("tools", _look(find_tools)),
        ("libraries", _look(find_libraries, read_cache(tree) if tree else None)),
        ("Python", _look(find_python) + _look(find_binding, tree)),
        ("GPU", _look(find_gpu)),
    ]
    if tree:
        groups.append((tree, _look(find_tree, tree)))
    groups.append(("path", _look(find_shadows, tree)))
    for line in report(groups):
        print(line)
    return 1 if any(f.state in STOPPING for _, findings in groups for f in findings) else 0


def _look(find, *arguments):
    """The findings of one group: what breaks it is told, and the others go on."""
    try:
        return find(*arguments)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return [Finding(NOTE, "not looked at", f"{place}{error.strerror or error}")]
    except Exception as error:  # a system so odd that looking fails is a finding, too
        return [Finding(NOTE, "not looked at", f"{type(error).__name__}: {error}")]


def report(groups):
    """Lines of a report. Args: groups: [(title, [Finding])]."""
    lines, everything = [], []
    for title, findings in groups:
        if findings:
            lines.append(title)
        for finding in findings:
            lines.append(f"  {finding.state:<7}  {finding.name:<16}  {finding.text}")
            everything.append(finding)
    stopping = [finding for finding in everything if finding.state in STOPPING]
    lines += ["", f"a build would take: {would_take(everything)}"]
    if stopping:
        lines.append(f"in its way: {', '.join(finding.name for finding in stopping)}. To mend it:")
        lines += [f"  {command}" for command in commands(stopping)]
    else:
        lines.append("nothing is in its way")
    advice = commands([finding for finding in everything if finding.state == NOTE])
    if advice:
        lines += ["further:", *(f"  {command}" for command in advice)]
    return lines


def would_take(findings):
    """What a build would be made with, in words. Args: findings: [Finding]."""
    there = {finding.name: finding for finding in findings if finding.state in (OK, NOTE)}
    parts = [
        there[name].text
        for name in ("C++ compiler", "build tool", "ccache", "pycaffe binding")
        if name in there
    ]
    if "CUDA toolkit" in there:
        gpu = "CUDA " + there["CUDA toolkit"].text
        gpu += "".join(f" with {name}" for name in ("cuDNN", "NCCL") if name in there)
    else:
        gpu = "no CUDA (--cuda pip takes a toolkit from PyPI)"
    return "; ".join([*parts, gpu])
