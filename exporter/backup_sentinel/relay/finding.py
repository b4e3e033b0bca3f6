"""What an enricher finds out about a message: plain values, by alert, in words that all templates know.

An enricher fills what it knows and leaves out the rest. Templates see each finding as `facts.<kind>`, and the fields of
`AlertFinding` merged as fields of the alert itself (see `rendering.view`).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

SUCCEEDED, PARTIAL, FAILED, UNKNOWN = "succeeded", "partial", "failed", "unknown"
"""Outcomes of a part, in the words of `model.Outcome`."""


class Verdict(StrEnum):
    """What several runs or modules come to, taken together."""

    SUCCESS = "SUCCESS"
    PARTIAL = "PARTIAL"
    REPO_FAILURE = "REPO_FAILURE"


class ItemError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing inside a run that failed."""

    namespace: str = ""
    """"" for what belongs to no namespace."""
    name: str = ""
    """As the operator writes it, such as `pods/shop-0`; "" where it does not say."""
    error: str = ""


class VolumeFinding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Data of one volume."""

    namespace: str = ""
    name: str = ""
    outcome: str = UNKNOWN
    error: str = ""


class RepositoryFinding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A storage location or repository."""

    name: str
    available: bool | None = None
    """None where nothing is known."""
    error: str = ""
    """What the storage, or a probe, says."""


class PartFinding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run or module that belongs to an alert, for those who judge several of them together."""

    name: str
    outcome: str
    """SUCCEEDED, PARTIAL, FAILED, or UNKNOWN where there is no status."""
    error: str = ""
    at: float | None = None
    """When it ended, Unix seconds."""


class AlertFinding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found out about one alert. Instants are Unix seconds."""

    run: str | None = None
    """Name of the run's object."""
    run_namespace: str | None = None
    """Namespace of that object."""
    phase: str | None = None
    """In the operator's own word."""
    outcome: str | None = None
    """A value of `model.Outcome`."""
    reason: str | None = None
    """Class of the failure: a value of `model.FailureReason`."""
    error: str | None = None
    """The operator's own text."""
    namespaces: tuple[str, ...] = ()
    """Namespaces that the run protects."""
    started: float | None = None
    ended: float | None = None
    items_done: float | None = None
    items_total: float | None = None
    errors: float | None = None
    warnings: float | None = None
    failed_items: tuple[ItemError, ...] = ()
    failed_volumes: tuple[VolumeFinding, ...] = ()
    parts: tuple[PartFinding, ...] = ()
    """Runs or modules that belong to this alert."""
    last_good: float | None = None
    """When the newest backup was made that can be restored."""
    next_run: float | None = None
    repository: RepositoryFinding | None = None
    events: tuple[str, ...] = ()
    """Kubernetes Events of the run's object, the newest first, one sentence each."""
    links: dict[str, str] = {}
    """Addresses by what they lead to, such as `Runbook`."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an enricher found out about a message."""

    alerts: dict[str, AlertFinding] = {}
    """By fingerprint of the alert."""
    verdict: Verdict | None = None
    subject: str | None = None
    """What stands in front of the title, such as "Backup partially failed"."""
    notes: tuple[str, ...] = ()
    """What could not be found out, one sentence each."""
    details: dict[str, Any] = {}
    """What only this kind knows: plain values."""
    failed: bool = False
    """Whether it is worth asking again before a later attempt, because something did not answer."""


class Findings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all enrichers found out about a message, as it is kept with it."""

    facts: dict[str, Any] = {}
    """Findings as plain values, by kind of enricher, in the order in which they were asked."""
    notes: dict[str, tuple[str, ...]] = {}
    """What each could not find out."""
    failed: tuple[str, ...] = ()
    """Kinds that are asked again before a later attempt."""
    at: float
    """When, Unix seconds."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """All notes."""
        return tuple(
            f"{kind}: {note}" if kind else note for kind, notes in self.notes.items() for note in notes
        )


def read(facts: Mapping[str, Any]) -> dict[str, Finding]:
    """Return findings out of their plain values, by kind."""
    return {kind: msgspec.convert(plain, Finding) for kind, plain in facts.items()}
