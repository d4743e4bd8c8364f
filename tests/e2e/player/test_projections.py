"""Every projection and stereo mode lies on the sphere where it should: each direction, each eye, by pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.e2e.player.spheres import (
    LAYOUTS,
    SEAMS,
    STACKS,
    WHOLE,
    Picture,
    Sight,
    directions,
    drawn,
    expected,
    make_card,
    make_sphere,
    read_card,
)
from tests.e2e.player.watching import Opening, until
from tests.e2e.player_site import PlayerSite

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

# Compression and two ways of smoothing account for less than this, of 255.
MEAN, MOST = 4.0, 60.0
SHAPES = [(projection, stereo) for projection in LAYOUTS for stereo in STACKS]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test card of each eye."""
    folder = tmp_path_factory.mktemp("spheres") / "card"
    await make_card(folder)
    return folder


async def sphere_of(site: PlayerSite, visit: Opening, card: Path, shape: tuple[str, str], link: str = "") -> Page:
    """A page that shows the card in this layout, with something on the sphere."""
    name = "-".join(("sphere", *shape))
    folder = site.media / name / "s1"
    if not folder.exists():
        await make_sphere(card, folder, *shape)
    asset = site.assets.setdefault(name, {"projection": shape[0], "stereo": shape[1]})
    asset["title"] = f"{shape[1]} {shape[0]}"
    page = await visit(f"/?url=/vod/{name}/s1/master.m3u8{link}")
    await page.get_by_role("heading", name=asset["title"]).wait_for()  # so that it knows the layout
    await until(lambda: lit(page))
    return page


async def lit(page: Page) -> bool:
    """Whether there is a picture on the sphere."""
    ready = await page.evaluate("!!window.panocast?.sphere && panocast.video.readyState >= 2")
    return bool(ready) and bool((await drawn(page, "left", WHOLE[:1]))[0].mean() > 20)


def differences(got: list[Picture], sights: list[Sight], card: Picture, *, half: bool = False) -> list[Picture]:
    """How far each pixel is from the card in its direction; behind a half sphere it must be black."""
    found = []
    for picture, sight in zip(got, sights, strict=True):
        rays = directions(sight)
        wanted = expected(card, rays)
        if half:
            wanted[rays[..., 2] < 0] = 0
        off = np.abs(picture - wanted).max(axis=-1)
        found.append(np.where(np.abs(rays[..., 2]) > 0.01, off, 0) if half else off)
    return found


@pytest.mark.parametrize(("projection", "stereo"), SHAPES)
async def test_every_direction_appears_where_it_should(
    site: PlayerSite, visit: Opening, card: Path, projection: str, stereo: str
) -> None:
    page = await sphere_of(site, visit, card, (projection, stereo))
    for eye in ("left", "right"):
        seen_by = read_card(card / f"{'left' if stereo == 'mono' else eye}.png")
        half = projection == "half-equirectangular"
        for sights in (WHOLE, SEAMS):
            off = differences(await drawn(page, eye, sights), sights, seen_by, half=half)
            worst = {sight: float(part.max()) for sight, part in zip(sights, off, strict=True) if part.max() > MOST}
            assert not worst, f"{eye} eye"
            assert np.mean([part.mean() for part in off]) < MEAN, f"{eye} eye"


async def test_the_picture_is_levelled_as_its_metadata_says(site: PlayerSite, visit: Opening, card: Path) -> None:
    shape = ("cubemap", "mono")
    turned = {"yaw_deg": 90, "pitch_deg": 20, "roll_deg": 30}
    site.assets["sphere-cubemap-mono"] = {"projection": "cubemap", "stereo": "mono", "orientation": turned}
    page = await sphere_of(site, visit, card, shape)
    yaw, pitch, roll = np.radians([90, 20, 30])
    # Spherical Video V2, prhd: yaw counterclockwise about up, pitch about right, roll clockwise about ahead.
    about_up = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    about_right = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    about_ahead = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    world = about_up @ about_right @ about_ahead
    reference = read_card(card / "left.png")
    for picture, sight in zip(await drawn(page, "left", WHOLE), WHOLE, strict=True):
        off = np.abs(picture - expected(reference, directions(sight) @ world)).max(axis=-1)
        assert off.mean() < MEAN
        assert off.max() < MOST


async def test_the_viewer_can_choose_another_layout_and_a_reload_keeps_it(
    site: PlayerSite, visit: Opening, card: Path
) -> None:
    name = "sphere-eac-top-bottom"
    site.assets[name] = {"projection": "equirectangular", "stereo": "mono"}  # told wrongly
    page = await sphere_of(site, visit, card, ("eac", "top-bottom"))
    for row, choice in (("Projection", "Equi-angular cubemap"), ("Stereo", "Top and bottom")):
        await page.get_by_role("button", name="Settings").click()
        await page.get_by_role("menuitem", name=row).click()
        await page.get_by_role("menuitemradio", name=choice, exact=True).click()
        await page.keyboard.press("Escape")
    reference = read_card(card / "left.png")

    async def right() -> bool:
        if not await lit(page):
            return False
        off = differences(await drawn(page, "left", WHOLE), WHOLE, reference)
        return bool(np.mean([part.mean() for part in off]) < MEAN)

    await until(right)
    await page.reload()
    await until(right)
    assert "&projection=eac&stereo=top-bottom" in page.url


async def test_flat_screens_show_the_left_eye(site: PlayerSite, visit: Opening, card: Path) -> None:
    page = await sphere_of(site, visit, card, ("equirectangular", "left-right"), "&yaw=90")
    camera = "document.querySelector('a-scene').camera.layers"
    assert await page.evaluate(f"[0, 1, 2].map((layer) => !!({camera}.mask & (1 << layer)))") == [True, True, False]
