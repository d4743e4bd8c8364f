"""Whether a published stream can be laddered, judged by what nginx-rtmp sees of it, and said in words if not."""

from __future__ import annotations

from origin.ladder import Source
from origin.stat import Published
from panocast.errors import RefusedError

# A stream's first frames may come late; a tenth of a minute without a picture is no such delay.
VIDEO_WAIT_S = 8.0
# Sound begins with the picture, or this much later; then the ladder starts without it.
AUDIO_WAIT_S = 1.0
# What nginx-rtmp takes enhanced RTMP's packets for: their type stands where the codec stood. Nobody sends real ones.
_ENHANCED = {"Jpeg", "ScreenVideo"}


def judge(published: Published, video_for_s: float) -> Source | None:
    """What to ladder, or None as long as it is not known; `video_for_s` is how long the picture is known already.

    Raises RefusedError, in words for the encoder's owner, for what can never be shown.
    """
    video, audio = published.video, published.audio
    if video is None or (video.codec == "H264" and not video.size.width):
        if published.age_s < VIDEO_WAIT_S:
            return None
        what = f"only sound ({audio.codec})" if audio else "neither picture nor sound"
        raise RefusedError(f"it sends {what}: add a video source in the encoder, in H.264")
    if video.codec != "H264":
        codec = "HEVC, AV1, VP9 or the like" if video.codec in _ENHANCED else video.codec
        raise RefusedError(f"its video is {codec}: set the encoder to H.264")
    if audio is None and video_for_s < AUDIO_WAIT_S:
        return None
    return Source(video.size, audio.codec if audio else None)
