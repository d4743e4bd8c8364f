"""`transcoder` as a process of its own, on this machine or on S3 and SQS, and a gate that holds its ffmpeg."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

from tests.integration.transcoder.site import Site


class Gate:
    """A stub that stands before ffmpeg: it says that it started, and starts ffmpeg once the gate is open."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.log = folder / "started"
        self.open_file = folder / "open"
        real = shutil.which("ffmpeg")
        script = f"#!/bin/sh\necho $$ >> '{self.log}'\n"
        script += f"while [ ! -e '{self.open_file}' ]; do sleep 0.05; done\nexec {real} \"$@\"\n"
        stub = folder / "ffmpeg"
        stub.write_text(script)
        stub.chmod(0o755)

    @property
    def path(self) -> str:
        """A PATH on which the stub is ffmpeg."""
        return f"{self.folder}:{os.environ['PATH']}"

    def open(self) -> None:
        """Let everybody through."""
        self.open_file.touch()

    def pids(self) -> list[int]:
        """Everybody that came so far."""
        return [int(line) for line in self.log.read_text().split()] if self.log.exists() else []


# A gate is outside of the folder that the fence lets ffmpeg write to.
QUICK: Mapping[str, Any] = {
    "preset": "superfast",
    "segment_s": 1,
    "visibility_s": 2,
    "yielding": False,
    "retry_s": 0,
    "concurrency": 1,
    "fence": "off",
}


def environment_of(site: Site, **settings: Any) -> dict[str, str]:
    """What leads a process to a site, with settings of the transcoder's section."""
    values = {f"PANOCAST_TRANSCODER__{key.upper()}": str(value) for key, value in {**QUICK, **settings}.items()}
    return {**os.environ, "AWS_EC2_METADATA_DISABLED": "true", **site.variables, **values, "COLUMNS": "200"}


def worker_argv(site: Site, *words: str) -> list[str]:
    """The command line of a worker of a site."""
    return [sys.executable, "-m", "transcoder.cli", "worker", "--state", str(site.root), *words]


@asynccontextmanager
async def worker_process(
    site: Site,
    gate: Gate | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    stderr: int | IO[str] | None = None,
    **settings: Any,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`transcoder worker` as a process of its own, behind the gate."""
    path = {"PATH": gate.path} if gate else {}
    process = await asyncio.create_subprocess_exec(
        *worker_argv(site), env={**environment_of(site, **settings), **path, **(variables or {})}, stderr=stderr
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def transcoder(site: Site, *words: str | Path, **variables: str) -> tuple[int, str, str]:
    """Run a command of a site to its end: exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "transcoder.cli", *map(str, words), "--state", str(site.root)),
        env={**environment_of(site), **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


def lines_of(stderr: str) -> list[dict[str, Any]]:
    """The lines of a log off a terminal, those that are JSON."""
    return [json.loads(line) for line in stderr.splitlines() if line.startswith("{")]
