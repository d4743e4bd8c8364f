"""What panocast decodes. ffmpeg knows hundreds of decoders, many of them old and little tested: foreign bytes reach
only these (`-codec_whitelist`: https://ffmpeg.org/ffmpeg-formats.html).
"""

from __future__ import annotations

from collections.abc import Iterable

# The decoders of each codec, as ffmpeg names both.
VIDEO: dict[str, tuple[str, ...]] = {
    "h264": ("h264",),
    "hevc": ("hevc",),
    "av1": ("libdav1d", "libaom-av1", "av1"),
    "vp9": ("vp9", "libvpx-vp9"),
    "prores": ("prores",),
    "dnxhd": ("dnxhd",),
    "cfhd": ("cfhd",),
    "mpeg4": ("mpeg4",),
    "mpeg2video": ("mpeg2video",),
    "mjpeg": ("mjpeg",),
}
AUDIO: dict[str, tuple[str, ...]] = {
    "aac": ("aac",),
    "mp3": ("mp3float", "mp3"),
    "mp2": ("mp2float", "mp2"),
    "ac3": ("ac3",),
    "eac3": ("eac3",),
    "opus": ("opus", "libopus"),
    "vorbis": ("vorbis", "libvorbis"),
    "flac": ("flac",),
    "alac": ("alac",),
    **{
        f"pcm_{name}": (f"pcm_{name}",)
        for name in (
            "s16le",
            "s16be",
            "s24le",
            "s24be",
            "s32le",
            "s32be",
            "f32le",
            "f32be",
            "u8",
            "s8",
            "alaw",
            "mulaw",
        )
    },
}
# What encoders send by RTMP besides.
RTMP_AUDIO: dict[str, tuple[str, ...]] = {
    "speex": ("speex", "libspeex"),
    "nellymoser": ("nellymoser",),
    "adpcm_swf": ("adpcm_swf",),
}
# ffprobe opens, though nobody decodes, a decoder for every track of a file: for covers and subtitles, too.
_BESIDES = ("png", "mov_text", "subrip", "srt", "ass", "ssa", "webvtt", "text")


def whitelist(*tables: dict[str, tuple[str, ...]]) -> str:
    """The decoders of `tables` as the value of `-codec_whitelist`."""
    names: Iterable[str] = (name for table in tables for decoders in table.values() for name in decoders)
    return ",".join([*names, *_BESIDES])
