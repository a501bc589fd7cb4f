"""`python -m amcaffe.build $CAFFE_ROOT`: configure and compile a Caffe tree with its own CMake.

Afterwards `caffe` and `import caffe` work in this Python environment from any
directory: a link in its bin folder and a .pth file in its site-packages.
"""

import argparse

from amcaffe import cli
from amcaffe.build.compile import ALL_TESTS, OUR_TESTS, build, build_pycaffe
from amcaffe.build.configure import architectures, choose_cuda
from amcaffe.build.environment import check_import, register
from amcaffe.host.pycaffe_binding import BOOST, PYBIND11


def main(argv):
    parser = _parser()
    options = parser.parse_args(argv)
    for define in options.defines:
        if "=" not in define:
            parser.error(f"-D {define}: expected KEY=VALUE")
    if options.pycaffe_only:
        _refuse_what_pycaffe_alone_ignores(parser, options)
        module = build_pycaffe(options.root, options.jobs)
        print(f"Caffe {check_import(options.root)}: {module}")
        return
    cuda = choose_cuda(options.cuda, options.root)
    defines = [*architectures(options.root, options.cuda_arch), *options.defines]
    folder = build(
        options.root, cuda, options.tests, defines, options.jobs, binding=options.binding
    )
    version = check_import(options.root)
    if not options.no_register:
        for path in register(options.root):
            print(path)
    print(f"Caffe {version}: {folder / 'tools/caffe'}")


def _refuse_what_pycaffe_alone_ignores(parser, options):
    given = {
        "--cuda": options.cuda != "auto",
        "--cuda-arch": options.cuda_arch,
        "--binding": options.binding,
        f"--{'our-' * (options.tests == OUR_TESTS)}tests": options.tests,
        "-D": options.defines,
        "--no-register": options.no_register,
    }
    ignored = [option for option, value in given.items() if value]
    if ignored:
        parser.error(
            f"--pycaffe-only goes without {', '.join(ignored)}: it builds on what is built, and "
            "registers nothing"
        )


def _parser():
    parser = cli.parser(
        "build",
        "Configure and compile a Caffe tree in its build folder, then put caffe and pycaffe into\n"
        "this Python environment. Run it again after a change: only what changed is compiled.",
        "python -m amcaffe.build $CAFFE_ROOT",
    )
    parser.add_argument("root", metavar="CAFFE_ROOT", help="Caffe source tree")
    parser.add_argument(
        "--cuda",
        choices=("auto", "pip", "system", "off"),
        default="auto",
        help="auto (default): as before, else with the system's toolkit where a whole one is "
        "found; pip: with nvcc, cuBLAS, cuRAND, cuDNN and NCCL of PyPI, brought into this "
        "environment",
    )
    parser.add_argument(
        "--cuda-arch",
        metavar="ARCH[,ARCH]",
        help="as CMAKE_CUDA_ARCHITECTURES has them: 90, 90a, 80-real, native, all-major; default: "
        "native where there is a GPU, else all-major",
    )
    parser.add_argument(
        "--binding",
        choices=(PYBIND11, BOOST),
        help="what pycaffe is made with; default: pybind11 in a patched tree, unless the tree's "
        "own binding has names that ours lacks",
    )
    parser.add_argument(
        "--pycaffe-only",
        action="store_true",
        help="only pycaffe, for one more Python: the one that runs this, beside those that have "
        "it; as the tree was built, and without putting anything into this environment",
    )
    gtests = parser.add_mutually_exclusive_group()
    gtests.add_argument(
        "--tests", action="store_const", const=ALL_TESTS, help="compile the gtests too"
    )
    gtests.add_argument(
        "--our-tests", dest="tests", action="store_const", const=OUR_TESTS,
        help="of the gtests, those of this package, and for GPUs one on libcaffe's kernels",
    )  # fmt: skip
    parser.add_argument("--jobs", type=_count, metavar="N", help="compilers at a time")
    parser.add_argument(
        "-D", dest="defines", action="append", default=[], metavar="KEY=VALUE", help="for CMake"
    )
    parser.add_argument(
        "--no-register",
        action="store_true",
        help="leave this Python environment as it is",
    )
    return parser


def _count(text):
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a positive integer")
    return int(text)
