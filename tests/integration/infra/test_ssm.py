"""What a deployment keeps in SSM, against moto: made once, renewed per stream, followed by origins."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from pathlib import Path

import pytest

from infra.aws import ssm
from panocast.errors import PanocastError
from panocast.keys import StreamKeys
from panocast.process import Child, Command
from tests.aws import AwsServer
from tests.integration.infra.test_installation import exec_start
from tests.waiting import eventually

pytestmark = pytest.mark.slow

STREAM, OTHER = "my-event", "another"


@pytest.fixture
def deployment(aws: AwsServer) -> str:
    name = f"d{uuid.uuid4().hex[:6]}"
    ssm.ensure_parameters(aws.client("ssm"), name)
    return name


def test_secrets_are_encrypted_differ_and_stay_what_they_are(aws: AwsServer, deployment: str) -> None:
    client = aws.client("ssm")
    secret, playback = (ssm.read(client, deployment, name) for name in (ssm.SECRET, ssm.PLAYBACK))
    assert secret != playback
    ssm.renew(client, deployment, STREAM)
    ssm.ensure_parameters(client, deployment)
    assert (ssm.read(client, deployment, ssm.SECRET), ssm.read(client, deployment, ssm.KEYS)) == (
        secret,
        b'{"my-event":2}',
    )
    kinds = {
        name: client.get_parameter(Name=ssm.parameter(deployment, name))["Parameter"]["Type"]
        for name in (ssm.SECRET, ssm.PLAYBACK, ssm.KEYS)
    }
    assert kinds == {ssm.SECRET: "SecureString", ssm.PLAYBACK: "SecureString", ssm.KEYS: "String"}
    ssm.forget_parameters(client, deployment)
    ssm.forget_parameters(client, deployment)
    with pytest.raises(PanocastError, match="`panocast aws deploy` makes it"):
        ssm.read(client, deployment, ssm.SECRET)


async def test_a_running_origin_learns_that_a_key_was_renewed(aws: AwsServer, deployment: str, tmp_path: Path) -> None:
    client, file = aws.client("ssm"), tmp_path / "keys.json"
    origin = StreamKeys(ssm.read(client, deployment, ssm.SECRET), {}, file)
    following = asyncio.create_task(ssm.follow_keys(client, deployment, file, every_s=0.05))
    try:
        old, other = ssm.key(client, deployment, STREAM), ssm.key(client, deployment, OTHER)
        await eventually(file.exists)
        assert origin.matches(STREAM, old)
        ssm.renew(client, deployment, STREAM)
        new = ssm.key(client, deployment, STREAM)
        await eventually(lambda: origin.matches(STREAM, new))
        assert not origin.matches(STREAM, old)
        assert origin.matches(OTHER, other)
        # What the machine knows to be renewed never becomes valid again.
        client.put_parameter(Name=ssm.parameter(deployment, ssm.KEYS), Value="{}", Type="String", Overwrite=True)
        ssm.renew(client, deployment, OTHER)
        await eventually(lambda: not origin.matches(OTHER, other))
        assert not origin.matches(STREAM, old)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_the_unit_of_an_origin_follows_until_it_is_told_to_stop(
    aws: AwsServer, deployment: str, tmp_path: Path
) -> None:
    state, config = tmp_path / "state", tmp_path / "panocast.toml"
    state.mkdir()
    config.write_text("")
    env = {**os.environ, **aws.environment, "DEPLOYMENT": deployment}
    unit = Child(Command("keys", exec_start("keys", state, config), env=env))
    await unit.start()
    try:
        ssm.renew(aws.client("ssm"), deployment, STREAM)
        file = state / ssm.KEYS
        await eventually(lambda: file.exists() and file.read_text() == '{"my-event":2}', within_s=60)
    finally:
        await unit.stop(grace_s=30)
    assert unit.returncode == 0, unit.tail


async def test_what_cannot_be_asked_stays_as_it_was_and_is_said_once(
    aws: AwsServer, deployment: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client, file = aws.client("ssm"), tmp_path / "keys.json"
    file.write_text('{"my-event":3}')
    client.put_parameter(Name=ssm.parameter(deployment, ssm.KEYS), Value="[]", Type="String", Overwrite=True)
    with caplog.at_level(logging.WARNING, "infra.aws.ssm"):
        following = asyncio.create_task(ssm.follow_keys(client, deployment, file, every_s=0.01))
        await eventually(lambda: caplog.records)
        await asyncio.sleep(0.2)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    assert len(caplog.records) == 1
    assert "no numbers of stream keys" in caplog.text
    assert file.read_text() == '{"my-event":3}'
