"""The playlists of a live stream as a function of what is known of it; the origin and every edge write the same ones.

RFC 8216, with EXT-X-GAP of draft-pantos-hls-rfc8216bis (section 4.4.4.7) for segments that one rung does not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction

from panocast.feed import FeedRung, FeedSegment, RungFile, rung_folder
from panocast.hls import Variant, multivariant_playlist
from panocast.ladder import Size

# A start that most connections carry and that looks like something on a sphere.
START_WIDTH = 1920


Row = tuple[FeedSegment, RungFile | None, str]
"""A segment in one rung's playlist: its file there, None for a gap, and its `shared_lines`."""


def shared_lines(segment: FeedSegment) -> str:
    """What the playlists of all rungs say of a segment, from its date to its URI; made once, for windows are long."""
    date = datetime.fromtimestamp(segment.date_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"#EXT-X-PROGRAM-DATE-TIME:{date}\n#EXTINF:{segment.duration_ms / 1000:.3f},\n{segment.name}"


def rows_of(segments: Sequence[FeedSegment], width: int) -> list[Row]:
    """The rows of one rung."""
    return [(segment, segment.rungs.get(width), shared_lines(segment)) for segment in segments]


def media_playlist(rows: Sequence[Row], *, target_duration_s: int, ended: bool = False) -> str | None:
    """The media playlist of one rung, or None before it has a segment.

    `rows` are consecutive in number. What the rung lacks between its oldest and its newest is a gap; what comes after
    is left out, for it is still being made. URIs are relative to the rung's folder.
    """
    there = [index for index, (_, file, _) in enumerate(rows) if file]
    if not there:
        return None
    shown = rows[there[0] : there[-1] + 1]
    first = shown[0][0]
    # EXT-X-DISCONTINUITY-SEQUENCE counts the seams before the playlist's first line; one that still stands in the
    # playlist is not among them.
    gone = first.discontinuity_sequence - first.discontinuity
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:8",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f"#EXT-X-TARGETDURATION:{target_duration_s}",
        f"#EXT-X-MEDIA-SEQUENCE:{first.number}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{gone}",
    ]
    init = ""
    for segment, file, shared in shown:
        if segment.discontinuity:
            lines.append("#EXT-X-DISCONTINUITY")
        if file is None:
            lines.append("#EXT-X-GAP")
        elif file.init != init:
            init = file.init
            lines.append(f'#EXT-X-MAP:URI="{init}"')
        lines.append(shared)
    if ended:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join([*lines, ""])


def live_multivariant(name: str, rungs: Sequence[FeedRung]) -> str:
    """The multivariant playlist of these rungs: the one to start with first, then the others, largest first."""
    start = start_width([rung.width for rung in rungs])
    ordered = sorted(rungs, key=lambda rung: (rung.width != start, -rung.width))
    return multivariant_playlist([_variant(name, rung) for rung in ordered])


def start_width(widths: Sequence[int]) -> int:
    """The largest rung that is no wider than 1920, or the smallest there is."""
    return max((width for width in widths if width <= START_WIDTH), default=min(widths))


def _variant(name: str, rung: FeedRung) -> Variant:
    return Variant(
        uri=f"{rung_folder(name, rung.width)}/index.m3u8",
        bandwidth_bps=rung.bandwidth_bps,
        size=Size(rung.width, rung.height),
        codecs=rung.codecs,
        frame_rate=Fraction(rung.frame_rate),
        average_bandwidth_bps=rung.average_bandwidth_bps,
    )
