"""What to do next, in commands that are there: a checkout has make, an installed wheel has not."""

import shlex

from amcaffe.host.resources import is_checkout, resource_dir

_PROJECT = 'eval "$(make -s env)"'


def build_caffe():
    """How this Python comes by a built Caffe."""
    own = "python -m amcaffe.build $CAFFE_ROOT"
    if is_checkout():
        return f"{own}, or in the project: {_PROJECT}"
    steps = " && ".join(f"python -m amcaffe.{step} caffe" for step in ("fetch", "install", "build"))
    return f"{own}; or, without a tree of your own: {steps}"


def name_tree(said):
    """How a step is told of a Caffe tree. Args: said: how one is named to it."""
    other = (
        f"in the project: {_PROJECT}" if is_checkout() else "get one: python -m amcaffe.fetch PATH"
    )
    return f"{said}, or {other}"


def get_packages():
    """How Debian's packages are installed that a build needs."""
    names = shlex.quote(str(resource_dir("cmake") / "debian-packages.txt"))
    return f"on Debian or Ubuntu: apt-get install $(grep -v '^#' {names})"


def build_core():
    """How this Python comes by amcaffe._core."""
    if is_checkout():
        return "in the project: python setup.py build_ext --inplace"
    return "install amcaffe again, with this Python: python -m pip install --force-reinstall WHEEL"
