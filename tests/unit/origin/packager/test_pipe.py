"""Pipes to and from a child: nobody waits, nothing is lost, nothing stays open."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from origin.packager.boxes import MalformedError
from origin.packager.pipe import Pipe, Supply


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Supply, Pipe, bytearray]]:
    """What goes into a supply comes out of a pipe, as by a child that copies."""
    came = bytearray()
    supply, pipe = Supply(), Pipe(came.extend)
    child = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        f"exec cat /dev/fd/{supply.read_fd} >/dev/fd/{pipe.write_fd}",
        pass_fds=(supply.read_fd, pipe.write_fd),
    )
    supply.begin()
    pipe.begin()
    yield supply, pipe, came
    supply.close()
    pipe.close()
    if child.returncode is None:
        child.kill()
    await child.wait()


async def test_more_than_fits_waits_and_arrives_in_order(ends: tuple[Supply, Pipe, bytearray]) -> None:
    supply, pipe, came = ends
    sent = [bytes([n]) * 700_000 for n in range(8)]
    for data in sent:
        supply.write(data)
    supply.end()
    async with asyncio.timeout(60):
        await pipe.ended()
    assert bytes(came) == b"".join(sent)


async def test_a_child_that_has_ended_takes_nothing_and_hurts_nobody() -> None:
    supply = Supply()
    supply.begin()  # nobody else has the other end
    supply.write(b"lost")
    supply.write(b"lost, too")
    supply.end()


async def test_what_makes_no_sense_closes_the_pipe() -> None:
    def refuse(data: bytes) -> None:
        raise MalformedError("none")

    pipe = Pipe(refuse)
    fd = os.dup(pipe.write_fd)
    pipe.begin()
    os.write(fd, b"x")
    async with asyncio.timeout(60):
        await pipe.ended()
    assert isinstance(pipe.error, MalformedError)
    with pytest.raises(BrokenPipeError):
        os.write(fd, b"x")
    os.close(fd)
