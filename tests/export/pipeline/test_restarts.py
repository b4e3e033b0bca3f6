"""What an exporter knew it knows after a restart, and it counts every run of a story once."""

import asyncio
import logging
import random
from pathlib import Path
from typing import Any

import pytest

from backup_sentinel.demo.access import Grant
from backup_sentinel.demo.beats import perform
from backup_sentinel.demo.story import Story
from backup_sentinel.demo.storyfile import ScheduleSpec
from backup_sentinel.demo.velero.objects import TYPES
from backup_sentinel.export.pipeline import Pipeline
from backup_sentinel.model import Outcome
from export.pipeline.bench import (
    DAY,
    HOUR,
    LASTING,
    MINUTE,
    Bench,
    Recount,
    Seen,
    beat,
    play,
)

OFTEN = ("prod", "velero", "often", "backup")
OF_OBJECTS = {
    "existing_runs",
    "restorable_runs",
    "newest_expiry_timestamp_seconds",
    "running",
    "volume_bytes",
    "volume_failures",
    "expired_runs",
    "deletion_failures",
}
"""Families that say what there is now; whoever cannot look does not know."""


def do(story: Story, **what: Any) -> None:
    perform(story.stage, beat(**what))


def remembered(seen: Seen) -> dict[str, float]:
    """Return the series of schedules and runs that do not depend on what there is now."""
    return {
        series: value
        for series, value in seen.backups.items()
        if (name := series.partition("{")[0].removeprefix("kube_backup_")) not in OF_OBJECTS
        and not name.startswith(("location_", "repository_"))
    }


def value(seen: Seen, name: str, schedule: str = "often", **labels: str) -> float | None:
    return seen.value(f"kube_backup_{name}", schedule=schedule, **labels)


async def test_fifty_restarts_in_the_middle_of_a_story_leave_every_counter_exact(tmp_path: Path) -> None:
    chance = random.Random(5)
    story = play()
    async with Bench(story, tmp_path) as bench:
        await bench.start()
        truth = Recount(story)
        shown: dict[Any, int] = {}
        for life in range(50):
            truth.advance(chance.uniform(1, 40) * MINUTE)
            if chance.random() < 0.4:
                spec = ScheduleSpec(name=f"by-hand-{life}", duration=f"{chance.randint(1, 300)}m", ttl="30d")
                perform(
                    story.stage, beat(do="run", spec=spec, outcome=chance.choice(["completed", "failed"]))
                )
            if chance.random() < 0.7:
                await bench.settle()
            if chance.random() < 0.5:
                await bench.saved()
            await bench.stop(crash=chance.random() < 0.5)
            truth.advance(chance.choice([1, 20, 90]) * MINUTE)
            await bench.start()
            counters = await bench.counters()
            assert all(counters.get(key, 0) >= total for key, total in shown.items()), "a counter went back"
            if life % 5 == 4:
                await bench.saved()
                assert await bench.counters() == truth.totals()
            shown = await bench.counters()
        assert sum(truth.totals().values()) > 250


async def test_a_first_start_on_thirty_days_of_history_counts_none_of_it(tmp_path: Path) -> None:
    story = play(LASTING, history="30d")
    async with Bench(story, tmp_path) as bench:
        await bench.start()
        await bench.saved()
        assert await bench.counters() == {}
        seen = await bench.scrape()
        assert len(story.clusters["prod"].objects("backups")) > 4000
        assert value(seen, "runs_total", outcome="succeeded") == 0, (
            "made before the first run, to be increased"
        )
        await bench.restart()
        await bench.saved()
        assert await bench.counters() == {}, "history is still history in the second life"


async def test_runs_that_finished_while_the_exporter_was_down_are_counted_once(tmp_path: Path) -> None:
    story = play(LASTING)
    async with Bench(story, tmp_path) as bench:
        await bench.start()
        truth = Recount(story)
        await bench.stop()
        truth.advance(3 * HOUR)
        for _ in range(3):
            await bench.start()
            await bench.saved()
            assert await bench.counters() == truth.totals()
            await bench.stop()
        assert sum(truth.totals().values()) > 15


