"""The contract that every child process runs under, with real processes."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
import time
from pathlib import Path

import pytest

from panocast.errors import TemporaryError, UsageError
from panocast.process import Child, Command, ProcessError, metered, run
from tests.processes import alive, no_descriptors
from tests.waiting import eventually


def sh(script: str, **options: object) -> Command:
    return Command("job", ["sh", "-c", script], **options)  # type: ignore[arg-type]


async def test_lines_of_stdout_are_given_to_the_caller() -> None:
    assert await run(sh("echo one; printf 'two\\rthree\\n'; printf four")) == ["one", "two", "three", "four"]


async def test_a_failure_tells_the_code_and_the_last_words_without_keys() -> None:
    with pytest.raises(ProcessError, match=r"job failed with exit code 3: rtmp://h/live/cam\?key=\*\*\*") as caught:
        await run(sh("echo first >&2; echo 'rtmp://h/live/cam?key=s3cret' >&2; exit 3"))
    assert caught.value.code == 3
    assert caught.value.tail == ("first", "rtmp://h/live/cam?key=***")


async def test_a_death_by_signal_is_named() -> None:
    with pytest.raises(ProcessError, match="job was ended by SIGKILL"):
        await run(sh("kill -9 $$"))


async def test_arguments_are_never_read_by_a_shell() -> None:
    assert await run(Command("echo", ["echo", "$(id)", "; exit 1", "a\nb"])) == ["$(id) ; exit 1 a", "b"]


async def test_stdin_is_closed() -> None:
    assert await run(Command("cat", ["cat"]), timeout_s=30) == []


async def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="no-such-program is not installed"):
        await run(Command("job", ["no-such-program"]))


async def test_what_takes_too_long_is_ended_with_all_its_children() -> None:
    pids: list[str] = []
    timeout_s = 0.5
    while not pids:  # else the machine was too slow to start it
        timeout_s *= 2
        begun = time.monotonic()
        with pytest.raises(TemporaryError, match=f"job took longer than {timeout_s:.0f} s"):
            await run(sh("sleep 300 & echo $!; wait"), timeout_s=timeout_s, on_stdout=pids.append)
        assert time.monotonic() - begun < 200
    await eventually(lambda: not alive(int(pids[0])))


async def test_what_ignores_sigterm_is_killed_after_the_grace() -> None:
    said: list[str] = []
    child = Child(sh("trap '' TERM; echo ready; while :; do sleep 0.1; done"), on_stdout=said.append)
    await child.start()
    await eventually(lambda: said)
    assert await child.stop(grace_s=0.3) == -signal.SIGKILL


async def test_a_cancelled_run_leaves_nothing() -> None:
    said: list[str] = []
    task = asyncio.create_task(run(sh("echo $$; sleep 60"), on_stdout=said.append))
    await eventually(lambda: said)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: not alive(int(said[0])))


async def test_a_child_that_runs_is_seen_to_end_though_no_descriptor_is_left_by_then() -> None:
    child = Child(sh("exit 3"))
    await child.start()
    with no_descriptors():
        assert await child.wait() == 3


async def test_what_a_child_leaves_behind_in_its_group_is_ended() -> None:
    (left,) = await run(sh("sleep 300 >/dev/null 2>&1 & echo $!"), timeout_s=60)
    await eventually(lambda: not alive(int(left)))


async def test_a_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import asyncio\n"
        "from panocast.process import Child, Command\n"
        "async def main():\n"
        "    child = Child(Command('job', ['sleep', '60']))\n"
        "    await child.start()\n"
        "    print(child.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.curdir}
    )
    assert parent.stdout
    pid = int(await parent.stdout.readline())
    await eventually(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n")  # setpriv has asked for it by then
    parent.kill()
    await parent.wait()
    await eventually(lambda: not alive(pid))


async def test_a_child_inherits_the_descriptors_that_it_is_given() -> None:
    reader, writer = os.pipe()
    try:
        await run(sh(f"echo through > /dev/fd/{writer}", pass_fds=(writer,)))
        assert os.read(reader, 100) == b"through\n"
    finally:
        os.close(reader)
        os.close(writer)


async def test_what_a_child_and_its_own_children_took_is_known_at_its_end() -> None:
    work = "x = b'x' * 200_000_000\nn = 0\nfor i in range(3_000_000): n += i"
    child = Child(sh(f'{sys.executable} -c "{work}"'))
    await child.start()
    assert await child.wait() == 0
    assert 0.05 < child.usage.cpu_s < 60
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10  # which the kernel counts, too
    assert 200_000_000 < child.usage.peak_bytes < 300_000_000 + ours


async def test_a_meter_adds_up_what_the_children_of_a_job_took() -> None:
    child = Command("job", [sys.executable, "-c", "for i in range(2_000_000): pass"])
    with metered() as meter:
        await run(child)
        once = meter.usage.cpu_s
        async with asyncio.TaskGroup() as group:
            group.create_task(run(child))
    await run(child)
    assert 0 < once < meter.usage.cpu_s < 2.5 * once + 1


async def test_who_leaves_the_group_and_keeps_the_pipes_holds_nobody_up(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    away = f"import os, time; os.setsid(); print(os.getpid(), flush=True); open('{gone}', 'w'); time.sleep(300)"
    meanwhile = f"while [ ! -e {gone} ]; do sleep 0.05; done"
    (pid,) = await run(sh(f'{sys.executable} -c "{away}" & {meanwhile}'), timeout_s=120)
    os.kill(int(pid), signal.SIGKILL)


async def test_what_yields_has_the_lowest_priority() -> None:
    (nice,) = await run(sh("nice", yielding=True))
    assert nice == "19"


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel has no groups of sessions")
async def test_what_yields_does_so_to_other_sessions_too() -> None:
    child = Child(Command("job", ["sleep", "60"], yielding=True))
    await child.start()
    (share,) = await run(sh(f"cat /proc/{child.pid}/autogroup"))
    await child.stop(grace_s=0.1)
    assert share.split()[1:] == ["nice", "19"]


async def test_a_line_longer_than_any_does_not_stop_the_reading() -> None:
    lines = await run(Command("job", [sys.executable, "-c", "print('x' * 3_000_000); print('after')"]), timeout_s=120)
    assert lines[-1] == "after"
