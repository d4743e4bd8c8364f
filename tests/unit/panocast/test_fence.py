"""The argv that fences a program in, and what a limit that ended it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from panocast.codecs import AUDIO, RTMP_AUDIO, VIDEO, whitelist
from panocast.fence import Fence, Limits, copying

LIMITS = Limits(cpu_s=100, memory_bytes=2_000_000_000, output_bytes=50_000_000)
JOB = Path("/state/scratch/job")


def pairs(words: list[str]) -> set[tuple[str, str, str]]:
    return set(zip(words, words[1:], words[2:], strict=False))


def test_limits_are_hard_from_the_start() -> None:
    words = LIMITS.argv("prlimit")
    assert {"--cpu=100:100", "--data=2000000000:2000000000", "--fsize=50000000:50000000", "--core=0:0"} <= set(words)


def test_only_the_jobs_folder_can_be_written() -> None:
    words = Fence(LIMITS, True, JOB, [Path("/in/a.flv")]).sandbox_argv("bwrap", Path("/usr/bin/ffmpeg"))
    found = pairs(words)
    assert [triple for triple in found if triple[0] in ("--bind", "--bind-try")] == [("--bind", str(JOB), str(JOB))]
    assert ("--ro-bind", "/in/a.flv", "/in/a.flv") in found
    assert words[words.index("--chdir") + 1] == str(JOB)
    assert {"--unshare-all", "--die-with-parent"} <= set(words)
    assert "--share-net" not in words
    # The last mount closes the root itself, and with it every folder that was made to mount something in.
    assert words[-3:] == ["--remount-ro", "/", "--"]


def test_what_only_looks_can_write_nowhere() -> None:
    words = Fence(LIMITS, True, reads=[Path("/in/a")]).sandbox_argv("bwrap", Path("/usr/bin/ffprobe"))
    assert not {"--bind", "--tmpfs"} & set(words)
    assert words[words.index("--chdir") + 1] == "/"


def test_a_program_from_elsewhere_comes_with_its_libraries_and_nothing_else() -> None:
    words = Fence(LIMITS, True).sandbox_argv("bwrap", Path("/opt/ffmpeg/bin/ffmpeg"))
    shared = {second for first, second, _ in pairs(words) if first.startswith("--ro-bind")}
    assert {path for path in shared if path.startswith("/opt")} == {"/opt/ffmpeg/bin/ffmpeg", "/opt/ffmpeg/lib"}


@pytest.mark.parametrize(
    ("code", "cpu_s", "line", "words"),
    [
        (-9, 100.1, "", "more than 100 CPU seconds"),
        (137, 99.5, "", "more than 100 CPU seconds"),
        (137, 3.0, "", None),
        (-25, 1.0, "", "writes more than 50 MB"),
        (1, 1.0, "[error] av_interleaved_write_frame(): File too large", "writes more than 50 MB"),
        (1, 1.0, "x264 [error]: malloc of size 39530816 failed", "needs more than 2000 MB of memory"),
        (1, 1.0, "x.mp4: Cannot allocate memory", "needs more than 2000 MB of memory"),
        (1, 1.0, "[mov] Number of streams exceeds max_streams parameter (64)", "more tracks"),
        (1, 1.0, "Invalid data found when processing input", None),
    ],
)
def test_the_limit_that_ended_a_program_is_named(code: int, cpu_s: float, line: str, words: str | None) -> None:
    said = LIMITS.exceeded(code, cpu_s, [line])
    assert (words in said) if words and said else said == words


def test_limits_for_copying_grow_with_the_file() -> None:
    small, large = copying(1_000_000), copying(50_000_000_000)
    assert small.output_bytes > 2_000_000
    assert large.cpu_s > 5_000
    assert large.output_bytes > 100_000_000_000
    assert large.memory_bytes > small.memory_bytes


def test_only_codecs_that_panocast_takes_are_decoded() -> None:
    names = whitelist(VIDEO, AUDIO).split(",")
    assert {"h264", "hevc", "prores", "aac", "mp3float", "opus"} <= set(names)
    assert not {"exr", "tiff", "flv", "speex", "gif"} & set(names)
    assert "speex" in whitelist(RTMP_AUDIO).split(",")