@pytest.mark.parametrize("restores", ["readable", "forbidden", "not installed"])
async def test_a_run_that_was_deleted_while_open_and_down_counts_as_unknown_once(
    restores: str, tmp_path: Path
) -> None:
    story = play(LASTING)
    async with Bench(story, tmp_path) as bench:
        if restores == "forbidden":
            rights = [Grant(resources=tuple(kind.name for kind in TYPES if kind.plural != "restores"))]
            bench.server.access.grants["system:anonymous"] = rights
        if restores == "not installed":
            bench.server.cluster.uninstall("restores")
        await bench.start(wait=False)
        await bench.until(lambda: not bench.pipeline.store.waiting(), "all that can be read was listed")
        do(story, do="stall", schedule="often")
        [run] = [run for run in story.stage.open if run.spec.name == "often"]
        story.advance(MINUTE)
        await bench.until(lambda: ("velero", run.name) in open_runs(bench), "the run is open")
        await bench.stop()
        bench.server.cluster.delete("backups", "velero", run.name)
        for _ in range(2):
            await bench.start(wait=False)
            await bench.until(lambda: not bench.pipeline.store.waiting(), "all that can be read was listed")
            await bench.saved()
            assert await bench.counters() == {(OFTEN, Outcome.UNKNOWN): 1}
            assert value(await bench.scrape(), "running_since_timestamp_seconds") is None
            await bench.stop()


def open_runs(bench: Bench) -> set[tuple[str, str]]:
    [known] = bench.pipeline.store.installations("prod")
    return {name for stream in known.streams.values() for name in stream.open}


async def test_what_was_known_is_served_before_the_first_list(tmp_path: Path) -> None:
    story = play(LASTING)
    async with Bench(story, tmp_path) as bench:
        await bench.start()
        Recount(story).advance(3 * HOUR)
        do(story, do="stall", schedule="hourly")
        await bench.settle()
        await bench.saved()
        before = await bench.scrape()
        assert value(before, "running_deadline_timestamp_seconds", "hourly")
        await bench.server.down()
        for _ in range(2):
            await bench.restart(wait=False)
            await bench.until(lambda: bench.up("prod") is False, "the outage is seen")
            await bench.until(lambda: not bench.pipeline.store.marks, "it is shown", step=0)
            await bench.pipeline.renderer.update()
            seen = await bench.scrape()
            assert seen.value("backup_sentinel_cluster_up") == 0
            assert remembered(seen) == remembered(before)
            await bench.saved()
        await bench.server.up()
        async with bench.whole(*(f"kube_backup_{name}" for name in OF_OBJECTS)):
            await bench.recovered()
        assert remembered(await bench.scrape()) == remembered(before)


async def test_instants_outlive_their_objects_and_the_process(tmp_path: Path) -> None:
    story = play(LASTING)
    async with Bench(story, tmp_path) as bench:
        await bench.start()
        truth = Recount(story)
        truth.advance(HOUR)
        do(story, do="pause", schedule="often")
        do(story, do="restore", schedule="nightly", duration="2m")
        do(story, do="delete", schedule="hourly")
        await bench.settle()
        bench.server.cluster.put(schedule_of(story, "nightly", "0 2 * * *"))
        truth.advance(HOUR)
        await bench.settle()
        await bench.saved()
        before = remembered(await bench.scrape())
        seen = Seen(before, {})
        for name in (
            "last_success",
            "last_failure",
            "last_recovery_point",
            "schedule_created",
            "schedule_paused_since",
        ):
            assert value(seen, f"{name}_timestamp_seconds") is not None
        assert value(seen, "last_restore_success_timestamp_seconds", "nightly") is not None
        assert value(seen, "schedule_deleted_timestamp_seconds", "hourly") is not None
        changed = {key: s.cron_changed for key, s in streams(bench).items()}
        assert any(changed.values())

        await bench.stop()
        for name in ("backups", "restores"):
            for manifest in bench.server.cluster.objects(name):
                bench.server.cluster.delete(name, "velero", manifest["metadata"]["name"])
        await bench.start()
        now = await bench.scrape()
        assert remembered(now) == before
        assert not now.find("kube_backup_existing_runs")
        assert {key: s.cron_changed for key, s in streams(bench).items()} == changed

        await bench.stop()
        bench.clock.move(8 * DAY)
        await bench.start()
        assert value(await bench.scrape(), "schedule_deleted_timestamp_seconds", "hourly") is None


