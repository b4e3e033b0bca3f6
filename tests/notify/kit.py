"""Clusters with K10 on simulated API servers, a mail server, and a clock that begins where the test says."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from email.message import EmailMessage
from typing import Any, Self

from backup_sentinel.clock import Clock
from backup_sentinel.config import Config, LogSettings
from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.cluster import SimulatedCluster
from backup_sentinel.demo.operators import load_operator
from backup_sentinel.demo.times import instant, rfc3339
from backup_sentinel.export.settings import ExportSettings
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.notify.settings import NotifySettings, RecordSettings
from backup_sentinel.relay.channels import ChannelSettings
from backup_sentinel.relay.channels.email import EmailSettings
from backup_sentinel.relay.settings import RelaySettings
from support.mailserver import Mail, MailServer

NOW = instant("2026-03-05T10:00:00Z")
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
KASTEN = "kasten-io"
HOME = "monitoring"
RECORD = "backup-sentinel-sent"
CAUSE = (
    '{"cause":{"fields":[{"name":"FailedSubPhases","value":[{"Err":{"cause":{"message":"InvalidAccessKeyId: '
    'The AWS Access Key Id you provided does not exist in our records"},"message":"Failed to access the object '
    'store"},"ID":"export"}]}],"message":"Failure in planning phase"},"message":"Failure in subphases"}'
)
SAID = "InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records"


class WoundClock(Clock):
    """Begins at an instant and goes on as time does; `wind` moves it."""

    def __init__(self, at: float = NOW) -> None:
        self._ahead = at - time.monotonic()

    def now(self) -> float:
        return self._ahead + time.monotonic()

    def wind(self, seconds: float) -> None:
        self._ahead += seconds


class K10:
    """One cluster with K10; it is served while the block lasts."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self.cluster = SimulatedCluster(name, load_operator("kasten").types, clock=clock)
        self.server = SimulatedApiServer(self.cluster)

    async def __aenter__(self) -> Self:
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.stop()

    def settings(self, **changes: Any) -> ClusterSettings:
        return ClusterSettings(name=self.name, api_url=self.server.url, **changes)

    def policy(self, name: str = "daily", frequency: str = "@daily") -> None:
        """Put a policy that was made twelve hours ago."""
        spec = {"frequency": frequency}
        created = self.clock.now() - 12 * HOUR
        self.put("config.kio.kasten.io/v1alpha1", "Policy", name, KASTEN, created=created, spec=spec)

    def run(
        self,
        name: str,
        ended: float,
        state: str = "Failed",
        *,
        policy: str = "daily",
        namespaces: tuple[str, ...] = (),
        error: object = CAUSE,
    ) -> None:
        """Put the run of a policy that took ten minutes, with a BackupAction for each namespace."""
        subject = {"kind": "Policy", "name": policy, "namespace": KASTEN}
        status = {"state": state, "startTime": rfc3339(ended - 600), "endTime": rfc3339(ended)}
        if state == "Failed":
            status["error"] = {"message": "Job failed to be executed", "cause": error}  # type: ignore[assignment]
        labels = {"k10.kasten.io/policyName": policy, "k10.kasten.io/policyNamespace": KASTEN}
        kind = "actions.kio.kasten.io/v1alpha1"
        created = ended - 600
        self.put(
            kind,
            "RunAction",
            name,
            KASTEN,
            created=created,
            labels=labels,
            spec={"subject": subject},
            status=status,
        )
        for namespace in namespaces:
            application = {"k10.kasten.io/appName": namespace, "k10.kasten.io/appNamespace": namespace}
            self.put(
                kind,
                "BackupAction",
                f"scheduled-{name}",
                namespace,
                created=created,
                labels={**labels, **application, "k10.kasten.io/runActionName": name},
                spec={"subject": {"kind": "Namespace", "name": namespace}},
                status=status,
            )

    def put(self, version: str, kind: str, name: str, namespace: str, *, created: float, **more: Any) -> None:
        metadata = {
            "name": name,
            "namespace": namespace,
            "creationTimestamp": rfc3339(created),
            "labels": more.pop("labels", {}),
        }
        self.cluster.put({"apiVersion": version, "kind": kind, "metadata": metadata, **more})

    def record(self, name: str = RECORD) -> dict[str, str]:
        """Return the data of the ConfigMap that remembers; empty where there is none."""
        maps = self.cluster.objects("configmaps", HOME)
        return next((dict(one["data"]) for one in maps if one["metadata"]["name"] == name), {})


class World:
    """Some clusters, a mail server, and the configuration that joins them. The record is kept in the first cluster."""

    def __init__(self, *names: str, now: float = NOW) -> None:
        self.clock = WoundClock(now)
        self.clusters = [K10(name, self.clock) for name in names or ("prod-eu",)]
        self.smtp = MailServer()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for cluster in self.clusters:
            await self._stack.enter_async_context(cluster)
        self.smtp.start()
        self._stack.callback(self.smtp.stop)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def home(self) -> K10:
        return self.clusters[0]

    @property
    def mails(self) -> list[Mail]:
        return self.smtp.mails

    def mail(self, **changes: Any) -> EmailSettings:
        given: dict[str, Any] = {
            "name": "mail",
            "host": "127.0.0.1",
            "port": self.smtp.port,
            "encryption": "none",
            "from_": "backups@example.org",
            "to": ("ops@example.org",),
        }
        return EmailSettings(**{**given, **changes})

    def config(
        self,
        *,
        channels: tuple[ChannelSettings, ...] | None = None,
        record: Mapping[str, Any] | None = None,
        outbox: str = "",
        **notify: Any,
    ) -> Config:
        kept = {"cluster": self.home.name, "namespace": HOME, **(record or {})}
        relay = RelaySettings(channels=channels if channels is not None else (self.mail(),))
        if outbox:
            relay = RelaySettings(channels=relay.channels, outbox=type(relay.outbox)(path=outbox))
        return Config(
            log=LogSettings(level="warning"),
            clusters=tuple(one.settings() for one in self.clusters),
            export=ExportSettings(operators=("kasten", "velero")),
            relay=relay,
            notify=NotifySettings(record=RecordSettings(**kept), **notify),
        )


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())
