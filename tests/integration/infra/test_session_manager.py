"""AWS's package for Session Manager: fetched once from a server of ours, kept in moto's bucket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from infra.aws.session_manager import NAME, agent_package, source_url
from panocast.errors import PanocastError, TemporaryError
from tests.aws import AwsServer
from tests.serving import serving

pytestmark = pytest.mark.slow

PACKAGE = b"!<arch>\n" + bytes(range(256)) * 8
KEY = f"session-manager/arm64/{NAME}"


@dataclass
class Offer:
    """What the server gives: `data`, broken off in the middle where it is `broken`."""

    data: bytes = PACKAGE
    status: int = 200
    broken: bool = False
    asked: int = 0
    url: str = field(default="")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if not self.broken:
            return web.Response(body=self.data, status=self.status)
        response = web.StreamResponse(headers={"Content-Length": str(len(self.data))})
        await response.prepare(request)
        await response.write(self.data[: len(self.data) // 2])
        assert request.transport is not None
        request.transport.close()
        return response


@pytest.fixture
async def offer() -> AsyncIterator[Offer]:
    offered, app = Offer(), web.Application()
    app.router.add_get(f"/{NAME}", offered.answer)
    async with serving(app) as base:
        offered.url = f"{base}/{NAME}"
        yield offered


async def test_it_is_fetched_once_and_the_same_ever_after(aws: AwsServer, offer: Offer) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    first = await agent_package(s3, bucket, "arm64", offer.url)
    assert (first.data, first.fetched) == (PACKAGE, offer.url)
    offer.data = PACKAGE + b"a newer one"
    again = await agent_package(s3, bucket, "arm64", offer.url)
    assert (again.data, again.fetched, offer.asked) == (PACKAGE, None, 1)
    assert again.members()["amazon-ssm-agent.sha256"] == f"{first.sha256}  {NAME}\n".encode()


async def test_one_that_was_changed_where_it_is_kept_is_not_used(aws: AwsServer, offer: Offer) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    await agent_package(s3, bucket, "arm64", offer.url)
    metadata = s3.head_object(Bucket=bucket, Key=KEY)["Metadata"]
    s3.put_object(Bucket=bucket, Key=KEY, Body=PACKAGE + b"and more", Metadata=metadata)
    with pytest.raises(PanocastError, match=r"is not what was put there .* delete it, and deploy again"):
        await agent_package(s3, bucket, "arm64", offer.url)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"broken": True}, "cannot be fetched"),
        ({"status": 503}, "503"),
        ({"data": b"<html>sign in</html>"}, "no Debian package"),
    ],
)
async def test_what_did_not_come_whole_is_not_kept(
    wrong: dict[str, object], told: str, aws: AwsServer, offer: Offer
) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    for name, value in wrong.items():
        setattr(offer, name, value)
    with pytest.raises(TemporaryError, match=told) as failed:
        await agent_package(s3, bucket, "arm64", offer.url)
    assert "--without-session-manager" in str(failed.value)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


async def test_without_a_network_it_says_how_to_go_on_without(aws: AwsServer) -> None:
    with pytest.raises(TemporaryError, match="--without-session-manager"):
        await agent_package(aws.client("s3"), aws.bucket(), "arm64", "http://127.0.0.1:1/agent.deb")


def test_it_comes_from_the_regions_own_bucket_by_https() -> None:
    assert source_url("eu-central-1", "amd64").startswith(
        "https://s3.eu-central-1.amazonaws.com/amazon-ssm-eu-central-1/"
    )
