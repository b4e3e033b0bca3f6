"""What goes wrong between an exporter and a real API server, and ends without a restart of either's other half."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.apiserver import ApiServer, Rule, resource_path
from support.exporter import Exporter
from support.process import wait_until
from support.velero import GROUP, VERSION, backup, location, schedule

from .conftest import cluster

pytestmark = pytest.mark.e2e

EVERYTHING: Rule = {"verbs": ["get", "list", "watch"], "groups": ["velero.io"], "resources": ["*"]}
FAST = {
    "export": {"operators": ["velero"], "discovery_interval_seconds": 0.5, "render_interval_seconds": 0.1}
}
PROMISES = [
    f"kube_backup_{name}_timestamp_seconds"
    for name in (
        "schedule_deadline",
        "schedule_next_due",
        "schedule_created",
        "last_success",
        "last_recovery_point",
    )
]


class Watched:
    """An exporter that reads one namespace, and what it said about its schedule at the beginning."""

    def __init__(self, server: ApiServer, exporter: Exporter, namespace: str, token: Path) -> None:
        self.server = server
        self.exporter = exporter
        self.namespace = namespace
        self.token = token
        self._runs = 1
        self.before = self.promises()

    def promises(self) -> dict[str, float | None]:
        return {name: self.exporter.value(name, schedule="shop") for name in PROMISES}

    def up(self, wanted: int) -> None:
        """Wait until the cluster is known to answer, or not to; until then and after it nothing may vanish."""
        look: Callable[[], bool] = lambda: self.exporter.value("backup_sentinel_cluster_up") == wanted  # noqa: E731
        wait_until(look, f"the cluster is up: {wanted}", 90)
        assert self.promises() == self.before

    def run(self) -> None:
        """Let a run finish and see it counted once."""
        self._runs += 1
        self.server.create(
            GROUP,
            VERSION,
            "backups",
            self.namespace,
            backup(f"shop-{self._runs}", "Failed", schedule="shop", namespace=self.namespace),
        )
        look: Callable[[], bool] = (  # noqa: E731
            lambda: (
                self.exporter.value("kube_backup_runs_total", schedule="shop", outcome="failed")
                == self._runs - 1
            )
        )
        wait_until(look, "the run is counted", 60)

    def said(self) -> list[str]:
        return [line["reason"] for line in self.exporter.lines() if line["level"] == "warning"]


@pytest.fixture
def watched(apiserver: ApiServer, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Watched]:
    namespace = str(request.node.name).replace("_", "-")[:60].rstrip("-")
    apiserver.grant(namespace, namespace, [EVERYTHING])
    token = tmp_path / "token"
    token.write_text(namespace)
    for plural, made in (
        ("backupstoragelocations", location(namespace=namespace)),
        ("schedules", schedule("shop", namespace=namespace)),
        ("backups", backup("shop-1", "Completed", schedule="shop", namespace=namespace)),
    ):
        apiserver.create(GROUP, VERSION, plural, namespace, made)
    entry: dict[str, Any] = cluster(apiserver, "", tmp_path, namespaces=[namespace], token_file=str(token))
    del entry["token"]
    with Exporter(tmp_path / "exporter", {"clusters": [entry], **FAST}) as exporter:
        exporter.wait_ready()
        yield Watched(apiserver, exporter, namespace, token)


def test_a_token_that_is_rotated(watched: Watched) -> None:
    watched.server.revoke(watched.namespace)
    watched.server.restart()
    watched.up(0)
    assert "unauthorized" in watched.said()
    watched.server.grant("fresh", watched.namespace, [EVERYTHING])
    watched.token.write_text("fresh")
    watched.up(1)
    watched.run()


def test_a_certificate_and_its_authority_that_are_exchanged(watched: Watched) -> None:
    server = watched.server
    server.stop()
    for name in ("ca.crt", "tls.crt", "tls.key", "ca.key"):
        (server.directory / name).unlink(missing_ok=True)
    server.start()
    # The file that the configuration names is the new one by now, as it is where a volume is renewed.
    watched.up(1)
    watched.run()
    # A server whose caches are still empty says that too many ask at once.
    assert set(watched.said()) <= {"unreachable", "tls", "throttled"}


def test_a_right_that_is_taken_and_given_back(watched: Watched) -> None:
    server = watched.server
    some: Rule = {**EVERYTHING, "resources": ["schedules", "backupstoragelocations"]}
    server.grant(watched.namespace, watched.namespace, [some])
    server.restart()
    up = "backup_sentinel_resource_up"
    wait_until(
        lambda: watched.exporter.value(up, resource="backups.velero.io") == 0, "backups are forbidden", 60
    )
    assert watched.promises() == watched.before
    assert watched.exporter.value("backup_sentinel_cluster_up") == 1
    server.grant(watched.namespace, watched.namespace, [EVERYTHING])
    wait_until(
        lambda: watched.exporter.value(up, resource="backups.velero.io") == 1, "they are allowed again", 90
    )
    watched.run()


def test_a_watch_that_is_cut_by_the_server_again_and_again(watched: Watched) -> None:
    for _ in range(3):
        watched.server.kill()
        watched.server.start()
        watched.up(1)
        watched.run()


def test_versions_that_are_forgotten_and_a_list_that_has_expired(watched: Watched) -> None:
    server = watched.server
    for number in range(2):
        watched.exporter.signal(signal.SIGSTOP)
        try:
            for run in range(3):
                made = backup(f"by-hand-{number}-{run}", "Completed", namespace=watched.namespace)
                server.create(GROUP, VERSION, "backups", watched.namespace, made)
            server.stop()
            server.start()
            server.compact()
        finally:
            watched.exporter.signal(signal.SIGCONT)
        path = resource_path(GROUP, VERSION, "backups", watched.namespace)
        old = server.request("GET", path, query={"watch": True, "resourceVersion": "1", "timeoutSeconds": 1})
        assert old.status == 410 or b'"code":410' in old.body, "the server has forgotten"
        watched.up(1)
        watched.run()
    existing = watched.exporter.value("kube_backup_existing_runs", schedule="", outcome="succeeded")
    assert existing == 6, "what came while nobody watched is known"
