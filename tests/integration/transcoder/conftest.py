"""Media that the transcoder's tests share, made once, and a place to transcode in."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from panocast.ladder import Size
from panocast.testcard import Card, find_fonts, render_argv
from tests.aws import AwsServer
from tests.integration.transcoder.processes import Gate
from tests.integration.transcoder.site import Site, cloud_site, cut, directory_site, ffmpeg, make_video


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Stores and a queue on this machine."""
    return directory_site(tmp_path)


@pytest.fixture
def cloud(aws: AwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Stores in S3 and a queue in SQS (moto's server), of which nobody tells."""
    for key, value in aws.environment.items():
        monkeypatch.setenv(key, value)
    return cloud_site(tmp_path, aws)


@pytest.fixture(params=["directory", "aws"])
def any_site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    """The same promises on this machine and on S3 and SQS."""
    if request.param == "directory":
        return directory_site(tmp_path)
    found: Site = request.getfixturevalue("cloud")
    return found


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A closed gate; opened at the end, so that nobody waits for ever."""
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.open()


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for media."""
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="session")
def card(media: Path) -> Path:
    """Seven seconds of the test card at 640x320: B-frames, keyframes each second, a flash and a beep each second."""
    plain, path = media / "plain.mp4", media / "card.mp4"
    card = Card(size=Size(640, 320), fps=30, gop_s=1.0, bitrate_bps=800_000, wall_clock=False)
    subprocess.run(render_argv(plain, 7, card, find_fonts()), check=True)
    video = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "30", "-sc_threshold", "0")
    ffmpeg("-i", plain, *video, "-c:a", "copy", path)
    return path


@pytest.fixture(scope="session")
def card_parts(card: Path, media: Path) -> list[Path]:
    """The card as a recording of three parts."""
    parts = cut(card, media / "card-parts", 2.5)
    assert len(parts) == 3
    return parts


@pytest.fixture(scope="session")
def small(media: Path) -> Path:
    """Two seconds of 320x160 with sound."""
    return make_video(media / "small.mp4", 2, size="320x160")


@pytest.fixture(scope="session")
def small_parts(small: Path, media: Path) -> list[Path]:
    """The small video as a recording of two parts."""
    parts = cut(small, media / "small-parts", 1)
    assert len(parts) == 2
    return parts
