"""The pages in a real browser: on screens and phones, in the light and in the dark, for everybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backup_sentinel.model import FailureReason
from export.store.world import DAY, FAILED, GIB, HOUR, World, key, run, schedule
from export.web.kit import NASTY, NOW, fleet, hostile, served
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


@pytest.mark.parametrize("width", [800, 970, 1280])
async def test_tables_fit_a_narrow_window_and_break_no_name_of_a_cluster(page: Page, width: int) -> None:
    world = fleet()
    every = key("volumes-nightly", namespace="longhorn-system", cluster="prod")
    late = key("billing-daily")
    world.put(
        schedule(of=every, created=NOW - 30 * DAY, location="default"),
        schedule(of=late, created=NOW - 30 * DAY, location="default"),
        run(NOW - 2 * DAY - 18 * HOUR, of=late, size=335.8 * GIB),
        run(NOW - HOUR, FAILED, of=late, reason=FailureReason.STORAGE_MISSING),
    )
    target = "pvc-75a09021-c452-58ba-9dba-4cdac8918294"
    for n in range(14):
        one = key("volumes-nightly", namespace="longhorn-system", target=target)
        world.put(run(NOW - n * DAY, FAILED if n % 3 else run(0).outcome, of=one, size=335.8 * GIB))
    with served(world, titles={"prod": "production"}) as site:
        await page.open(site.server.url, width=width)
        over = await page.evaluate(
            "[...document.querySelectorAll('.scroll')].map(e => e.scrollWidth - e.clientWidth).filter(x => x > 0)"
        )
        heights = await page.evaluate(
            "[...document.querySelectorAll('td .strip')].map(e => e.getBoundingClientRect().height)"
        )
        names = await page.evaluate(
            "[...document.querySelectorAll('td[data-name=Cluster] > div')].map(e => {"
            " const range = document.createRange(); range.selectNodeContents(e.firstChild);"
            " return range.getClientRects().length })"
        )
    assert over == []
    assert max(heights) < 50
    assert max(names) == 1


async def test_on_paper_outcomes_keep_their_colours_and_there_is_nothing_to_press(page: Page) -> None:
    with served(fleet()) as site:
        await page.open(site.server.url, width=800)
        await page.call("Emulation.setEmulatedMedia", media="print")
        assert (
            await page.evaluate("getComputedStyle(document.querySelector('.strip span')).printColorAdjust")
            == "exact"
        )
        shown = await page.evaluate(
            "[...document.querySelectorAll('form, nav, .skip')].filter(e => e.checkVisibility()).length"
        )
        assert shown == 0
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


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