def schedule_of(story: Story, name: str, cron: str) -> dict[str, Any]:
    story.stage.sites[0].schedules[name].cron = cron
    [manifest] = story.stage.sites[0].operator.promise(
        story.stage.sites[0], story.stage.sites[0].schedules[name]
    )
    return manifest


def streams(bench: Bench) -> dict[str, Any]:
    [known] = bench.pipeline.store.installations("prod")
    return {key.schedule: stream for key, stream in known.streams.items()}


async def test_what_changed_while_down_is_noticed(tmp_path: Path) -> None:
    story = play(LASTING)
    async with Bench(story, tmp_path) as bench:
        await bench.start()
        await bench.stop()
        bench.clock.move(60.0)
        do(story, do="delete", schedule="hourly")
        do(story, do="pause", schedule="often")
        do(story, do="resume", schedule="legacy")
        bench.server.cluster.put(schedule_of(story, "nightly", "0 2 * * *"))
        bench.server.cluster.uninstall("podvolumebackups")
        began = bench.clock.now()
        await bench.start(wait=False)
        await bench.until(lambda: not bench.pipeline.store.waiting(), "all that is there was listed", step=0)
        await bench.pipeline.renderer.update()
        seen = await bench.scrape()
        assert value(seen, "schedule_deleted_timestamp_seconds", "hourly") == began
        assert value(seen, "schedule_paused_since_timestamp_seconds") == began
        known = streams(bench)
        assert (known["legacy"].unpaused, known["nightly"].cron_changed) == (began, began)
        up = seen.value("backup_sentinel_resource_up", resource="podvolumebackups.velero.io")
        assert up == 0, "what was served in an earlier life is missing now"


