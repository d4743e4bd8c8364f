"""Chromium for the tests that look at pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.e2e.browser import launch_chromium


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, headless. Tests that use it run in the session's loop: `asyncio(loop_scope="session")`."""
    async with async_playwright() as playwright:
        started = await launch_chromium(playwright)
        yield started
        await started.close()
