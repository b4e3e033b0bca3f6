"""The pages in a real browser: on screens and phones, in the light and in the dark, for everybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from export.store.world import World
from export.web.kit import NASTY, fleet, hostile, served
from export.web.test_pages import RUN, SCHEDULE, walk
from support.axe import violations
from support.browser import Page, browse

PATHS = ("/", SCHEDULE, RUN, "/locations", "/clusters", "/?q=nothing-like-that", "/nothing")


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    async with browse(tmp_path / "browser") as page:
        yield page


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_pages_meet_the_rules_of_accessibility(page: Page, dark: bool) -> None:
    with served(fleet()) as site:
        for path in PATHS:
            await page.open(site.server.url + path, dark=dark)
            assert await violations(page) == [], path
    with served(World()) as site:
        await page.open(site.server.url, dark=dark)
        assert await violations(page) == []


async def test_the_rules_can_be_broken(page: Page) -> None:
    with served(fleet()) as site:
        await page.open(site.server.url)
        await page.evaluate("document.documentElement.removeAttribute('lang')")
        assert [found["rule"] for found in await violations(page)] == ["html-has-lang"]


async def test_nothing_is_cut_off_or_wider_than_a_phone(page: Page) -> None:
    with served(fleet()) as site:
        for path in PATHS:
            await page.open(site.server.url + path, width=360, height=780, phone=True)
            over = await page.evaluate(
                "[document.documentElement.scrollWidth - innerWidth,"
                " ...[...document.querySelectorAll('.strip, td > div, tbody th, dd')].map("
                "e => Math.round(e.getBoundingClientRect().right) - innerWidth)].filter(x => x > 0)"
            )
            assert over == [], path


async def test_pages_need_nothing_from_anywhere_else_and_complain_of_nothing(page: Page) -> None:
    with served(fleet()) as site:
        for path in PATHS[:-1]:
            await page.open(site.server.url + path)
            assert page.requests == [site.server.url + path]
            assert page.console == []


async def test_the_style_is_in_force_and_the_keyboard_is_seen(page: Page) -> None:
    with served(fleet()) as site:
        await page.open(site.server.url)
        assert (
            await page.evaluate("getComputedStyle(document.querySelector('.badge')).borderRadius") == "16px"
        )
        for _ in range(4):
            for kind in ("keyDown", "keyUp"):
                await page.call(
                    "Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9
                )
        style = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert style == "solid"


async def test_a_filter_works_without_script(page: Page) -> None:
    with served(fleet()) as site:
        await page.open(site.server.url)
        await page.call("Emulation.setScriptExecutionDisabled", value=True)
        await page.evaluate("document.querySelector('#f-state').value = 'paused'")
        await page.follow("document.querySelector('form.filter button').click()")
        text = await page.text()
    assert "idle" in text
    assert "nightly" not in text


async def test_hostile_names_run_nothing(page: Page) -> None:
    with served(hostile()) as site:
        paths = await asyncio.to_thread(lambda: list(walk(site)))
        for path in paths:
            await page.open(site.server.url + path)
            assert "owned" not in str(await page.evaluate("document.title")).replace("'owned'", "").replace(
                "]0;owned", ""
            )
            assert await page.evaluate("document.scripts.length + document.images.length") == 0
            assert page.requests == [site.server.url + path]
            assert page.console == []
        await page.open(site.server.url)
        text = await page.text()
    for name in NASTY:
        if name.isprintable():
            assert name in text
