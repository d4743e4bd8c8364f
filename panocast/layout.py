"""Every name in a store, and the names that people choose: written once, here.

ingest   recordings/NAME/SESSION/0001.mp4 · recordings/NAME/SESSION/sound.mka · recordings/NAME/SESSION/end.json ·
         uploads/…
egress   vod/NAME/SESSION/master.m3u8 … · vod/catalog.json · failed/KEY.json · work/NAME/SESSION/… ·
         done/NAME/SESSION.json
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from panocast.errors import UsageError

STREAM_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
SESSION_ID = re.compile(r"(\d{8}T\d{6})(\d{6})?Z-(primary|backup|upload)")

RECORDINGS = "recordings/"
UPLOADS = "uploads/"
VOD = "vod/"
WORK = "work/"
FAILED = "failed/"
DONE = "done/"
CATALOG = "vod/catalog.json"

_LONGEST_FAILED_NAME = 250
_PART = re.compile(r"recordings/(?P<name>[^/]+)/(?P<session>[^/]+)/(?P<number>\d{4,6})\.mp4")
_END = re.compile(r"recordings/(?P<name>[^/]+)/(?P<session>[^/]+)/end\.json")


def inner(pattern: re.Pattern[str]) -> str:
    """A pattern to stand inside another one: its text, without groups that capture."""
    return re.sub(r"\(\?P<\w+>|\((?!\?)", "(?:", pattern.pattern)


def is_stream_name(name: str) -> bool:
    """Whether `name` may name a stream: lower-case letters, digits and hyphens, at most 64, no hyphen first."""
    return STREAM_NAME.fullmatch(name) is not None


def check_stream_name(name: str) -> str:
    """Return `name` unchanged; raise UsageError, in words, when it is not a legal stream name."""
    if not is_stream_name(name):
        raise UsageError(f"{name[:80]!r} is not a stream name: use 1 to 64 of a-z, 0-9 and '-', not starting with '-'")
    return name


def safe_name(file_name: str) -> str:
    """Map any file name one-to-one to a legal stream name.

    A name whose stem is legal as it stands keeps it; every other one is spelled with what is legal of it and
    six hexadecimal digits of its digest, so that no two file names share a result in practice.
    """
    path = PurePosixPath(file_name)
    if is_stream_name(path.stem) and path.suffix == ".mp4":
        return path.stem
    ascii_stem = unicodedata.normalize("NFKD", path.stem).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_stem.lower()).strip("-")[:50].rstrip("-") or "upload"
    digest = hashlib.sha256(file_name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{slug}-{digest}"


@dataclass(frozen=True, slots=True, order=True)
class Session:
    """One publish, from start to stop, or one uploaded file; `name` is the stream's, `id` like
    20261120T084641Z-primary."""

    name: str
    id: str

    @property
    def started(self) -> datetime:
        """When it began (UTC), as its id says."""
        match = SESSION_ID.fullmatch(self.id)
        if match is None:
            raise UsageError(f"{self.id!r} is not a session id such as 20261120T084641Z-primary")
        return datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)

    @property
    def role(self) -> str:
        """Who recorded it: primary, backup or upload."""
        return self.id.rpartition("-")[2]

    @property
    def path(self) -> str:
        """NAME/SESSION, the id of its asset and its folder under every prefix."""
        return f"{self.name}/{self.id}"

    def part_key(self, number: int) -> str:
        """The ingest key of part `number`, counted from 1."""
        return f"{RECORDINGS}{self.path}/{number:04d}.mp4"

    @property
    def sound_key(self) -> str:
        """The ingest key of an upload's sound, which is never cut."""
        return f"{RECORDINGS}{self.path}/sound.mka"

    @property
    def end_key(self) -> str:
        """The ingest key of the marker that closes the session."""
        return f"{RECORDINGS}{self.path}/end.json"

    @property
    def work_prefix(self) -> str:
        """The egress prefix of what is not published yet."""
        return f"{WORK}{self.path}/"

    @property
    def done_key(self) -> str:
        """The egress key whose existence means: nothing is left to do for this session; it names the asset."""
        return f"{DONE}{self.path}.json"

    @property
    def vod_prefix(self) -> str:
        """The egress prefix of the published asset."""
        return f"{VOD}{self.path}/"

    @property
    def master_key(self) -> str:
        """The egress key whose existence means: this asset is published."""
        return f"{self.vod_prefix}master.m3u8"

    @property
    def asset_key(self) -> str:
        """The egress key of the asset's description."""
        return f"{self.vod_prefix}asset.json"


def session_id(started: datetime, role: str) -> str:
    """The id of a session that began at `started` (any time zone) on `role`: primary or backup."""
    return f"{started.astimezone(UTC):%Y%m%dT%H%M%SZ}-{role}"


def upload_session(key: str, etag: str, modified: datetime) -> Session:
    """The session of one uploaded object: the same object always gives the same one, another never does.

    The second is the object's own; the six digits after it come from its key and content.
    """
    salt = int(hashlib.sha256(f"{key}\n{etag}".encode("utf-8", "surrogatepass")).hexdigest(), 16) % 1_000_000
    stamp = f"{modified.astimezone(UTC):%Y%m%dT%H%M%S}{salt:06d}Z"
    return Session(safe_name(PurePosixPath(key).name), f"{stamp}-upload")


@dataclass(frozen=True, slots=True)
class PartKey:
    """A part of a recording in the ingest store."""

    session: Session
    number: int


@dataclass(frozen=True, slots=True)
class EndKey:
    """The marker that closes a session in the ingest store."""

    session: Session


@dataclass(frozen=True, slots=True)
class UploadKey:
    """A file somebody put under uploads/."""

    key: str


IngestKey = PartKey | EndKey | UploadKey


def parse_ingest_key(key: str) -> IngestKey | None:
    """What an ingest key is, or None for one that means nothing to us (a folder, a hidden or foreign file)."""
    if key.startswith(UPLOADS) and not key.endswith("/"):
        hidden = any(part.startswith(".") for part in key.removeprefix(UPLOADS).split("/"))
        return None if hidden else UploadKey(key)
    if match := _PART.fullmatch(key):
        session = _session(match)
        return PartKey(session, int(match["number"])) if session else None
    if match := _END.fullmatch(key):
        session = _session(match)
        return EndKey(session) if session else None
    return None


def _session(match: re.Match[str]) -> Session | None:
    legal = is_stream_name(match["name"]) and SESSION_ID.fullmatch(match["session"])
    return Session(match["name"], match["session"]) if legal else None


def failed_key(key: str) -> str:
    """The egress key that says, in words, why the object `key` of the ingest store could not be transcoded."""
    folder, slash, name = key.rpartition("/")
    raw = os.fsencode(name)
    if len(raw) > _LONGEST_FAILED_NAME:  # a file's name may take all of the 255 bytes that .json needs five of
        name = raw[:200].decode("utf-8", "ignore") + "-" + hashlib.sha256(raw).hexdigest()[:12]
    return f"{FAILED}{folder}{slash}{name}.json"
