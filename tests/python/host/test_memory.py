"""What this process can still have, from files as Linux writes them."""

import resource
import subprocess
import sys

import pytest

from amcaffe.host.memory import memory_there

GIB = 2**30


@pytest.fixture
def machine(tmp_path):
    def make(groups="", **files):
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/meminfo").write_text(
            "MemTotal:       16777216 kB\nMemFree:         1048576 kB\n"
            "MemAvailable:    8388608 kB\nSwapFree:        9999999 kB\n"
        )
        (tmp_path / "proc/self/cgroup").write_text(groups)
        for name, content in files.items():
            path = tmp_path / "sys/fs/cgroup" / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return tmp_path

    return make


def test_without_limits_it_is_what_the_system_has_available(machine):
    assert memory_there(machine("0::/\n")) == (8 * GIB, "available on this machine")


def test_a_limit_of_a_group_counts_less_what_it_uses_and_caches_that_go(machine):
    root = machine(
        "0::/user/job\n",
        user__job__memory_dot_max=f"{5 * GIB}\n",
        user__job__memory_dot_current=f"{3 * GIB}\n",
        user__job__memory_dot_stat=f"anon 1\ninactive_file {GIB}\nactive_file 5\n",
    )
    assert memory_there(root) == (3 * GIB, "left of the 5.0 GiB of this control group")


def test_a_limit_of_a_group_around_it_counts(machine):
    root = machine(
        "0::/user/job\n",
        user__job__memory_dot_max="max\n",
        user__job__memory_dot_current="1\n",
        user__memory_dot_max=f"{2 * GIB}\n",
        user__memory_dot_current=f"{GIB}\n",
        user__memory_dot_stat="",
    )
    assert memory_there(root)[0] == GIB


def test_a_limit_of_the_first_kind_of_groups_counts(machine):
    root = machine(
        "5:cpu,memory:/job\n2:pids:/job\n",
        memory__job__memory_dot_limit_in_bytes=f"{4 * GIB}\n",
        memory__job__memory_dot_usage_in_bytes=f"{GIB}\n",
        memory__job__memory_dot_stat="inactive_file 7\ntotal_inactive_file 0\n",
        memory__memory_dot_limit_in_bytes="9223372036854771712\n",
        memory__memory_dot_usage_in_bytes=f"{6 * GIB}\n",
    )
    assert memory_there(root)[0] == 3 * GIB


def test_where_nothing_tells_it_is_not_known(tmp_path):
    assert memory_there(tmp_path) is None


def test_the_limit_of_the_process_counts():
    limit = 3 * GIB
    code = "from amcaffe.host.memory import memory_there; print(*memory_there())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    left, source = done.stdout.split(maxsplit=1)
    assert limit - GIB < int(left) < limit and "ulimit -v" in source