async def test_lost_state_starts_at_zero_and_does_not_jump(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    story = play(LASTING)
    async with Bench(story, tmp_path) as bench:
        await bench.start()
        truth = Recount(story)
        truth.advance(2 * HOUR)
        await bench.settle()
        await bench.stop()
        [file] = tmp_path.glob("*.gz")
        file.write_bytes(b"garbage")
        await bench.start()
        await bench.saved()
        assert await bench.counters() == {}
        assert "starting without memory" in caplog.text
        fresh = Recount(story)
        fresh.advance(HOUR)
        await bench.restart()
        await bench.saved()
        assert await bench.counters() == fresh.totals()


async def test_memory_that_can_be_read_only_later_makes_no_jump(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    story = play(LASTING)
    async with Bench(story, tmp_path) as bench:
        await bench.start()
        truth = Recount(story)
        truth.advance(2 * HOUR)
        do(story, do="stall", schedule="hourly")
        do(story, do="pause", schedule="nightly")
        await bench.settle()
        await bench.saved()
        before = await bench.scrape()
        await bench.stop()
        truth.advance(HOUR)
        do(story, do="finish", schedule="hourly")
        bench.switch.away = True
        await bench.start()
        truth.advance(HOUR)
        await bench.settle()
        await bench.until(lambda: "cannot read or save the state" in caplog.text, "it is said")
        seen = await bench.scrape()
        assert not seen.find("kube_backup_runs_total"), "nothing is counted in public"
        assert (seen.value("backup_sentinel_state_save_failures_total") or 0) > 0

        bench.switch.away = False
        await bench.saved()
        assert await bench.counters() == truth.totals()
        name = "schedule_paused_since_timestamp_seconds"
        assert value(await bench.scrape(), name, "nightly") == value(before, name, "nightly")
        await bench.restart()
        await bench.saved()
        assert await bench.counters() == truth.totals()
        assert [line.levelno for line in caplog.records].count(logging.ERROR) == 1


async def test_a_first_start_before_an_archive_that_is_away_counts_all_since_then(tmp_path: Path) -> None:
    story = play(LASTING)
    async with Bench(story, tmp_path) as bench:
        bench.switch.away = True
        await bench.start()
        truth = Recount(story)
        truth.advance(2 * HOUR)
        await bench.settle()
        assert not (await bench.scrape()).find("kube_backup_runs_total")
        bench.switch.away = False
        await bench.saved()
        assert await bench.counters() == truth.totals()
        await bench.restart()
        await bench.saved()
        assert await bench.counters() == truth.totals()


async def test_nothing_is_written_while_nothing_lasting_happens_and_never_more_often_than_said(
    tmp_path: Path,
) -> None:
    story = play(LASTING)
    async with Bench(story, tmp_path) as bench:
        await bench.start()
        await bench.saved()
        writes = bench.switch.writes
        began = bench.clock.now()
        await bench.until(
            lambda: bench.clock.now() > began + HOUR, "an hour in which nothing happens", step=20
        )
        assert bench.switch.writes == writes
        for _ in range(40):
            story.advance(MINUTE)
            await bench.until(lambda: bench.behind() is None, "it is seen", step=0)
        assert 5 < bench.switch.writes - writes <= 40 * MINUTE / 15


async def test_no_change_of_what_is_saved_goes_unnoticed(tmp_path: Path) -> None:
    story = play()
    async with Bench(story, tmp_path) as bench:
        await bench.start()
        chance, changed = random.Random(3), 0
        store = bench.pipeline.store
        for step in range(150):
            before, number = store.save("prod"), store.marks.changes("prod")
            what = chance.choice(
                ["advance", "advance", "pause", "resume", "delete run", "outage", "uninstall"]
            )
            if what == "advance":
                story.advance(chance.uniform(1, 90) * MINUTE)
            elif what == "outage":
                await bench.reconnect()
                bench.server.cluster.compact()
            elif what == "uninstall":
                bench.server.cluster.uninstall("podvolumebackups")
                bench.server.cluster.install(
                    next(kind for kind in TYPES if kind.plural == "podvolumebackups")
                )
            elif what == "delete run":
                names = [manifest["metadata"]["name"] for manifest in bench.server.cluster.objects("backups")]
                bench.server.cluster.delete("backups", "velero", chance.choice(names))
            else:
                do(story, do=what, schedule="often")
            bench.clock.move(chance.choice([0.5, 20]))
            await asyncio.sleep(0.02)
            if store.save("prod") != before:
                changed += 1
                assert store.marks.changes("prod") != number, (step, what)
        assert changed > 50


async def test_another_pipeline_takes_over_without_a_step_back(tmp_path: Path) -> None:
    story = play(LASTING)
    async with Bench(story, tmp_path) as bench:
        await bench.start()
        truth = Recount(story)
        truth.advance(HOUR)
        await bench.settle()
        await bench.saved()
        old, task = bench.pipeline, bench._task
        assert bench.archive is not None
        await bench.start(inherit=old)
        truth.advance(HOUR)
        await bench.settle()
        bench.clock.move(16)
        await bench.until(
            lambda: sum(counters_of(old).values()) == sum(truth.totals().values()), "the old one saved"
        )
        before = counters_of(old)
        assert task is not None
        await bench.end(task)
        await bench.pipeline.keep()
        assert all(counters_of(bench.pipeline).get(key, 0) >= total for key, total in before.items())
        truth.advance(HOUR)
        await bench.settle()
        await bench.saved()
        assert await bench.counters() == truth.totals()


def counters_of(pipeline: Pipeline) -> dict[object, int]:
    return {
        (key, outcome): total
        for known in pipeline.store.installations()
        for key, stream in known.streams.items()
        for outcome, total in stream.ledger.counters.items()
        if total
    }


async def test_a_cluster_that_is_taken_out_and_put_back_remembers(tmp_path: Path) -> None:
    story = play(LASTING)
    async with Bench(story, tmp_path) as bench:
        await bench.start()
        truth = Recount(story)
        truth.advance(HOUR)
        await bench.settle()
        bench.pipeline.want([])
        await bench.until(lambda: not bench.pipeline.store.clusters, "the cluster is gone")
        truth.advance(HOUR)
        bench.pipeline.want([bench.settings("prod")])
        await bench.settle()
        await bench.saved()
        assert await bench.counters() == truth.totals()
