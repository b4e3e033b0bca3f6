"""One thing that went wrong, as it is told: a run, with the steps it consists of, or a schedule that owes a recovery point."""

import msgspec

from backup_sentinel.model import ScheduleKey

from .settings import Change


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Times in Unix seconds. `name` tells it apart from all others, on whatever day."""

    name: str
    """`{cluster}:{run}`; what tells runs of one name apart stands before it."""
    change: Change
    """Failed, partial or overdue."""
    key: ScheduleKey
    """The stream that it is about; for a run with steps that of the run."""
    title: str = ""
    """What people call the cluster; "" if nothing else than its name."""
    run: str = ""
    """Name of the run; "" for a schedule that is overdue."""
    at: float
    """When the run ended, as far as that is known, or when the recovery point was due."""
    over: float | None = None
    """Since when it is over."""
    begun: float = 0.0
    """What was told before was about something else of the same name."""
    lasts: bool = False
    """Whether it is a state that lasts, and not something that happened."""
    namespaces: tuple[str, ...] = ()
    """What the run was about, its steps included."""
    error: str | None = None
    """What the operator wrote, without secrets."""
    reason: str | None = None
    """The class of the failure."""
    location: str | None = None
    last_recovery_point: float | None = None
    next_due: float | None = None
    told: "Told | None" = None
    """What was told of it, where it is told that it is over."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of an incident until it is over, so that its end is told of the same alert."""

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str
    key: ScheduleKey
    change: Change
    name: str = ""
    """Name of the incident."""
    at: float = 0.0
    """When it was told, Unix seconds."""


def slot(incident: Incident) -> str:
    """Return what an open incident is kept under: one for each run, and for a schedule that is overdue."""
    key = incident.key
    parts = [key.cluster, key.operator, key.namespace, key.schedule]
    if incident.change is not Change.OVERDUE:
        parts += [key.action, key.target, incident.run]
    return "/".join([incident.change.value, *parts])
