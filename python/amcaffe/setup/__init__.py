"""`python -m amcaffe.setup`: everything that demo, tests and benchmarks need, kept in a cache.

System packages, a virtual environment, and a fetched, patched and built Caffe.
The cache lies outside the checkout ($AMCAFFE_CACHE, else ~/.cache/amcaffe), so
a second checkout with the same layers and installer compiles nothing; its
folders are named after the content they were made from, so a changed layer
never meets a stale build. Standard library only: this runs before the
environment exists. `make setup` is its usual caller.
"""

import shlex

from amcaffe import cli
from amcaffe.errors import InputError
from amcaffe.host.advice import build_caffe
from amcaffe.host.resources import PACKAGE, is_checkout
from amcaffe.setup.linters import Linters
from amcaffe.setup.making import EXTRAS, Setup


def main(argv):
    arguments = cli.parser(
        "setup",
        "Make, once, what make demo, make test and make bench need: system packages, a Python\n"
        "environment, and a fetched, patched and built Caffe. Kept in $AMCAFFE_CACHE, else\n"
        "~/.cache/amcaffe.",
        'python3 -m amcaffe.setup && eval "$(python3 -m amcaffe.setup --env)"',
    )
    arguments.add_argument("--env", action="store_true", help="only print lines for a shell's eval")
    arguments.add_argument("--tests", choices=("all", "ours"), help="compile the gtests too")
    arguments.add_argument(
        "--extras", nargs="*", choices=EXTRAS, default=[], help="further Python packages"
    )
    arguments.add_argument("--cuda", choices=("auto", "pip", "system", "off"), default="auto")
    arguments.add_argument("--cuda-arch", metavar="ARCH[,ARCH]", help="as amcaffe.build has it")
    arguments.add_argument(
        "--lint", action="store_true", help="only what `make lint` needs, which is no Caffe"
    )
    options = arguments.parse_args(argv)
    if not is_checkout():
        raise InputError(
            "amcaffe.setup makes what a checkout of the project needs, and this is none",
            found=str(PACKAGE),
            hint=build_caffe(),
        )
    setup = Linters() if options.lint else Setup(options.cuda, options.cuda_arch)
    if options.env:
        for name, value in setup.environment().items():
            print(f"export {name}={shlex.quote(value)}")
        return
    if options.lint:
        setup.make()
        return
    setup.make(options.tests, options.extras)
    print(f"python: {setup.python}\nCaffe:  {setup.root}")
