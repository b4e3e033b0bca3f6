"""What Prometheus reads is what prometheus-client would have written."""

import asyncio
import os
import re
import shutil
import subprocess
from collections import Counter

import pytest
from hypothesis import given, settings
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from backup_sentinel.export.exposition import FAMILIES, Format, Kind, Renderer
from backup_sentinel.export.exposition.labels import NAMES, names
from backup_sentinel.export.exposition.renderer import number
from backup_sentinel.export.store import Scope
from backup_sentinel.model import Run, Schedule
from backup_sentinel.telemetry import Telemetry
from export.exposition.pages import families, nothing, samples, text, touch, worlds
from export.store.world import (
    DAY,
    FAILED,
    FORBIDDEN,
    GIB,
    HOUR,
    MONDAY,
    World,
    key,
    location,
    restore,
    run,
    schedule,
    volume,
)
from support.process import TOOLS

FORMATS = list(Format)


def reference(world: World, form: Format) -> str:
    """Return the same families as prometheus-client writes them."""

    class Collector:
        def collect(self) -> list[Metric]:
            metrics = {}
            for family in FAMILIES:
                name = family.name.removesuffix("_total") if family.kind is Kind.COUNTER else family.name
                metrics[family.name] = Metric(name, family.help, family.kind)
            touch(world.store)
            for name, labels, value in world.scrape():
                written = {n: v.encode("utf-8", "replace").decode() for n, v in labels}
                metrics[name].add_sample(name, written, value)
            return list(metrics.values())

    registry = CollectorRegistry()
    registry.register(Collector())
    body = generate_openmetrics(registry) if form is Format.OPENMETRICS else generate_latest(registry)  # type: ignore[no-untyped-call]
    return bytes(body).decode()


@pytest.mark.parametrize("form", FORMATS)
@given(world=worlds())
@settings(deadline=None, max_examples=60)
def test_any_page_parses_to_the_samples_of_prometheus_client(form: Format, world: World) -> None:
    mine, theirs = families(text(world.store, form), form), families(reference(world, form), form)
    assert samples(mine) == samples(theirs)
    assert [(m.name, m.type, m.documentation) for m in mine] == [
        (m.name, m.type, m.documentation) for m in theirs
    ]


@given(world=worlds())
@settings(deadline=None, max_examples=60)
def test_no_series_is_there_twice(world: World) -> None:
    found = Counter(sample[:2] for sample in samples(families(text(world.store), Format.TEXT)))
    assert not {series for series, count in found.items() if count > 1}


def ordinary(world: World) -> World:
    """Fill a world with everything that a page can show."""
    of = key("nightly-all-namespaces", cluster="production-eu-1")
    known = {
        "of": of,
        "location": "default",
        "errors": 0,
        "warnings": 0,
        "items": 4242,
        "items_expected": 4242,
    }
    runs = [
        run(at, ended=at + HOUR, expires=at + 30 * DAY, size=GIB, **known)  # type: ignore[arg-type]
        for at in (MONDAY + day * DAY for day in range(8))
    ]
    places = {"cluster": of.cluster, "namespace": of.namespace}
    world.start(schedule(of=of, timezone="Europe/Vienna", location="default"), cluster=of.cluster)
    world.list(world.feed("run", cluster=of.cluster), *runs)
    world.put(location(**places), volume(runs[-1], size=GIB))
    return world


def busy(world: World) -> World:
    """Add what is not there on an ordinary day, so that each family has a sample."""
    ordinary(world)
    one = run(MONDAY, of=key("weekly"), timeout=HOUR)
    world.start(schedule(of=key("weekly"), paused=True, max_age=DAY, restore_test_max_age=DAY), one)
    world.put(run(MONDAY + 1, FAILED, of=key("weekly")), run(MONDAY, of=key("")), restore(MONDAY, one.name))
    world.store.outage(world.feed("volume"), FORBIDDEN)
    world.store.skew("prod", 0.25)
    return world


