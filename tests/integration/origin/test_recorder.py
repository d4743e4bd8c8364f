"""The recorder, stopped between any two of its steps, with real files and a real ffmpeg but no nginx."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from origin.journal import Journal, SessionRecord
from origin.parts import TRIES
from origin.paths import OriginPaths
from origin.recorder import Recorder
from origin.stat import Published, Stat
from panocast.errors import TemporaryError
from panocast.recording import EndMarker
from panocast.store_directory import DirectoryStore
from tests.integration.origin.encoder import argv
from tests.integration.origin.media import packets

pytestmark = pytest.mark.slow
BEGAN = datetime(2026, 11, 20, 8, 46, 41, tzinfo=UTC)
SECOND = int(BEGAN.timestamp())
NOBODY = Stat(100, ())
LIVE = Stat(100, (Published("live", "cam", 7, 60.0, 0, None, None),))


class CrashError(Exception):
    """The process died here."""


class Bench:
    """A recorder's world; `recorder` is a fresh one each time, as after a crash."""

    def __init__(self, folder: Path) -> None:
        self.paths = OriginPaths(folder / "origin-primary")
        self.paths.make()
        self.store = DirectoryStore(folder / "ingest")
        self.journal = Journal(self.paths.sessions, "primary")
        self.session = self.journal.begin("cam", 100, 7, BEGAN).key

    async def step(
        self,
        stat: Stat = NOBODY,
        store: DirectoryStore | None = None,
        journal: Journal | None = None,
        hurried: bool = False,
    ) -> None:
        recorder = Recorder(self.paths, store or self.store, journal or self.journal, "primary", {})

        async def stat_now() -> Stat:
            return stat

        await recorder.step(stat_now, hurried=hurried)

    def marker(self) -> EndMarker:
        return EndMarker.model_validate_json(self.store.get_bytes(self.session.end_key)[0])

    async def frames(self) -> list[list[float]]:
        """When the frames of each stored part are decoded."""
        found = []
        for key in [stat.key for stat in self.store.list("recordings/") if stat.key.endswith(".mp4")]:
            self.store.get_file(key, self.paths.tmp / "part")
            found.append([packet.dts_s for packet in await packets(self.paths.tmp / "part") if packet.track == "video"])
        return found

    def keys(self) -> list[str]:
        return [stat.key.rpartition("/")[2] for stat in self.store.list("recordings/")]

    async def assert_stored_once(self, parts: int) -> None:
        assert self.keys() == [f"{n:04d}.mp4" for n in range(1, parts + 1)] + ["end.json"]
        assert self.marker().parts == parts
        assert self.marker().duration_s == pytest.approx(2.0 * parts, abs=0.002)
        for n, video in enumerate(await self.frames()):
            assert len(video) == 60
            assert video[0] == pytest.approx(2.0 * n, abs=0.002)
        assert not list(self.paths.recordings.iterdir())
        assert not list(self.paths.sessions.glob("*/*.json"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.flv"
    subprocess.run(argv(str(path), seconds=2, realtime=False, audio=None), check=True)
    return path


@pytest.fixture
def bench(tmp_path: Path, clip: Path) -> Bench:
    bench = Bench(tmp_path)
    for n in range(3):
        shutil.copy(clip, bench.paths.recordings / f"cam-{SECOND + 2 * n}.flv")
    return bench


class CrashingStore(DirectoryStore):
    """Dies at a call of put_file, before or after it is done."""

    def __init__(self, root: Path, *, after: bool, at: int) -> None:
        super().__init__(root)
        self._after, self._left = after, at

    def put_file(self, key: str, path: Path, *, if_absent: bool = False) -> bool:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise CrashError
        put = super().put_file(key, path, if_absent=if_absent)
        if self._left == 0:
            raise CrashError
        return put


class CrashingJournal(Journal):
    """Dies right before or after a change."""

    def __init__(self, folder: Path, *, after: bool, change: str) -> None:
        super().__init__(folder, "primary")
        self._after, self._change = after, change

    def save(self, record: SessionRecord) -> None:
        self._die("save", lambda: super(CrashingJournal, self).save(record))

    def forget(self, record: SessionRecord) -> None:
        self._die("forget", lambda: super(CrashingJournal, self).forget(record))

    def _die(self, change: str, act: Callable[[], None]) -> None:
        if change == self._change and not self._after:
            raise CrashError
        act()
        if change == self._change:
            raise CrashError


async def test_what_is_complete_is_stored_and_closed(bench: Bench) -> None:
    await bench.step()
    await bench.assert_stored_once(3)
    await bench.step()
    await bench.assert_stored_once(3)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3])
