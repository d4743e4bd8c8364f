import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from panocast.spot import Notice, NoticeKind, instance_id, notices
from tests.imds import Metadata, metadata_server
from tests.waiting import eventually

LOOKS = "spot/instance-action"


@pytest.fixture
async def metadata() -> AsyncIterator[Metadata]:
    async with metadata_server() as metadata:
        yield metadata


async def collect(metadata: Metadata, found: list[Notice]) -> None:
    async for notice in notices(True, every_s=0.02, again_s=0.02, environment=metadata.environment):
        found.append(notice)


async def test_an_interruption_is_told_once_and_ends_it(metadata: Metadata) -> None:
    found: list[Notice] = []
    asking = asyncio.create_task(collect(metadata, found))
    await eventually(lambda: metadata.asked.get(LOOKS, 0) > 2, every_s=0.01)
    assert found == []
    metadata.interrupt(time="2026-11-20T09:00:00Z")
    async with asyncio.timeout(60):
        await asking
    assert found == [Notice(NoticeKind.INTERRUPTION, "2026-11-20T09:00:00Z")]


async def test_a_recommendation_may_come_first(metadata: Metadata) -> None:
    found: list[Notice] = []
    asking = asyncio.create_task(collect(metadata, found))
    metadata.recommend_leaving()
    await eventually(lambda: found, every_s=0.01)
    metadata.interrupt()
    async with asyncio.timeout(60):
        await asking
    assert [notice.kind for notice in found] == [NoticeKind.REBALANCE, NoticeKind.INTERRUPTION]


async def test_a_token_that_has_expired_is_renewed(metadata: Metadata) -> None:
    found: list[Notice] = []
    asking = asyncio.create_task(collect(metadata, found))
    await eventually(lambda: metadata.asked.get(LOOKS, 0) > 1, every_s=0.01)
    metadata.token = "another"
    metadata.interrupt()
    async with asyncio.timeout(60):
        await asking
    assert len(found) == 1


async def test_a_notice_that_is_no_json_is_a_notice(metadata: Metadata) -> None:
    metadata.says[LOOKS] = "terminate!"
    found: list[Notice] = []
    async with asyncio.timeout(60):
        await collect(metadata, found)
    assert found == [Notice(NoticeKind.INTERRUPTION, "")]


@pytest.mark.parametrize(
    ("on_ec2", "variables"),
    [
        (False, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9"}),
        (True, {"AWS_EC2_METADATA_DISABLED": "true"}),
    ],
)
async def test_where_there_is_no_metadata_it_ends_at_once(on_ec2: bool, variables: dict[str, str]) -> None:
    begun = time.monotonic()
    assert [notice async for notice in notices(on_ec2, environment=variables)] == []
    assert await instance_id(variables) is None
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("page", ["Please sign in", "<html>\nPlease sign in\n</html>"])
async def test_a_network_that_asks_for_a_login_is_no_metadata(page: str, metadata: Metadata) -> None:
    """It answers whatever is asked with its own page."""
    metadata.says = {path: page for path in ("instance-id", "spot/instance-action")}
    for metadata.token in ("a-token", page):
        assert [notice async for notice in notices(False, environment=metadata.environment)] == []
        assert await instance_id(metadata.environment) is None


async def test_a_machine_of_ec2_whose_metadata_is_silent_when_it_starts_hears_of_its_end(
    metadata: Metadata, caplog: pytest.LogCaptureFixture
) -> None:
    metadata.interrupt()
    metadata.silent_for = 20
    found: list[Notice] = []
    async with asyncio.timeout(60):
        await collect(metadata, found)
    assert [notice.kind for notice in found] == [NoticeKind.INTERRUPTION]
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


async def test_it_knows_the_instance(metadata: Metadata) -> None:
    found = await eventually(lambda: instance_id(metadata.environment))  # who is busy is not waited for
    assert found == "i-0123456789abcdef0"
