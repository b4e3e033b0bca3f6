"""Kubernetes Events of one object, as sentences."""

from typing import Any

from backup_sentinel.relay.reach import Cluster, Object, named

MANY = 10
_PAGE = "100"
"""Events of one object that are read."""


async def read_events(cluster: Cluster, namespace: str, name: str) -> tuple[str, ...]:
    """Return the Events of an object, the newest first, warnings before others. Raises ApiError, EnrichmentError."""
    found = await cluster.items(
        f"/api/v1/namespaces/{named(namespace)}/events",
        fieldSelector=f"involvedObject.name={named(name)}",
        limit=_PAGE,
    )
    told = [(one, sentence) for one in found if (sentence := _sentence(one))]
    told.sort(key=lambda pair: (pair[0].get("type") == "Warning", _at(pair[0])), reverse=True)
    return tuple(dict.fromkeys(sentence for _, sentence in told))[:MANY]


def _sentence(event: Object) -> str:
    message, reason = _text(event.get("message")), _text(event.get("reason"))
    count = event.get("count")
    times = f" ({count} times)" if isinstance(count, int) and count > 1 else ""
    return f"{reason}: {message}{times}" if reason and message else ""


def _at(event: Object) -> str:
    """Return when it happened last; RFC 3339 in UTC, which sorts as text."""
    return _text(event.get("lastTimestamp")) or _text(event.get("eventTime"))


def _text(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
