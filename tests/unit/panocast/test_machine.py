from pathlib import Path

from panocast.machine import Machine, this_machine

GIB = 1 << 30


def write(root: Path, files: dict[str, str]) -> Machine:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return this_machine(root)


MEMINFO = {"proc/meminfo": f"MemTotal: {32 << 20} kB\nMemAvailable:   {16 << 20} kB\n"}


def test_without_a_container_all_that_is_available_is_free(tmp_path: Path) -> None:
    found = write(tmp_path, MEMINFO)
    assert found.free_bytes == 16 * GIB
    assert found.cores == this_machine().cores >= 1


def test_a_containers_limits_count_and_so_do_those_around_it(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/machine/worker\n",
        "sys/fs/cgroup/machine/worker/memory.max": "max\n",
        "sys/fs/cgroup/machine/worker/cpu.max": "max 100000\n",
        "sys/fs/cgroup/machine/memory.max": str(4 * GIB),
        "sys/fs/cgroup/machine/memory.current": str(3 * GIB),
        "sys/fs/cgroup/machine/memory.stat": f"anon 5\ninactive_file {GIB}\n",
        "sys/fs/cgroup/machine/cpu.max": "50000 100000\n",
    }
    assert write(tmp_path, MEMINFO | files) == Machine(cores=1, free_bytes=2 * GIB)


def test_the_older_control_groups_count(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/memory/memory.limit_in_bytes": str(GIB)}
    assert write(tmp_path, MEMINFO | files).free_bytes == GIB


def test_a_group_over_its_limit_leaves_nothing(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/\n",
        "sys/fs/cgroup/memory.max": "100\n",
        "sys/fs/cgroup/memory.current": "200\n",
    }
    assert write(tmp_path, MEMINFO | files).free_bytes == 0
