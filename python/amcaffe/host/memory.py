"""How much memory this process can still have."""

import contextlib
import re
import resource
from pathlib import Path


def memory_there(root="/"):
    """What the system, control groups and `ulimit -v` leave: the least of them.

    Args: root: where /proc and /sys lie.
    Returns: (bytes, what says so), or None where nothing does. Swap is not counted: a training
        touches all that it has at each iteration.
    """
    found = [*_of_system(Path(root)), *_of_groups(Path(root)), *_of_process(Path(root))]
    return min(found, default=None)


def _of_system(root):
    available = _kilobytes(root / "proc/meminfo", "MemAvailable")
    return [] if available is None else [(available, "available on this machine")]


def _of_groups(root):
    """Of each memory group that this process is in, and of those around it."""
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                top, names = root / "sys/fs/cgroup", ("memory.max", "memory.current")
                cache = "inactive_file"
            elif "memory" in controllers.split(","):
                top = root / "sys/fs/cgroup/memory"
                names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
                cache = "total_inactive_file"
            else:
                continue
            folder = top / path.lstrip("/")
            while True:
                yield from _of_group(folder, names, cache)
                if folder == top or top not in folder.parents:
                    break
                folder = folder.parent


def _of_group(folder, names, cache):
    with contextlib.suppress(OSError, ValueError):  # no such file, or "max"
        limit, used = (int((folder / name).read_text()) for name in names)
        # Pages of files that nobody has used lately go when memory is wanted.
        stat = (folder / "memory.stat").read_text()
        freed = re.search(rf"^{cache} (\d+)$", stat, re.MULTILINE)
        left = limit - used + (int(freed[1]) if freed else 0)
        yield max(left, 0), f"left of the {limit / 2**30:.1f} GiB of this control group"


def _of_process(root):
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    used = _kilobytes(root / "proc/self/status", "VmSize")
    if limit == resource.RLIM_INFINITY or used is None:
        return []
    return [(max(limit - used, 0), f"left of the {limit / 2**30:.1f} GiB of ulimit -v")]


def _kilobytes(path, name):
    with contextlib.suppress(OSError):
        found = re.search(rf"^{name}:\s+(\d+) kB$", path.read_text(), re.MULTILINE)
        return int(found[1]) << 10 if found else None
    return None
