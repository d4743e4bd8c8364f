"""What nginx-rtmp says is going on: its /stat page, read into values.

The page is the authority on who publishes; nothing here trusts what a client called itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from panocast.errors import TemporaryError
from panocast.ladder import Size

# What XML 1.0 forbids, and a client may have put into the fields it names itself.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class VideoMeta:
    """A video track as nginx-rtmp parsed it from the codec's own header; `codec` is its spelling (H264)."""

    codec: str
    size: Size
    profile: str
    compat: int
    level: int


@dataclass(frozen=True, slots=True)
class AudioMeta:
    """An audio track as nginx-rtmp sees it; `codec` is its spelling (AAC, MP3)."""

    codec: str
    channels: int
    sample_rate: int


@dataclass(frozen=True, slots=True)
class Published:
    """One stream that somebody publishes: `client` is nginx's number for the connection, `age_s` its age."""

    app: str
    name: str
    client: int
    age_s: float
    bytes_in: int
    video: VideoMeta | None
    audio: AudioMeta | None


@dataclass(frozen=True, slots=True)
class Stat:
    """Everything that is published, and the worker process that says so."""

    pid: int
    published: tuple[Published, ...]

    def of(self, app: str) -> dict[str, Published]:
        """What an application carries, by name."""
        return {stream.name: stream for stream in self.published if stream.app == app}


def parse_stat(page: bytes) -> Stat:
    """Read a /stat page. Raises TemporaryError when it makes no sense."""
    try:
        root = ElementTree.fromstring(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", page.decode("utf-8", "replace")))
        return Stat(int(_text(root, "pid")), tuple(_published(root)))
    except (ElementTree.ParseError, ValueError) as error:
        raise TemporaryError(f"nginx's /stat makes no sense: {error}") from error


def _published(root: ElementTree.Element) -> Iterator[Published]:
    for application in root.iter("application"):
        for stream in application.iter("stream"):
            client = next((c for c in stream.findall("client") if c.find("publishing") is not None), None)
            if client is None:
                continue
            yield Published(
                app=_text(application, "name"),
                name=_text(stream, "name"),
                client=int(_text(client, "id")),
                age_s=int(_text(client, "time", "0")) / 1000,
                bytes_in=int(_text(stream, "bytes_in", "0")),
                video=_video(stream.find("meta/video")),
                audio=_audio(stream.find("meta/audio")),
            )


def _video(meta: ElementTree.Element | None) -> VideoMeta | None:
    """The video track, or None as long as no frame told what it is."""
    codec = _text(meta, "codec") if meta is not None else ""
    if meta is None or not codec:
        return None
    return VideoMeta(
        codec=codec,
        size=Size(int(_text(meta, "width", "0")), int(_text(meta, "height", "0"))),
        profile=_text(meta, "profile"),
        compat=int(_text(meta, "compat", "0")),
        level=round(float(_text(meta, "level", "0")) * 10),
    )


def _audio(meta: ElementTree.Element | None) -> AudioMeta | None:
    codec = _text(meta, "codec") if meta is not None else ""
    if meta is None or not codec:
        return None
    return AudioMeta(codec, int(_text(meta, "channels", "0")), int(_text(meta, "sample_rate", "0")))


def _text(element: ElementTree.Element, path: str, default: str = "") -> str:
    return element.findtext(path) or default
