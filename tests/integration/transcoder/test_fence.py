"""Guarantee 13: an ffmpeg that was taken over gets nowhere, and an honest one works as ever."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from panocast.errors import RefusedError, SetupError, TemporaryError
from panocast.fence import Fence, Limits
from panocast.process import Child, Command, LimitError, ProcessError, metered, run
from panocast.sandbox import sandbox_fault, sandboxed
from tests.integration.transcoder.site import Site
from tests.waiting import eventually
from transcoder.workplace import Workplace

pytestmark = pytest.mark.slow
LIMITS = Limits(cpu_s=60, memory_bytes=1 << 30, output_bytes=64 << 20)
SECRET = "wJalrXUtnFEMI-canary"


@pytest.fixture(autouse=True)
def _bubblewrap() -> None:
    if fault := sandbox_fault():
        if os.environ.get("CI"):
            pytest.fail(f"bubblewrap does not work here: {fault}")
        pytest.skip(fault)


@dataclass
class Listener:
    """A server on loopback that counts who comes."""

    port: int = 0
    visits: int = field(default=0)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    found = Listener()

    def visited(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.visits += 1
        writer.close()

    async with await asyncio.start_server(visited, "127.0.0.1", 0) as server:
        found.port = server.sockets[0].getsockname()[1]
        yield found


@pytest.fixture
def job(site: Site) -> Path:
    """A job's folder, where a worker makes them."""
    path = site.place().scratch / "part-1"
    path.mkdir(parents=True)
    return path


def stub(site: Site, script: str) -> str:
    """A program that stands in for ffmpeg."""
    path = site.root / "bin" / "ffmpeg"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)
    return str(path)


def running(marker: str) -> list[int]:
    """Processes, ours or not, that have `marker` among their arguments."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in entry.read_bytes().split(b"\0"):
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


async def test_an_ffmpeg_that_was_taken_over_gets_nowhere(
    site: Site, job: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = site.root / "home"
    for folder in (home / ".aws", site.root / "state", job.parent / "part-2"):
        folder.mkdir(parents=True)
    canaries = [home / ".aws" / "credentials", site.root / "state" / "secret", job.parent / "part-2" / "part.mp4"]
    for canary in canaries:
        canary.write_text(SECRET)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    # The metadata service's real address only where loopback is cut off already: nothing may leave this machine.
    script = f"""
        for file in {" ".join(map(str, canaries))} /proc/$PPID/environ /proc/1/environ /etc/passwd; do
            cat $file >> loot && echo "read $file" >> report
        done
        env >> loot
        if (exec 3<>/dev/tcp/127.0.0.1/{listener.port}); then
            echo "reached loopback" >> report
        else
            (exec 3<>/dev/tcp/169.254.169.254/80) && echo "reached the metadata service" >> report
        fi
        for target in {canaries[1]} {canaries[2]} {site.root}/new {job.parent}/new {home}/.bashrc; do
            echo gotcha >> $target && echo "wrote $target" >> report
        done
        for folder in / /usr /etc /tmp /dev/shm; do
            [ -w $folder ] && echo "could write $folder" >> report
        done
        setsid sleep 7654.321 &
        echo through > inside
        echo progress=end
    """
    place = site.place(fence="require")
    await place.ffmpeg([stub(site, script)], cwd=job, what="stub")
    assert (job / "inside").read_text() == "through\n", "the stub did not run"
    assert not (job / "report").exists(), (job / "report").read_text()
    assert SECRET not in (job / "loot").read_text()
    assert listener.visits == 0
    assert all(canary.read_text() == SECRET for canary in canaries)
    await eventually(lambda: not running("7654.321"), within_s=60)


async def test_an_ffmpeg_that_was_taken_over_cannot_change_the_upload_that_it_reads(
    site: Site, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads the file itself, not a copy, which may be somebody's only one."""
    path = site.root / "ingest" / "uploads" / "card.mp4"
    path.parent.mkdir(parents=True)
    shutil.copy(small, path)
    script = """
        for word in "$@"; do case $word in file:*) file=${word#file:};; esac; done
        [ -s "$file" ] && cp "$file" copy && echo "read it" > report
        chmod a+w "$file"; echo x >> "$file"; : > "$file"; rm "$file"; ln "$file" mine && echo x >> mine
        echo "was here: $(cat report)" >&2; exit 1
    """
    assert sandboxed("require")  # tried once for each process, with the real ffmpeg
    stub(site, script)
    monkeypatch.setenv("PATH", f"{site.root}/bin:{os.environ['PATH']}")
    site.announce("uploads/card.mp4")
    await site.work(fence="require", tries=1)
    (dead,) = site.queue.dead()
    assert "was here: read it" in dead.reason
    assert path.read_bytes() == await asyncio.to_thread(small.read_bytes)
    assert path.stat().st_nlink == 1


async def test_a_link_that_was_left_for_us_to_follow_is_refused(site: Site, job: Path) -> None:
    """What a program cannot read itself, we could read for it, and publish as the first segment."""
    with pytest.raises(RefusedError, match=r"'00000\.m4s' behind, which is no file"):
        await site.place().ffmpeg([stub(site, "ln -s /etc/passwd 00000.m4s")], cwd=job, what="stub")


