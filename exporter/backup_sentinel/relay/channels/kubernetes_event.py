"""The outcome of a run as a Kubernetes Event on the run's object, where `kubectl describe` shows it."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from itertools import islice
from typing import Any, ClassVar

import msgspec

from backup_sentinel.cause.message import tell
from backup_sentinel.errors import ApiError, DeliveryError, DeliveryReason, EnrichmentError, OutageReason
from backup_sentinel.relay.message import Alert, Delivery, Status
from backup_sentinel.relay.reach import Cluster, ClusterSettings, Object, Reach, named
from backup_sentinel.relay.rendering import Rendering, Template, view
from backup_sentinel.relay.rendering.merging import moment
from backup_sentinel.rights import Right

from .channel import Channel, ChannelSettings, Content

COMPONENT = "backup-sentinel"
LONGEST = 1024
"""Characters of an Event's message; the API of Events allows no more."""
MANY = 20
"""Events of one message."""
IDLE = "no Event was written: no alert of the message names a run that is there"
"""What is said of a message that leads to none."""
_NAME = 220
_INVALID = frozenset({400, 413, 422})
_AWAY = frozenset({OutageReason.UNREACHABLE, OutageReason.TIMEOUT, OutageReason.TLS})
_REASONS = {
    OutageReason.UNREACHABLE: DeliveryReason.UNREACHABLE,
    OutageReason.TIMEOUT: DeliveryReason.TIMEOUT,
    OutageReason.TLS: DeliveryReason.TLS,
    OutageReason.UNAUTHORIZED: DeliveryReason.UNAUTHORIZED,
    OutageReason.FORBIDDEN: DeliveryReason.UNAUTHORIZED,
    OutageReason.THROTTLED: DeliveryReason.THROTTLED,
    OutageReason.REJECTED: DeliveryReason.REJECTED,
    OutageReason.CREDENTIALS: DeliveryReason.CREDENTIALS,
}


class RunKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the objects of an operator's runs are."""

    operator: str
    """The alert's label `operator`."""
    action: str = ""
    """The alert's label `action`; "" for every action."""
    api_version: str
    """Such as `velero.io/v1`."""
    kind: str
    """Such as `Backup`."""
    plural: str
    """Such as `backups`."""


class KubernetesEventSettings(ChannelSettings, frozen=True, kw_only=True, tag="kubernetes_event"):
    """Writes Events on the objects of runs that alerts name. Alerts that name no run are passed over."""

    rights: ClassVar[tuple[Right, ...]] = (Right(("events",), ("create",)),)
    reads_operators: ClassVar[bool] = True

    message: str | None = None
    """Template of the Event's message, for one alert at a time."""
    clusters: tuple[ClusterSettings, ...] = ()
    """Clusters that Events are written to, by the alert's label `cluster`; those of the root and of `CLUSTER_<N>_*` unless given."""
    kinds: tuple[RunKind, ...] = ()
    """Kinds of the objects of runs; those that the profiles read unless given."""

    def open(self, rendering: Rendering) -> Channel:
        """Return the channel. Raises RenderingError."""
        name = f"channel {self.name}, message"
        template = rendering.choose(self.message, name, "kubernetes_event.txt")
        return KubernetesEventChannel(self, template)


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """An Event that is still to find its object."""

    cluster: str
    operator: str
    action: str
    namespace: str
    run: str
    name: str
    reason: str
    type: str
    message: str
    at: str | None