@pytest.mark.parametrize("form", FORMATS)
def test_each_family_has_its_head_once_and_in_a_fixed_order(world: World, form: Format) -> None:
    order = [family.name for family in FAMILIES]
    for body in (text(world.store, form), text(busy(world).store, form)):
        heads = re.findall(r"^# TYPE (\S+) (\S+)$", body, re.MULTILINE)
        suffix = {"counter": "_total"} if form is Format.OPENMETRICS else {}
        assert [name + suffix.get(kind, "") for name, kind in heads] == order
        assert len(re.findall(r"^# HELP ", body, re.MULTILINE)) == len(order)


def grown(records: list[Schedule | Run], form: Format) -> bytes:
    """Return the page of a renderer that has seen one object after the other."""

    async def compose() -> bytes:
        world = World()
        world.start(cluster="prod")
        renderer = Renderer(world.store, nothing)
        for record in records:
            world.put(record)
            await renderer.update()
        return (await renderer.page(form)).plain

    return asyncio.run(compose())


@pytest.mark.parametrize("form", FORMATS)
def test_a_page_does_not_depend_on_the_order_in_which_objects_came(form: Format) -> None:
    objects: list[Schedule | Run] = [schedule(of=key(name)) for name in ("b", "a", "c")]
    objects += [run(MONDAY + i, of=key(name)) for i, name in enumerate("cab")]
    assert len({grown(order, form) for order in (objects, objects[::-1], sorted(objects, key=repr))}) == 1


def test_labels_come_in_one_order_and_all_families_of_schedules_share_them(world: World) -> None:
    busy(world).put(run(MONDAY, of=key(target="a")))
    by_name = {family.name: family for family in FAMILIES}
    for line in text(world.store).splitlines():
        if not line.startswith("#"):
            found = re.findall(r'(\w+)="', line)
            order = names(by_name[re.split("[{ ]", line)[0]])
            assert found == [name for name in order if name in found], line
    assert NAMES[Scope.STREAM] == (
        "cluster", "operator", "resource_namespace", "schedule", "action", "target", "location",
    )  # fmt: skip


def test_no_family_has_a_label_that_set_ups_of_prometheus_overwrite() -> None:
    taken = {"namespace", "pod", "container", "endpoint", "service", "job", "instance", "prometheus"}
    assert not {(family.name, name) for family in FAMILIES for name in names(family) if name in taken}


def test_names_of_runs_and_reasons_are_labels_of_info_families_only() -> None:
    for family in FAMILIES:
        if family.name == "kube_backup_events_total":  # the reasons are those that a profile lists
            continue
        if {"run", "reason", "cron", "timezone", "provider"} & set(names(family)):
            assert family.name.endswith("_info"), family.name


def test_clusters_without_a_name_have_no_label_for_it(world: World) -> None:
    world.put(schedule(of=key(cluster="")), run(MONDAY, of=key(cluster="")))
    assert "cluster=" not in text(world.store)
    assert 'kube_backup_last_success_timestamp_seconds{operator="velero",' in text(world.store)


def test_names_follow_the_conventions() -> None:
    for family in FAMILIES:
        assert family.name.startswith(("kube_backup_", "backup_sentinel_"))
        assert family.name.endswith("_total") is (family.kind is Kind.COUNTER)
        assert family.help.endswith(".")
        assert family.source