async def test_a_crash_at_a_put_loses_and_doubles_nothing(bench: Bench, at: int, after: bool) -> None:
    with pytest.raises(CrashError):
        await bench.step(store=CrashingStore(bench.paths.folder.parent / "ingest", after=after, at=at))
    before = {stat.key: stat.etag for stat in bench.store.list("recordings/")}
    assert len(before) == at - 1 + after
    await bench.step()
    await bench.assert_stored_once(3)
    now = {stat.key: stat.etag for stat in bench.store.list("recordings/")}
    assert before.items() <= now.items(), "what was stored is not stored again"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("change", ["save", "forget"])
async def test_a_crash_at_the_journal_loses_and_doubles_nothing(bench: Bench, change: str, after: bool) -> None:
    for _ in range(4):
        try:
            await bench.step(journal=CrashingJournal(bench.paths.sessions, after=after, change=change))
        except CrashError:
            continue
    await bench.step()
    await bench.assert_stored_once(3)


async def test_the_file_that_is_written_now_is_left_alone(bench: Bench) -> None:
    await bench.step(LIVE)
    assert bench.keys() == ["0001.mp4", "0002.mp4"]
    assert [path.name for path in bench.paths.recordings.iterdir()] == [f"cam-{SECOND + 4}.flv"]
    await bench.step()
    await bench.assert_stored_once(3)


async def test_a_clock_that_is_set_back_loses_nothing(bench: Bench, clip: Path) -> None:
    await bench.step(LIVE)
    shutil.copy(clip, bench.paths.recordings / f"cam-{SECOND + 1}.flv")
    await bench.step(LIVE)
    assert len(list(bench.paths.recordings.iterdir())) == 2, "the newer one is written now, whatever its name says"
    await bench.step()
    await bench.assert_stored_once(4)


@pytest.mark.parametrize("seen", [False, True])
async def test_a_publisher_that_comes_while_we_look_is_left_alone(bench: Bench, clip: Path, seen: bool) -> None:
    """What is on the disk is looked at first: what comes later waits, whether nginx named its publisher or not yet."""
    newest = bench.paths.recordings / f"cam-{SECOND + 60}.flv"
    recorder = Recorder(bench.paths, bench.store, bench.journal, "primary", {})

    async def stat_now() -> Stat:
        bench.journal.begin("cam", 100, 8, datetime.fromtimestamp(SECOND + 60, UTC))
        shutil.copy(clip, newest)
        return Stat(100, (Published("live", "cam", 8, 0.0, 0, None, None),)) if seen else NOBODY

    await recorder.step(stat_now)
    assert newest.exists()


async def test_two_sessions_of_one_name_are_not_mixed(bench: Bench, clip: Path) -> None:
    second = bench.journal.begin("cam", 100, 8, datetime.fromtimestamp(SECOND + 60.5, UTC)).key
    for time in (SECOND + 60, SECOND + 62):
        shutil.copy(clip, bench.paths.recordings / f"cam-{time}.flv")
    await bench.step()
    markers = [EndMarker.model_validate_json(bench.store.get_bytes(s.end_key)[0]) for s in (bench.session, second)]
    assert [marker.parts for marker in markers] == [3, 2]
    assert [marker.duration_s for marker in markers] == [pytest.approx(6, abs=0.002), pytest.approx(4, abs=0.002)]


async def test_the_same_part_is_always_the_same_bytes(bench: Bench, tmp_path: Path) -> None:
    contents = set()
    for name in ("a", "b"):
        again = Bench(tmp_path / name)
        shutil.copytree(bench.paths.recordings, again.paths.recordings, dirs_exist_ok=True)
        await again.step()
        contents.add(tuple(again.store.get_bytes(again.session.part_key(n))[0] for n in (1, 2, 3)))
    assert len(contents) == 1