class KubernetesEventChannel:
    """Writes each Event once: its name says what it is about, so that a second one is refused by the API server."""

    def __init__(self, settings: KubernetesEventSettings, template: Template) -> None:
        self._kinds = settings.kinds
        self._template = template
        self._reach = Reach(settings.clusters)

    def render(self, delivery: Delivery) -> Content:
        """Return the Events that are to be written."""
        told = zip(delivery.message.alerts, view(delivery)["alerts"], strict=True)
        plans = (self._plan(delivery, alert, seen) for alert, seen in told)
        planned = list(islice((one for one in plans if one is not None), MANY))
        return Content(
            body=json.dumps([msgspec.to_builtins(one) for one in planned], ensure_ascii=False),
            content_type="application/json",
            fields={"events": str(len(planned))},
        )

    async def send(self, delivery: Delivery, content: Content) -> str | None:  # noqa: ARG002 - names of Events are stable
        """Write the Events, each that can be, whatever becomes of others. Raises DeliveryError."""
        places: dict[str, list[Planned]] = {}
        for planned in msgspec.json.decode(content.body, type=list[Planned]):
            places.setdefault(planned.cluster, []).append(planned)
        errors: list[DeliveryError] = []
        found = await asyncio.gather(*(self._serve(those, errors) for those in places.values()))
        if errors:
            raise min(errors, key=lambda error: not error.retry)  # as long as one may still succeed
        return None if any(found) else IDLE

    async def close(self) -> None:
        """Close every connection."""
        await self._reach.close()

    def _plan(self, delivery: Delivery, alert: Alert, seen: Any) -> Planned | None:
        run = seen["run"] or alert.annotations.get("run", "")
        labels = alert.labels
        namespace = seen["run_namespace"] or labels.get("resource_namespace", "")
        try:
            named(run), named(namespace)
        except EnrichmentError:  # nothing, or what may not stand in a path
            return None
        if not labels.get("operator"):
            return None
        message = delivery.message.only(iter([alert]))
        text = self._template.render(msgspec.structs.replace(delivery, message=message))
        over = alert.status is Status.RESOLVED
        identity = (*sorted(labels.items()), run, alert.status.value, alert.starts_at)
        return Planned(
            cluster=labels.get("cluster", ""),
            operator=labels["operator"],
            action=labels.get("action", ""),
            namespace=namespace,
            run=run,
            name=f"{run[:_NAME].rstrip('-.')}.{hashlib.sha256(repr(identity).encode()).hexdigest()[:16]}",
            reason=f"{alert.name or 'Alert'}{'Resolved' if over else ''}"[:128],
            type="Normal" if over else "Warning",
            message=_bounded(text),
            at=moment(delivery.message.received),
        )

    async def _serve(self, those: Sequence[Planned], errors: list[DeliveryError]) -> int:
        """Write the Events of one cluster and add what went wrong; return for how many there is an object."""
        found = 0
        for planned in those:
            try:
                cluster = self._reach.cluster(planned.cluster)
                about = await self._find(cluster, planned)
                if about is not None:
                    found += 1
                    await self._write(cluster, planned, about)
            except EnrichmentError as error:
                errors.append(DeliveryError(str(error), reason=DeliveryReason.UNROUTABLE, retry=False))
            except ApiError as error:
                errors.append(_explain(error))
                if error.reason in _AWAY:  # the others would wait in vain as well
                    break
        return found

    async def _find(self, cluster: Cluster, planned: Planned) -> Object | None:
        """Return the reference to the run's object; None where it is gone, which is no reason to try again."""
        for one in self._kinds:
            if one.operator != planned.operator or one.action not in {"", planned.action}:
                continue
            path = f"{_root(one.api_version)}/namespaces/{planned.namespace}/{one.plural}/{planned.run}"
            try:
                metadata = (await cluster.get(path)).get("metadata")
            except ApiError as error:
                if error.status == 404:
                    continue
                raise
            uid = metadata.get("uid") if isinstance(metadata, dict) else None
            return {
                "apiVersion": one.api_version,
                "kind": one.kind,
                "namespace": planned.namespace,
                "name": planned.run,
                **({"uid": uid} if isinstance(uid, str) else {}),
            }
        return None

    async def _write(self, cluster: Cluster, planned: Planned, about: Object) -> None:
        manifest = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": planned.name, "namespace": planned.namespace},
            "involvedObject": about,
            "reason": planned.reason,
            "message": planned.message,
            "type": planned.type,
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "firstTimestamp": planned.at,
            "lastTimestamp": planned.at,
            "count": 1,
        }
        try:
            await cluster.create(f"/api/v1/namespaces/{planned.namespace}/events", manifest)
        except ApiError as error:
            if error.status != 409:  # it is there already
                raise


def _explain(error: ApiError) -> DeliveryError:
    wrong = error.status in _INVALID
    reason = DeliveryReason.REJECTED if wrong else _REASONS.get(error.reason, DeliveryReason.SERVER_ERROR)
    return DeliveryError(str(error), reason=reason, after=error.retry_after)


def _bounded(text: str) -> str:
    said = " ".join((tell(text) or "").split())
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
