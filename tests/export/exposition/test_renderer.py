"""Pages that lie ready: only what has changed is written, and a scrape never sees a hole."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from backup_sentinel.export.exposition import Format, Page, Renderer, renderer
from backup_sentinel.export.settings import ExportSettings
from backup_sentinel.export.store import Scope, Store
from export.exposition.pages import nothing
from export.store.world import DAY, FAILED, MONDAY, World, key, run, schedule

MANY = 65


@pytest.fixture(autouse=True)
def _busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every slice of time is used up at once, so that others run as often as they may."""
    monkeypatch.setattr(renderer, "SLICE_SECONDS", 0.0)


class Counting(Store):
    """A store that counts which subjects are asked for."""

    def __init__(self, settings: ExportSettings, world: World) -> None:
        super().__init__(settings, lambda: world.now)
        self.asked: Counter[Hashable] = Counter()

    def subject(self, scope: Scope, key: Hashable) -> object | None:
        self.asked[scope, key] += 1
        return super().subject(scope, key)


@pytest.fixture
def world() -> World:
    """A world with many schedules, each with one success on Monday."""
    world = World()
    world.store = Counting(world.store.settings, world)
    names = [key(f"s{number}") for number in range(MANY)]
    world.start(*(schedule(of=name) for name in names), *(run(MONDAY, of=name) for name in names))
    return world


def asked(world: World) -> Counter[Hashable]:
    assert isinstance(world.store, Counting)
    found, world.store.asked = world.store.asked, Counter()
    return found


def successes(page: Page) -> list[float]:
    """Return the instant of the last success of each schedule."""
    return [
        float(value)
        for value in re.findall(rb"^kube_backup_last_success_\w+{.*} (.*)$", page.plain, re.MULTILINE)
    ]


async def test_only_what_has_changed_is_written_again(world: World) -> None:
    rendering = Renderer(world.store, nothing)
    await rendering.update()
    assert set(asked(world).values()) == {1}
    await rendering.update()
    assert not asked(world)
    world.put(run(MONDAY + DAY, FAILED, of=key("s7")))
    await rendering.update()
    written = asked(world)
    assert [name for name in written if isinstance(name, tuple) and name[0] is Scope.STREAM] == [
        (Scope.STREAM, key("s7"))
    ]


async def test_a_page_is_new_after_each_update_and_the_same_until_then(world: World) -> None:
    rendering = Renderer(world.store, nothing)
    await rendering.update()
    first = await rendering.page(Format.TEXT)
    world.put(run(MONDAY + DAY, of=key("s7")))
    assert await rendering.page(Format.TEXT) is first
    await rendering.update()
    second = await rendering.page(Format.TEXT)
    assert Counter(successes(second)) == {MONDAY: MANY - 1, MONDAY + DAY: 1}


async def test_a_subject_that_is_gone_leaves_the_page(world: World) -> None:
    rendering = Renderer(world.store, nothing)
    await rendering.update()
    world.drop(schedule(of=key("s7")), run(MONDAY, of=key("s7")))
    world.now += 7 * DAY
    world.store.tick()
    await rendering.update()
    assert b'"s7"' not in (await rendering.page(Format.TEXT)).plain


async def test_a_scrape_during_an_update_sees_each_schedule_old_or_new(world: World) -> None:
    rendering = Renderer(world.store, nothing)
    await rendering.update()

    async def scrape(form: Format) -> None:
        last: Page | None = None
        while not updating.done():
            page = await rendering.page(form)
            await asyncio.sleep(0)
            if page is last:
                continue
            last, values = page, successes(page)
            assert len(values) == MANY
            assert set(values) <= {MONDAY, MONDAY + DAY}

    for number in range(MANY):
        world.put(run(MONDAY + DAY, of=key(f"s{number}")))
    updating = asyncio.create_task(rendering.update())
    await asyncio.gather(*(scrape(form) for form in Format), scrape(Format.TEXT))
    await updating
    for form in Format:
        assert set(successes(await rendering.page(form))) == {MONDAY + DAY}


class Held(Executor):
    """Compresses a page only when it is told to."""

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = []
        self._came = asyncio.Event()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.jobs.append(lambda: future.set_result(fn(*args, **kwargs)))
        self._came.set()
        return future

    async def wait(self, count: int) -> None:
        """Let others run until so many pages wait."""
        async with asyncio.timeout(5):
            while len(self.jobs) < count:
                self._came.clear()
                await self._came.wait()


async def test_a_format_first_asked_for_during_an_update_does_not_break_it(world: World) -> None:
    held = Held()
    rendering = Renderer(world.store, nothing, held)
    asking = [asyncio.create_task(rendering.page(Format.TEXT))]
    await held.wait(1)
    updating = asyncio.create_task(rendering.update())
    await held.wait(2)
    asking.append(asyncio.create_task(rendering.page(Format.OPENMETRICS)))
    await held.wait(3)
    for job in held.jobs:
        job()
    await updating
    assert [page.plain.endswith(b"# EOF\n") for page in await asyncio.gather(*asking)] == [False, True]


async def test_a_page_never_goes_back_although_an_older_one_was_finished_later(world: World) -> None:
    held = Held()
    rendering = Renderer(world.store, nothing, held)
    asking = asyncio.create_task(rendering.page(Format.TEXT))
    await held.wait(1)
    updating = asyncio.create_task(rendering.update())
    await held.wait(2)
    older, newer = held.jobs
    newer()
    await updating
    older()
    first = await asking
    assert len(successes(first)) == MANY
    assert await rendering.page(Format.TEXT) is first


async def test_a_format_nobody_asks_for_is_no_longer_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed: list[Format] = []

    def own(form: Format) -> bytes:
        composed.append(form)
        return b""

    rendering = Renderer(world.store, own)
    await rendering.update()
    assert not composed
    await rendering.page(Format.OPENMETRICS)
    await rendering.update()
    assert composed == [Format.OPENMETRICS] * 2
    monkeypatch.setattr(renderer, "IDLE", 0.0)
    await rendering.update()
    assert composed == [Format.OPENMETRICS] * 2
    assert (await rendering.page(Format.OPENMETRICS)).plain.endswith(b"# EOF\n")
    assert composed == [Format.OPENMETRICS] * 3


@pytest.mark.parametrize(("slice_seconds", "least", "most"), [(0.0, MANY, 10 * MANY), (1e9, 0, 3)])
async def test_an_update_lets_other_tasks_run_after_each_slice(
    world: World, monkeypatch: pytest.MonkeyPatch, slice_seconds: float, least: int, most: int
) -> None:
    monkeypatch.setattr(renderer, "SLICE_SECONDS", slice_seconds)
    rendering = Renderer(world.store, nothing)
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(turn())
    await rendering.update()
    other.cancel()
    assert least <= turns <= most
