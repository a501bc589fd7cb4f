"""The built pycaffe of this Python, and the device that it computes on."""

from amcaffe.errors import BuildError, InputError
from amcaffe.host import advice


def import_caffe():
    """The pycaffe module. Raises BuildError where this Python has none that loads."""
    try:
        import caffe
    except ImportError as error:
        raise BuildError(
            "`import caffe` failed in this Python",
            found=str(error),
            hint=advice.build_caffe(),
        ) from None
    if not hasattr(caffe, "Net"):  # a folder of that name is a module too, an empty one
        raise BuildError(
            "`import caffe` found something else than pycaffe",
            found=caffe.__file__ or ", ".join(caffe.__path__),
            hint=f"{advice.build_caffe()}; a folder named caffe in the current directory is found "
            "before, or instead",
        )
    return caffe


def use_device(caffe, gpu):
    """Compute on GPU number `gpu`, or on the CPU where it is None.

    Returns: "cpu" or "gpu N".
    """
    if gpu is None:
        caffe.set_mode_cpu()
        return "cpu"
    if not hasattr(caffe._caffe.Blob, "_gpu_data_ptr"):  # left out of CPU-only builds
        raise InputError(
            f"GPU {gpu} is asked for, but this Caffe was built for the CPU only",
            found=caffe.__file__,
            hint="leave out --gpu (and solver_mode: GPU), or build with a CUDA toolkit present",
        )
    if gpu < 0:
        raise InputError("a GPU's number is 0 or more", found=str(gpu))
    caffe.set_device(gpu)
    caffe.set_mode_gpu()
    return f"gpu {gpu}"
