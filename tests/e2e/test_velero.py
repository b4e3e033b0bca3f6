"""The main job on real servers: Velero's objects in an API server, our exporter, a Prometheus that scrapes it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from support.apiserver import ApiServer, Rule
from support.exporter import Exporter
from support.process import wait_until
from support.prometheus import Prometheus
from support.velero import GROUP, VERSION, backup, location, schedule, stamp

from .conftest import cluster

pytestmark = pytest.mark.e2e

LAST = "kube_backup_last_{}_timestamp_seconds"
EVERYTHING: list[Rule] = [{"verbs": ["get", "list", "watch"], "groups": ["velero.io"], "resources": ["*"]}]
FAST = {
    "export": {"operators": ["velero"], "discovery_interval_seconds": 0.5, "render_interval_seconds": 0.1}
}


def scrape(exporter: Exporter) -> list[dict[str, object]]:
    target = exporter.url.removeprefix("http://")
    return [{"job_name": "backup-sentinel", "static_configs": [{"targets": [target]}]}]


def create(server: ApiServer, plural: str, obj: dict[str, object]) -> None:
    server.create(GROUP, VERSION, plural, "velero", obj)


def replace(server: ApiServer, plural: str, obj: dict[str, object]) -> None:
    server.patch(GROUP, VERSION, plural, "velero", obj["metadata"]["name"], {"status": obj["status"]})  # type: ignore[index]


def test_a_story_from_objects_to_promql(apiserver: ApiServer, tmp_path: Path) -> None:
    apiserver.grant("reader", "reader", EVERYTHING)
    create(apiserver, "backupstoragelocations", location())
    create(apiserver, "schedules", schedule("shop"))
    now = time.time()
    history = backup(
        "shop-1", "Completed", schedule="shop", startTimestamp=stamp(now), completionTimestamp=stamp(now + 5)
    )
    create(apiserver, "backups", history)
    settings = {"clusters": [cluster(apiserver, "reader", tmp_path)], **FAST}
    with Exporter(tmp_path / "exporter", settings) as exporter:
        exporter.wait_ready()
        with Prometheus(tmp_path / "prometheus", scrape(exporter)) as prometheus:
            s = 'schedule="shop",cluster="prod",operator="velero",resource_namespace="velero",location="default"'
            prometheus.wait_for(f"kube_backup_last_success_timestamp_seconds{{{s}}} > {now - 60}")
            # What was there before is not counted; all outcomes are there to be increased.
            [counted] = prometheus.query(f"sum(kube_backup_runs_total{{{s}}})")
            assert counted.value == 0
            assert prometheus.query(f'kube_backup_existing_runs{{{s},outcome="succeeded"}} == 1')
            assert prometheus.query(f"kube_backup_schedule_next_due_timestamp_seconds{{{s}}} > time()")
            assert prometheus.query(
                f"kube_backup_schedule_deadline_timestamp_seconds{{{s}}} > time() + 86400"
            )
            assert prometheus.query('kube_backup_location_available{location="default"} == 1')

            # A run goes through its phases and fails in part.
            create(apiserver, "backups", backup("shop-2", schedule="shop"))
            prometheus.wait_for(f"kube_backup_pending_since_timestamp_seconds{{{s}}}")
            replace(
                apiserver,
                "backups",
                backup("shop-2", "InProgress", schedule="shop", startTimestamp=stamp(time.time())),
            )
            prometheus.wait_for(f"kube_backup_running{{{s}}} == 1")
            finished = backup(
                "shop-2",
                "PartiallyFailed",
                schedule="shop",
                errors=2,
                completionTimestamp=stamp(time.time() + 1),
            )
            replace(apiserver, "backups", finished)
            prometheus.wait_for(f'kube_backup_last_run_info{{{s},run="shop-2",outcome="partial"}}')
            prometheus.wait_for(f'kube_backup_runs_total{{{s},outcome="partial"}} == 1')
            assert prometheus.query(f"kube_backup_last_errors{{{s}}} == 2")
            assert prometheus.query(f"kube_backup_running{{{s}}} == 0")

            # The next one fails, and its object is deleted: what is known stays.
            failed = backup(
                "shop-3",
                "Failed",
                schedule="shop",
                failureReason="InvalidAccessKeyId: the key does not exist",
            )
            create(apiserver, "backups", failed)
            prometheus.wait_for(f'kube_backup_last_run_info{{{s},outcome="failed",reason="credentials"}}')
            assert prometheus.query(f"kube_backup_consecutive_failures{{{s}}} == 1")
            apiserver.delete(GROUP, VERSION, "backups", "velero", "shop-3")
            apiserver.delete(GROUP, VERSION, "backups", "velero", "shop-1")
            prometheus.wait_for(f'absent(kube_backup_existing_runs{{{s},outcome="failed"}})')
            assert prometheus.query(f"kube_backup_last_failure_timestamp_seconds{{{s}}}")
            assert prometheus.query(f"kube_backup_last_success_timestamp_seconds{{{s}}} > {now - 60}")

            # The schedule is deleted: a tombstone, and no verdicts any more.
            apiserver.delete(GROUP, VERSION, "schedules", "velero", "shop")
            prometheus.wait_for('kube_backup_schedule_deleted_timestamp_seconds{schedule="shop"}')
            assert not exporter.samples(LAST.format("failure"), schedule="shop")
            [target] = prometheus.targets()
            assert target["health"] == "up"


def test_rights_and_kinds_that_come_and_go(
    apiserver: ApiServer, data_crds: dict[str, dict[str, object]], tmp_path: Path
) -> None:
    some: list[Rule] = [
        {
            "verbs": ["get", "list", "watch"],
            "groups": ["velero.io"],
            "resources": ["backups", "schedules", "datauploads"],
        }
    ]
    apiserver.grant("limited", "limited", some)
    settings = {"clusters": [cluster(apiserver, "limited", tmp_path)], **FAST}
    with Exporter(tmp_path / "exporter", settings) as exporter:
        exporter.wait_ready()
        up = "backup_sentinel_resource_up"
        wait_until(
            lambda: exporter.value(up, resource="restores.velero.io") == 0 or None, "restores are forbidden"
        )
        assert exporter.value(up, resource="backups.velero.io") == 1
        assert exporter.value("backup_sentinel_cluster_up") == 1
        assert exporter.value(up, resource="datauploads.velero.io") is None
        said = [line for line in exporter.lines() if line.get("resource") == "restores.velero.io"]
        assert len(said) == 1, said

        apiserver.grant("limited", "limited", EVERYTHING)
        wait_until(
            lambda: exporter.value(up, resource="restores.velero.io") == 1 or None, "restores are allowed", 60
        )

        for manifest in data_crds.values():
            apiserver.apply_crd(manifest)
        wait_until(
            lambda: exporter.value(up, resource="datauploads.velero.io") == 1 or None,
            "data uploads are found",
        )
        assert exporter.value("backup_sentinel_objects", resource="datauploads.velero.io") == 0


def test_an_api_server_that_is_killed_and_comes_back(apiserver: ApiServer, tmp_path: Path) -> None:
    apiserver.grant("loyal", "loyal", EVERYTHING)
    create(apiserver, "schedules", schedule("loyal"))
    create(apiserver, "backups", backup("loyal-1", "Completed", schedule="loyal"))
    settings = {"clusters": [cluster(apiserver, "loyal", tmp_path)], **FAST}
    with Exporter(tmp_path / "exporter", settings) as exporter:
        exporter.wait_ready()
        before = exporter.value(LAST.format("success"), schedule="loyal")
        assert before is not None
        apiserver.kill()
        wait_until(lambda: exporter.value("backup_sentinel_cluster_up") == 0 or None, "the outage is seen")
        assert exporter.value(LAST.format("success"), schedule="loyal") == before
        assert exporter.get("/-/healthy")[0] == 200
        assert exporter.get("/-/ready")[0] == 200
        assert [line["reason"] for line in exporter.lines() if line["level"] == "warning"] == ["unreachable"]

        apiserver.restart()
        # While it was away everything the exporter had seen became history of the server.
        create(apiserver, "backups", backup("loyal-2", "Failed", schedule="loyal"))
        apiserver.compact()
        wait_until(
            lambda: exporter.value("backup_sentinel_cluster_up") == 1 or None, "the server is back", 90
        )
        wait_until(
            lambda: exporter.value(LAST.format("failure"), schedule="loyal"), "the new run is seen", 60
        )
        assert exporter.value("kube_backup_runs_total", schedule="loyal", outcome="failed") == 1
        assert exporter.value("kube_backup_runs_total", schedule="loyal", outcome="succeeded") == 0


def test_an_expired_watch(apiserver: ApiServer, tmp_path: Path) -> None:
    import signal

    apiserver.grant("sleeper", "sleeper", EVERYTHING)
    create(apiserver, "schedules", schedule("sleeper"))
    settings = {"clusters": [cluster(apiserver, "sleeper", tmp_path)], **FAST}
    with Exporter(tmp_path / "exporter", settings) as exporter:
        exporter.wait_ready()
        lists = exporter.value("backup_sentinel_lists_total", resource="backups.velero.io", result="success")
        exporter.signal(signal.SIGSTOP)
        try:
            create(apiserver, "backups", backup("sleeper-1", "Completed", schedule="sleeper"))
            apiserver.kill()
            apiserver.restart()
            create(apiserver, "backups", backup("sleeper-2", "PartiallyFailed", schedule="sleeper"))
            apiserver.delete(GROUP, VERSION, "backups", "velero", "sleeper-1")
            apiserver.compact()
        finally:
            exporter.signal(signal.SIGCONT)
        wait_until(
            lambda: exporter.value(LAST.format("partial"), schedule="sleeper"), "the new state is seen", 90
        )
        wait_until(
            lambda: (
                not exporter.samples("kube_backup_existing_runs", schedule="sleeper", outcome="succeeded")
                or None
            ),
            "the deletion is seen",
        )
        after = exporter.value("backup_sentinel_lists_total", resource="backups.velero.io", result="success")
        assert lists is not None
        assert after is not None
        assert after >= lists
        assert exporter.value("kube_backup_runs_total", schedule="sleeper", outcome="partial") == 1
