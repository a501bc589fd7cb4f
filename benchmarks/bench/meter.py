"""Peak memory of what this process makes from now on."""

import contextlib

from bench import gpu


class Meter:
    """Counts from its making: make it after libraries have loaded, before what is measured.

    On the CPU: the growth of VmHWM, the kernel's peak of resident memory. (getrusage's ru_maxrss
    would not do: a process starts with its parent's.) On the GPU: the growth of what the driver
    counts as used, of all processes, read at each call; no other may allocate there meanwhile.
    """

    def __init__(self, device):
        self._read = gpu.memory_used if device == "gpu" else _peak_resident
        # The peak so far is importing's. Where it cannot be reset it is the base all the same.
        with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        self._base = self._peak = self._read()

    def peak(self):
        """Bytes."""
        self._peak = max(self._peak, self._read())
        return self._peak - self._base


def _peak_resident():
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    raise RuntimeError("/proc/self/status has no VmHWM")