def test_the_catalogue_is_complete() -> None:
    stream = """schedule_info schedule_paused schedule_valid schedule_paused_since_timestamp_seconds
        schedule_created_timestamp_seconds schedule_deleted_timestamp_seconds schedule_next_due_timestamp_seconds
        schedule_start_grace_seconds schedule_deadline_timestamp_seconds schedule_max_age_seconds
        schedule_failures_tolerated restore_test_max_age_seconds last_attempt_timestamp_seconds
        last_success_timestamp_seconds last_partial_timestamp_seconds last_failure_timestamp_seconds
        last_recovery_point_timestamp_seconds last_run_info last_duration_seconds last_errors last_warnings last_items
        last_items_expected last_transferred_bytes last_files last_success_size_bytes last_success_items
        size_baseline_bytes consecutive_failures running running_since_timestamp_seconds
        running_deadline_timestamp_seconds pending_since_timestamp_seconds runs_total existing_runs restorable_runs
        newest_expiry_timestamp_seconds last_restore_success_timestamp_seconds volume_bytes volume_failures"""
    assert {f"kube_backup_{name}" for name in stream.split()} == {
        family.name for family in FAMILIES if family.scope is Scope.STREAM
    }
    others = """kube_backup_location_available kube_backup_location_last_validation_timestamp_seconds
        kube_backup_location_last_sync_timestamp_seconds kube_backup_location_info kube_backup_repository_ready
        kube_backup_repository_last_maintenance_timestamp_seconds kube_backup_expired_runs kube_backup_deletion_failures
        backup_sentinel_cluster_up backup_sentinel_blind_seconds_total backup_sentinel_cluster_clock_skew_seconds
        backup_sentinel_resource_up backup_sentinel_resource_last_contact_timestamp_seconds
        backup_sentinel_resource_max_silence_seconds backup_sentinel_objects backup_sentinel_lists_total
        backup_sentinel_watches_total backup_sentinel_watch_events_total"""
    assert set(others.split()) <= {family.name for family in FAMILIES}


def test_a_schedule_and_action_costs_at_most_31_rows_and_6_kilobytes_on_an_ordinary_day(world: World) -> None:
    lines = [line for line in text(ordinary(world).store).splitlines() if 'schedule="nightly' in line]
    assert len(lines) <= 31
    assert sum(len(line) + 1 for line in lines) <= 6000


def test_a_page_grows_with_schedules_and_not_with_runs(world: World) -> None:
    ordinary(world)
    lines = text(world.store).count("\n")
    of = key("nightly-all-namespaces", cluster="production-eu-1")
    world.put(*(run(MONDAY + i * HOUR, of=of, location="default") for i in range(1, 200)))
    assert text(world.store).count("\n") <= lines


@pytest.mark.parametrize("form", FORMATS)
def test_families_of_the_process_and_of_the_store_make_one_valid_page(world: World, form: Format) -> None:
    telemetry = Telemetry()

    def own(form: Format) -> bytes:
        return telemetry.openmetrics() if form is Format.OPENMETRICS else telemetry.text()

    async def compose() -> str:
        renderer = Renderer(busy(world).store, own)
        await renderer.update()
        return (await renderer.page(form)).plain.decode()

    body = asyncio.run(compose())
    names = Counter(metric.name for metric in families(body, form))
    assert max(names.values()) == 1
    assert body.endswith("# EOF\n") is (form is Format.OPENMETRICS)
    assert body.count("# EOF\n") == (form is Format.OPENMETRICS)


def test_promtool_finds_nothing_to_say(world: World) -> None:
    tool = shutil.which("promtool", path=os.pathsep.join([str(TOOLS), os.environ.get("PATH", "")]))
    if tool is None and os.environ.get("CI") == "true":
        pytest.fail("promtool is neither built (make tools) nor installed")
    if tool is None:
        pytest.skip("promtool is neither built (make tools) nor installed")
    body = text(busy(world).store) + Telemetry().text().decode()
    said = subprocess.run(
        [tool, "check", "metrics"], input=body, capture_output=True, text=True, check=False, timeout=60
    )
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (True, "1"),
        (False, "0"),
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e-9, "1e-09"),
        (1772409600.0, "1772409600"),
        (1772409600.25, "1772409600.25"),
        (999999999999999.0, "999999999999999"),
        (1e15, "1000000000000000.0"),
        (1e22, "1e+22"),
        (2**63, "9223372036854775808"),
        (-5, "-5"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (float("nan"), "NaN"),
    ],
)
def test_a_number_is_written_shortly_and_exactly(value: float, written: str) -> None:
    assert number(value) == written
    assert float(written) == value or value != value  # noqa: PLR0124 - not a number is not itself
