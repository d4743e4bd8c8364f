"""A place to transcode in: stores and a queue of its own, media, and a worker that runs until nothing is left."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from panocast.layout import Session, session_id
from panocast.queue import Queue, open_queue
from panocast.recording import EndMarker
from panocast.settings import TranscoderSettings
from panocast.store import Store, open_store
from tests.aws import REGION, AwsServer
from tests.integration.transcoder.checker import CheckedAsset, check_asset, probe
from transcoder.jobs import event_body
from transcoder.worker import Worker
from transcoder.workplace import Workplace

STARTED = datetime(2026, 11, 20, 8, 46, 41, tzinfo=UTC)
# superfast: the fastest preset that makes B-frames, which the default does, too.
FAST: dict[str, Any] = {
    "preset": "superfast",
    "yielding": False,
    "retry_s": 0.0,
    "segment_s": 1.0,
    "visibility_s": 10.0,
    "disk_free_mb": 0,  # whatever room this machine has
}


@dataclass
class Site:
    """Stores and a queue; `settings` change what workers do, `variables` lead a process of its own here."""

    root: Path
    ingest: Store
    egress: Store
    queue: Queue
    settings: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def place(self, **changes: Any) -> Workplace:
        """What a worker of this site needs."""
        settings = TranscoderSettings(**{**FAST, **self.settings, **changes})
        return Workplace(
            self.ingest, self.egress, self.queue, settings, self.root / "scratch", slots=settings.concurrency or 1
        )

    @property
    def is_cloud(self) -> bool:
        """Whether this is S3 and SQS: nobody watches the ingest store there."""
        return self.ingest.url.startswith("s3:")

    async def work(self, *, within_s: float = 120, **changes: Any) -> None:
        """Run a worker until nothing is left to do."""
        async with asyncio.timeout(within_s):
            await self.worker(asyncio.Event(), until_idle=True, **changes).run()

    def worker(self, stop: asyncio.Event, *, until_idle: bool = False, **changes: Any) -> Worker:
        """A worker that looks at the queue often."""
        return Worker(self.place(**changes), stop=stop, until_idle=until_idle, wait_s=0.1)

    def record(
        self, session: Session, parts: Sequence[Path], *, announce: bool = True, closed: bool = True, **end: Any
    ) -> list[str]:
        """Put a recording into the ingest store (and its messages into the queue); gives its keys."""
        keys = []
        for number, part in enumerate(parts, 1):
            self.ingest.put_file(session.part_key(number), part)
            keys.append(session.part_key(number))
        if closed:
            marker = EndMarker(
                name=session.name,
                session=session.id,
                parts=len(parts),
                duration_s=end.pop("duration_s", None) or sum(duration_of(part) for part in parts),
                started=session.started,
                origin=session.role,  # type: ignore[arg-type]
                **end,
            )
            self.ingest.put_bytes(session.end_key, marker.model_dump_json().encode())
            keys.append(session.end_key)
        if announce:
            self.announce(*keys)
        return keys

    def upload(self, name: str, content: bytes | Path) -> str:
        """Put a file under uploads/ and announce it; gives its key."""
        key = f"uploads/{name}"
        if isinstance(content, Path):
            self.ingest.put_file(key, content)
        else:
            self.ingest.put_bytes(key, content)
        self.announce(key)
        return key

    def announce(self, *keys: str) -> None:
        """Send a message for each object."""
        for key in keys:
            self.queue.send(event_body(key))

    def announce_parts(self) -> None:
        """What S3's events or the watcher do for what the cutting of an upload put there."""
        self.announce(*(stat.key for stat in self.ingest.list("recordings/")))

    def keys(self, prefix: str) -> list[str]:
        """The egress store's keys."""
        return [stat.key for stat in self.egress.list(prefix)]

    def masters(self) -> list[str]:
        """The published assets' masters."""
        return [key for key in self.keys("vod/") if key.endswith("/master.m3u8")]

    def failed(self, key: str) -> dict[str, Any]:
        """What is written down about an object that failed."""
        return dict(json.loads(self.egress.get_bytes(f"failed/{key}.json")[0]))

    def catalog(self) -> list[dict[str, Any]]:
        """What the library lists."""
        return list(json.loads(self.egress.get_bytes("vod/catalog.json")[0])["vod"])

    def check(self, session: Session) -> CheckedAsset:
        """Check the published asset of a session, and that nothing else is left."""
        assert self.keys("work/") == []
        return self.check_published(session)

    def check_published(self, session: Session, *, holes: bool = False) -> CheckedAsset:
        """Check the published asset of a session, whatever else is going on; `holes` as for `check_asset`."""
        folder, scratch = self.root / "asset" / session.path, self.root / "checked" / session.path
        scratch.mkdir(parents=True)
        for key in self.keys(session.vod_prefix):
            path = folder / key.removeprefix(session.vod_prefix)
            path.parent.mkdir(parents=True, exist_ok=True)
            self.egress.get_file(key, path)
        return check_asset(folder, scratch, holes=holes)


