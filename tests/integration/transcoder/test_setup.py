"""What the settings name is not there, or does not let us in: one clear line, and no recording is blamed for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from panocast.errors import SetupError
from tests.aws import AwsServer
from tests.faults import Fault, faulty
from tests.integration.transcoder.processes import Gate, lines_of, transcoder, worker_process
from tests.integration.transcoder.site import Site, session_at
from tests.waiting import eventually

pytestmark = pytest.mark.slow
SESSION = session_at()


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("PANOCAST_INGEST", "s3://no-such-bucket", "there is no bucket no-such-bucket"),
        ("PANOCAST_EGRESS", "s3://no-such-bucket", "there is no bucket no-such-bucket"),
        ("PANOCAST_QUEUE", "{server}/123456789012/no-such-queue", "there is no such queue"),
    ],
)
async def test_a_bucket_or_queue_that_is_not_there_ends_the_worker_in_one_line(
    cloud: Site, aws: AwsServer, variable: str, value: str, words: str
) -> None:
    code, _, err = await transcoder(cloud, "worker", **{variable: value.format(server=aws.url)})
    assert code == 2
    last = err.strip().splitlines()[-1]
    assert last.startswith("panocast: ")
    assert words in last
    assert "Traceback" not in err


async def test_a_queue_that_is_taken_away_ends_the_worker(cloud: Site, aws: AwsServer, small: Path, gate: Gate) -> None:
    cloud.record(SESSION, [small], closed=False)
    async with worker_process(cloud, gate, concurrency=2, stderr=asyncio.subprocess.PIPE) as process:
        await eventually(gate.pids, within_s=60)
        aws.client("sqs").delete_queue(QueueUrl=cloud.queue.url)
        async with asyncio.timeout(60):
            _, err = await process.communicate()
    assert process.returncode == 2
    assert "there is no such queue" in err.decode().splitlines()[-1]


async def test_a_bucket_that_is_taken_away_gives_the_job_back(cloud: Site, aws: AwsServer, small: Path) -> None:
    """The part is not "deleted before its turn": everything is."""
    cloud.record(SESSION, [small], closed=False)
    cloud.ingest.stat("anything")  # the bucket was there
    empty(aws, cloud.ingest.url.removeprefix("s3://"))
    with pytest.raises(SetupError, match="there is no bucket"):
        await cloud.work()
    assert cloud.queue.depth().waiting == 1
    assert cloud.queue.dead() == []


def empty(aws: AwsServer, bucket: str) -> None:
    """Remove a bucket and all that is in it."""
    s3 = aws.client("s3")
    for found in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        s3.delete_object(Bucket=bucket, Key=found["Key"])
    s3.delete_bucket(Bucket=bucket)


async def test_credentials_that_expire_mid_job_lose_nothing(
    cloud: Site, aws: AwsServer, small: Path, gate: Gate, tmp_path: Path
) -> None:
    """The message is kept, the log says why in words, and with fresh credentials the work goes on."""
    cloud.record(SESSION, [small])
    log = tmp_path / "log"
    async with faulty(aws.url) as proxy:
        elsewhere = {"AWS_ENDPOINT_URL": proxy.url}
        with log.open("w") as said:
            async with worker_process(cloud, gate, elsewhere, tries=2, stderr=said) as process:
                await eventually(gate.pids, within_s=60)
                proxy.plan = lambda _: Fault.DENIED
                gate.open()
                await eventually(lambda: log.read_text().count("credentials have expired") >= 4, within_s=60)
                assert process.returncode is None
                proxy.plan = lambda _: Fault.NONE
                await eventually(cloud.masters, within_s=120)
                process.terminate()
                assert await process.wait() == 0
    assert cloud.queue.dead() == []
    assert cloud.keys("failed/") == []
    assert "test" not in [line.get("AWS_SECRET_ACCESS_KEY") for line in lines_of(log.read_text())]


async def test_without_credentials_it_waits_for_them_and_says_so(cloud: Site, tmp_path: Path) -> None:
    log = tmp_path / "log"
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""}
    with log.open("w") as said:
        async with worker_process(cloud, variables=nobody, stderr=said) as process:
            await eventually(lambda: "there are no credentials for AWS" in log.read_text(), within_s=60)
            process.terminate()
            assert await process.wait() == 0
    code, _, err = await transcoder(cloud, "jobs", **nobody)
    assert code == 75
    assert "no credentials" in err