async def encode(place: Workplace, job: Path) -> int:
    pictures = ["-f", "lavfi", "-i", "testsrc2=size=320x160:rate=30:duration=1"]
    tone = ["-f", "lavfi", "-i", "sine=duration=1"]
    report = ["-progress", "pipe:1", "-v", "level+warning", "-nostdin"]
    argv = ["ffmpeg", *report, *pictures, *tone, "-c:v", "libx264", "-c:a", "aac", "made.mp4"]
    return await place.ffmpeg(argv, cwd=job, what="test")


@pytest.mark.parametrize("fence", ["require", "off"])
async def test_an_honest_ffmpeg_works_as_ever_and_what_it_took_is_known(site: Site, job: Path, fence: str) -> None:
    with metered() as meter:
        assert await encode(site.place(fence=fence), job) == 30
    assert (job / "made.mp4").stat().st_size > 10_000
    assert 0.05 < meter.usage.cpu_s < 60
    assert meter.usage.peak_bytes > 20_000_000


async def test_what_it_said_last_comes_through_the_fence(site: Site, job: Path) -> None:
    with pytest.raises(ProcessError, match=r"nosuch\.mp4: No such file or directory") as caught:
        await site.place().ffmpeg(["ffmpeg", "-v", "error", "-i", "nosuch.mp4", "x.mp4"], cwd=job, what="test")
    assert caught.value.code == 1


async def test_a_stopped_job_leaves_no_ffmpeg_behind_the_fence(job: Path) -> None:
    child = Child(Command("job", ["sleep", "8765.432"], cwd=job, fence=Fence(LIMITS, True, job)))
    await child.start()
    await eventually(lambda: running("8765.432"), within_s=60)
    await child.stop(grace_s=5)
    await eventually(lambda: not running("8765.432"), within_s=60)


@pytest.mark.parametrize("set_up", [True, False])
async def test_a_killed_worker_leaves_no_ffmpeg_behind_the_fence(job: Path, set_up: bool) -> None:
    """Not even one whose sandbox is not put up yet: bubblewrap alone would go on."""
    script = (
        "import asyncio, pathlib\n"
        "from panocast.fence import Fence, Limits\n"
        "from panocast.process import Command, run\n"
        f"job = pathlib.Path({str(job)!r})\n"
        "fence = Fence(Limits(60, 1 << 30, 1 << 20), True, job)\n"
        "asyncio.run(run(Command('job', ['sh', '-c', 'touch ready; sleep $0', '9876.543'], cwd=job, fence=fence)))\n"
    )
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, env={**os.environ, "PYTHONPATH": os.curdir}
    )
    await eventually(lambda: [pid for pid in running("9876.543") if pid != worker.pid], within_s=60)
    if set_up:
        await eventually(lambda: (job / "ready").exists(), within_s=60)
    worker.send_signal(signal.SIGKILL)
    await worker.wait()
    await eventually(lambda: not running("9876.543"), within_s=60)


NOISE = "testsrc2=size=1280x640:rate=30:duration=600"


@pytest.mark.parametrize("sandbox", [True, False])
@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(cpu_s=1, memory_bytes=1 << 30, output_bytes=1 << 30), "more than 1 CPU seconds"),
        (Limits(cpu_s=60, memory_bytes=60 << 20, output_bytes=1 << 30), "needs more than 63 MB of memory"),
        (Limits(cpu_s=60, memory_bytes=1 << 30, output_bytes=100_000), "writes more than 0 MB"),
    ],
)
async def test_what_takes_too_much_is_stopped_for_good_in_words(
    job: Path, limits: Limits, words: str, sandbox: bool
) -> None:
    argv = ["ffmpeg", "-v", "level+error", "-nostdin", "-f", "lavfi", "-i", NOISE, "-preset", "ultrafast", "a.mp4"]
    fence = Fence(limits, sandbox, job)
    with pytest.raises(LimitError, match=words):
        await run(Command("test", argv, cwd=job, fence=fence), timeout_s=60)


async def test_a_fence_that_cannot_be_put_up_is_not_the_files_fault(job: Path) -> None:
    fence = Fence(LIMITS, True, job, reads=[job / "gone"])
    with pytest.raises(TemporaryError, match="could not be fenced in: bwrap: Can't find source path"):
        await run(Command("test", ["true"], fence=fence))


async def test_many_small_files_are_too_much_together(site: Site, job: Path) -> None:
    script = "for i in {1..300}; do head -c 1000000 /dev/zero > $i; done; sleep 100"
    limits = Limits(cpu_s=60, memory_bytes=1 << 30, output_bytes=50_000_000)
    with pytest.raises(LimitError, match="writes more than 50 MB"):
        await site.place().ffmpeg([stub(site, script)], cwd=job, what="stub", limits=limits)


def test_who_requires_a_sandbox_gets_one_or_an_error_that_says_the_mend() -> None:
    assert sandboxed("require")
    assert not sandboxed("off")


async def test_where_user_namespaces_are_forbidden_that_is_found_and_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2; exit 1\n")
    fake.chmod(0o755)
    script = "from panocast.sandbox import sandboxed\nprint(sandboxed('auto'))\nsandboxed('require')"
    child = Command(
        "start",
        [sys.executable, "-c", script],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": os.curdir},
    )
    with pytest.raises(ProcessError) as caught:
        await run(child, timeout_s=60)
    said = "\n".join(caught.value.tail)
    assert "setting up uid map: Permission denied" in said
    assert SetupError.__name__ in said
    assert "kernel.apparmor_restrict_unprivileged_userns" in said