def directory_site(root: Path, **settings: Any) -> Site:
    """A site on this machine, as a state directory holds it."""
    return Site(
        root,
        open_store((root / "ingest").as_uri()),
        open_store((root / "egress").as_uri()),
        open_queue(f"sqlite://{root}/queue.db"),
        settings,
    )


def cloud_site(root: Path, aws: AwsServer, *, tells: bool = False, **settings: Any) -> Site:
    """A site in S3 and SQS; where `tells`, S3 sends an event to the queue for each object. Boto3's environment has to
    name the server."""
    bucket, url = aws.bucket(), aws.queue()
    if tells:
        arn = f"arn:aws:sqs:{REGION}:123456789012:{url.rpartition('/')[2]}"
        aws.client("s3").put_bucket_notification_configuration(
            Bucket=bucket,
            NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
        )
    ingest, egress = f"s3://{bucket}", f"s3://{aws.bucket()}"
    variables = {"PANOCAST_INGEST": ingest, "PANOCAST_EGRESS": egress, "PANOCAST_QUEUE": url, **aws.environment}
    return Site(root, open_store(ingest), open_store(egress), open_queue(url), settings, variables)


def session_at(second: int = 0, *, role: str = "primary", name: str = "cam") -> Session:
    """A session that began `second` seconds after the usual start."""
    return Session(name, session_id(datetime.fromtimestamp(STARTED.timestamp() + second, UTC), role))


def duration_of(path: Path) -> float:
    """A file's pictures in seconds."""
    return float(probe(path, "-select_streams", "v", "-show_entries", "stream=duration")["streams"][0]["duration"])


def frames_of(path: Path) -> list[float]:
    """The presentation times of a file's frames, in order."""
    found = probe(path, "-select_streams", "v", "-show_entries", "packet=pts_time")["packets"]
    return sorted(float(packet["pts_time"]) for packet in found)


def ffmpeg(*argv: str | Path, cwd: Path | None = None) -> None:
    """Run ffmpeg; an error when it fails."""
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, argv)], check=True, cwd=cwd)


def make_video(path: Path, seconds: float, *, size: str = "640x320", rate: str = "30", sound: bool = True) -> Path:
    """A moving picture with B-frames and a keyframe each second, and a tone where `sound`."""
    inputs: list[str | Path] = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]
    if sound:
        inputs += ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={seconds}", "-c:a", "aac"]
    video = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-pix_fmt", "yuv420p"]
    ffmpeg(*inputs, *video, "-force_key_frames", "expr:gte(t,n_forced)", "-sc_threshold", "0", path)
    return path


def cut(path: Path, folder: Path, part_s: float) -> list[Path]:
    """Parts as a recording has them: cut at keyframes, each in its place on one clock."""
    (folder / "cut").mkdir(parents=True)
    where = ("-segment_time", str(part_s), "-reset_timestamps", "0", "-avoid_negative_ts", "disabled")
    ffmpeg("-i", path, "-c", "copy", "-f", "segment", "-segment_format", "mp4", *where, "cut/%04d.mp4", cwd=folder)
    return sorted((folder / "cut").iterdir())
