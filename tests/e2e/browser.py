"""Debian's Chromium, headless, drawing WebGL in software."""

from __future__ import annotations

import shutil

from playwright.async_api import Browser, Playwright

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


async def launch_chromium(playwright: Playwright) -> Browser:
    """Start the Chromium that is installed; an AssertionError, naming the mend, when there is none."""
    path = shutil.which("chromium")
    assert path, "chromium is not installed: run `make test`"
    return await playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