async def test_an_orphan_never_takes_the_place_of_what_is_stored(bench: Bench, clip: Path) -> None:
    await bench.step()
    shutil.copy(clip, bench.paths.recordings / f"cam-{SECOND}.flv")
    await bench.step()
    sessions = {stat.key.split("/")[2]: 0 for stat in bench.store.list("recordings/cam/")}
    assert len(sessions) == 2
    assert len(bench.keys()) == 4 + 2


async def test_a_file_that_ffmpeg_cannot_read_is_set_aside_and_the_rest_goes_on(bench: Bench) -> None:
    broken = bench.paths.recordings / f"cam-{SECOND + 2}.flv"
    whole = broken.read_bytes()
    # The codec's header is gone, and with it every picture's meaning.
    broken.write_bytes(whole.replace(b"\x17\x00\x00\x00\x00\x01", b"\x17\x05\x00\x00\x00\x01"))
    recorder = Recorder(bench.paths, bench.store, bench.journal, "primary", {})

    async def stat_now() -> Stat:
        return NOBODY

    for _ in range(TRIES - 1):
        with pytest.raises(TemporaryError, match="cannot be stored yet"):
            await recorder.step(stat_now)
    await recorder.step(stat_now)
    assert [path.suffix for path in bench.paths.recordings.iterdir()] == [".broken"]
    assert bench.keys() == ["0001.mp4", "0002.mp4", "end.json"]


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clip") / "clip.flv"
    subprocess.run(argv(str(path), seconds=4, realtime=False, size="320x160"), check=True)
    return path.read_bytes()


@pytest.fixture
def growing(tmp_path: Path, clip: Path) -> Bench:
    """One part is recorded; another is begun."""
    bench = Bench(tmp_path)
    shutil.copy(clip, bench.paths.recordings / f"cam-{SECOND}.flv")
    return bench


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [0, 1, 2, 3])
async def test_in_a_hurry_whole_gops_are_stored_once_while_the_file_grows(
    growing: Bench, long_clip: bytes, at: int, after: bool
) -> None:
    """Whatever crashes, and however the file has grown by the next try."""
    file = growing.paths.recordings / f"cam-{SECOND + 2}.flv"
    store = CrashingStore(growing.paths.folder.parent / "ingest", after=after, at=at)
    for share in (0.3, 0.55, 0.8):
        file.write_bytes(long_clip[: round(share * len(long_clip))])
        with contextlib.suppress(CrashError):
            await growing.step(LIVE, store, hurried=True)
    assert len(growing.keys()) >= 2
    assert file.exists()
    file.write_bytes(long_clip)
    with contextlib.suppress(CrashError):
        await growing.step(store=store)
    await growing.step()
    frames = [at_s for part in await growing.frames() for at_s in part]
    assert len(frames) == 60 + 120
    assert all(abs(at_s - n / 30) < 0.002 for n, at_s in enumerate(frames))
    assert growing.marker().parts == len(growing.keys()) - 1
    assert growing.marker().duration_s == pytest.approx(6, abs=0.002)
    assert not list(growing.paths.recordings.iterdir())


async def test_an_encoder_that_comes_back_in_time_goes_on_with_its_session(bench: Bench, clip: Path) -> None:
    now = datetime.now(UTC)
    journal = Journal(bench.paths.sessions, "primary", grace_s=3600)
    await bench.step(journal=journal)
    assert bench.marker().parts == 3
    assert journal.sessions(), "it is remembered"
    back = int(now.timestamp()) + 1
    resumed = journal.resume("cam", 100, 8, now=datetime.fromtimestamp(back, UTC))
    assert resumed
    assert resumed.key == bench.session
    shutil.copy(clip, bench.paths.recordings / f"cam-{back}.flv")
    shutil.copy(clip, bench.paths.recordings / f"cam-{back + 2}.flv")
    await bench.step(Stat(100, (Published("live", "cam", 8, 1.0, 0, None, None),)), journal=journal)
    assert bench.marker().parts == 3, "not before it has left again"
    await bench.step(journal=journal)
    await bench.step(journal=Journal(bench.paths.sessions, "primary", grace_s=0))
    await bench.assert_stored_once(5)
    assert bench.marker().seams == (4,)
