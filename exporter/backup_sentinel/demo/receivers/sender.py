"""Hands alerts to the relay: by itself as Alertmanager would, or (`alertmanager`) through a real one."""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, Self

import msgspec

from backup_sentinel.errors import DeliveryError
from backup_sentinel.relay.egress import Egress
from backup_sentinel.relay.message import Alert, Status, common

GROUP_BY = ("alertname", "cluster")
INTERVAL = 10.0
"""Seconds between two messages of one group."""
_TIMEOUT = 10.0

_log = logging.getLogger("backup_sentinel.demo")


class Sender(Protocol):
    """Is told again and again what fires, inside `async with`."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def tell(self, firing: Mapping[str, Alert]) -> None:
        """Take in what fires now, by fingerprint; what is not in it any more is over."""


class Post:
    """Posts JSON to one address of this machine."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._egress = Egress(None)

    async def send(self, body: Any) -> bool:
        """Post, and return whether it was taken."""
        try:
            headers = {"Content-Type": "application/json"}
            async with asyncio.timeout(_TIMEOUT):
                await self._egress.request("POST", self._url, headers=headers, body=json.dumps(body).encode())
        except (DeliveryError, TimeoutError) as error:
            _log.warning("alerts were not taken", extra={"error": str(error) or "no answer"})
            return False
        return True

    async def close(self) -> None:
        """Close the connections."""
        await self._egress.close()


class Direct:
    """Groups alerts and posts each group to the relay when it has changed, in the form of Alertmanager's webhook."""

    def __init__(self, url: str) -> None:
        """`url` is that of the relay."""
        self._post = Post(f"{url}/alertmanager")
        self._told: dict[tuple[str, ...], dict[str, Alert]] = {}
        self._sent: dict[tuple[str, ...], float] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._post.close()

    async def tell(self, firing: Mapping[str, Alert]) -> None:
        """Post the groups that are not as they were told."""
        groups: dict[tuple[str, ...], dict[str, Alert]] = {key: {} for key in self._told}
        for fingerprint, one in firing.items():
            key = tuple(one.labels.get(label, "") for label in GROUP_BY)
            groups.setdefault(key, {})[fingerprint] = one
        now = time.monotonic()
        for key, alerts in groups.items():
            known = self._told.get(key, {})
            early = now - self._sent.get(key, -INTERVAL) < INTERVAL
            if early or alerts.keys() == known.keys():
                continue
            over = [resolved(one) for fingerprint, one in known.items() if fingerprint not in alerts]
            if await self._post.send(payload(key, [*alerts.values(), *over])):
                self._told[key], self._sent[key] = alerts, now


def payload(key: tuple[str, ...], alerts: list[Alert]) -> dict[str, Any]:
    """Return the body of a webhook call of Alertmanager, version 4."""
    labels = dict(zip(GROUP_BY, key, strict=True))
    firing = any(one.status is Status.FIRING for one in alerts)
    return {
        "version": "4",
        "groupKey": "{}:{" + ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items()) + "}",
        "truncatedAlerts": 0,
        "status": (Status.FIRING if firing else Status.RESOLVED).value,
        "receiver": "demo",
        "groupLabels": labels,
        "commonLabels": common([one.labels for one in alerts]),
        "commonAnnotations": common([one.annotations for one in alerts]),
        "externalURL": "",
        "alerts": [
            {
                "status": one.status.value,
                "labels": one.labels,
                "annotations": one.annotations,
                "startsAt": one.starts_at,
                "endsAt": one.ends_at or "0001-01-01T00:00:00Z",
                "generatorURL": "",
                "fingerprint": one.fingerprint,
            }
            for one in alerts
        ],
    }


def resolved(alert: Alert) -> Alert:
    """Return an alert that ends now."""
    return msgspec.structs.replace(alert, status=Status.RESOLVED, ends_at=stamp(time.time()))


def stamp(seconds: float) -> str:
    """Return an instant as Alertmanager reads it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
