"""The two ffmpeg of a live stream: one passes the source through, the other encodes the rungs below it.

The first reads the stream from nginx-rtmp, the second what the first has read. Each writes fragmented MP4 into pipes, a
pipe for a track. They are apart so that whatever happens to the encoding one, the source goes on.
"""

from __future__ import annotations

from collections.abc import Sequence

from origin.ladder import encoding, live_input
from panocast.ffmpeg import Input, Options, Output, command
from panocast.ladder import LIVE_AUDIO_BPS, Rung

COPIED_AUDIO = "AAC"

# What arrives first is a keyframe (wait_key); sound that begins later than this begins with another ffmpeg.
_ANALYZE_S = 1.0
_FRAGMENTED: Options = {
    "f": "mp4",
    # empty_moov: the header at once. frag_every_frame: each frame at once. default_base_moof: offsets count from their
    # own fragment. frag_discont: times are the source's, not counted from the first frame. skip_trailer: a pipe needs
    # no index of its fragments.
    "movflags": "+empty_moov+frag_every_frame+default_base_moof+frag_discont+skip_trailer",
    # Times as they are: no edit lists, no shift to zero.
    "use_editlist": 0,
    "avoid_negative_ts": "disabled",
    "flush_packets": 1,
    # Nothing about ffmpeg's version in the headers: two origins write the same ones.
    "fflags": "+bitexact",
}
_SUPPLIED: Options = {
    "f": "flv",
    # The source's own timestamps: all rungs agree, and one that starts again goes on where it was.
    "copyts": None,
    # The first tag tells all there is to know (µs; 0 would mean the default); nothing here depends on a frame rate.
    "analyzeduration": 1,
    "fpsprobesize": 0,
}
# RTMP's clock counts milliseconds.
_VIDEO: Options = {**_FRAGMENTED, "video_track_timescale": 1000}


def passthrough_argv(source_url: str, audio: str | None, video_fd: int, audio_fd: int | None) -> list[str]:
    """The argv that hands on the source's own frames. `audio` is nginx-rtmp's name of its codec, what is not AAC is
    encoded; without an `audio_fd` there is no sound."""
    outputs = [Output(f"pipe:{video_fd}", "copy", audio=False, options={"c:v": "copy", **_VIDEO})]
    if audio_fd is not None:
        sound: Options = {"c:a": "copy"} if audio == COPIED_AUDIO else {"c:a": "aac", "b:a": LIVE_AUDIO_BPS, "ac": 2}
        outputs.append(Output(f"pipe:{audio_fd}", None, audio=True, options={**sound, **_FRAGMENTED}))
    return command(live_input(source_url, analyze_s=_ANALYZE_S), outputs)


def rungs_argv(source_fd: int, rungs: Sequence[tuple[Rung, int]]) -> list[str]:
    """The argv that encodes these rungs from FLV without sound, each into the pipe beside it."""
    outputs = [Output(f"pipe:{fd}", rung.size, audio=False, options={**encoding(rung), **_VIDEO}) for rung, fd in rungs]
    return command(Input(f"pipe:{source_fd}", _SUPPLIED), outputs)
