"""`amcaffe <step>`: the same as `python -m amcaffe.<step>`."""

import importlib
import sys

from amcaffe import __version__, cli

STEPS = {
    "doctor": "what is here to build Caffe with, what is missing, and what brings it",
    "fetch": "get a pinned Caffe source tree",
    "install": "patch the layers, proto and compatibility edits into a Caffe tree",
    "build": "configure and compile a Caffe tree; put caffe and pycaffe in this environment",
    "convert": "caffemodels and solverstates of another fork, for this tree; what a file holds",
    "bundle": "a folder with caffe, pycaffe and all they need, for another machine",
    "faces": "make a folder of made-up people",
    "dataset": "lists, and splits by identity, from a folder of people",
    "prototxt": "render solvers and nets",
    "train": "train a net: progress, snapshots, resume",
    "extract": "features of a list of images",
    "evaluate": "verification accuracy, TAR at FAR, curves, report",
    "plot": "draw the margins that the layers train with",
    "demo": "all of it on made-up faces, plain softmax against AM-Softmax",
}


def usage():
    width = max(map(len, STEPS))
    steps = "\n".join(f"  {name:<{width}}  {text}" for name, text in STEPS.items())
    return (
        f"amcaffe {__version__}\nusage: amcaffe STEP [options]   (amcaffe STEP --help)\n\n{steps}"
    )


def main():
    step = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if step in ("-h", "--help"):
        return cli.run("--help", lambda _: print(usage()))
    if step == "--version":
        return cli.run(step, lambda _: print(__version__))
    if step not in STEPS:
        print(f"amcaffe: no step named {step!r}\n\n{usage()}", file=sys.stderr)
        return 2
    return cli.run(step, importlib.import_module(f"amcaffe.{step}").main, sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
