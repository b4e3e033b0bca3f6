"""One judgement over all runs or modules that belong to a message, some time after the alert: the others have ended by then."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar

from backup_sentinel.relay.finding import SUCCEEDED, Finding, PartFinding, Verdict, read
from backup_sentinel.relay.message import Message

from .enricher import Enricher, EnricherSettings, Settle, Stage

SUBJECTS = {
    Verdict.SUCCESS: "✅ Backup completed successfully",
    Verdict.PARTIAL: "⚠️ Backup partially failed",
    Verdict.REPO_FAILURE: "❌ Backup failed – possible repository error",  # noqa: RUF001 - the dash is part of the text
}
"""What stands in front of the title."""
_PLACE = ("cluster", "resource_namespace")
"""Labels beside which the name of a part is one of its own."""
_MOST = 50
"""Names that are told."""


class CorrelationSettings(EnricherSettings, frozen=True, kw_only=True, tag="correlation"):
    """Judges all runs or modules of an alert together: all succeeded, some failed, or none succeeded."""

    stage: ClassVar[Stage] = Stage.JUDGE
    settle_seconds: Settle = 30.0

    def open(self) -> Enricher:
        """Return the enricher."""
        return Correlation()


class Correlation:
    """Looks only at what others found out."""

    async def find(self, message: Message, facts: Mapping[str, Any]) -> Finding | None:
        """Return the verdict; None where nobody knows of runs or modules, or only of good ones beside an alert that fires."""
        parts = _parts(facts)
        asked = message.firing or message.resolved
        judged = {
            alert.fingerprint: verdict
            for alert in asked
            if (verdict := judge(parts.get(alert.fingerprint, ()))) is not None
        }
        if not judged:
            return None
        verdict = together(judged.values())
        if verdict is Verdict.SUCCESS and message.firing and len(judged) < len(asked):
            return None
        mine: dict[tuple[str, ...], bool] = {}  # one module may be in several alerts
        for alert in asked:
            place = tuple(alert.labels.get(label, "") for label in _PLACE)
            for part in parts[alert.fingerprint] if alert.fingerprint in judged else ():
                key = (*place, part.name)
                mine[key] = mine.get(key, True) and part.outcome == SUCCEEDED
        failed = [name for (*_, name), good in mine.items() if not good]
        notes: tuple[str, ...] = ()
        if verdict is Verdict.SUCCESS and message.firing:
            notes = ("every part reports success, though the alert still fires",)
        return Finding(
            verdict=verdict,
            subject=SUBJECTS[verdict],
            notes=notes,
            details={
                "alerts": {fingerprint: one.value for fingerprint, one in judged.items()},
                "failed": failed[:_MOST],
                "failed_count": len(failed),
                "count": len(mine),
            },
        )

    async def close(self) -> None:
        """Nothing is open."""


def judge(parts: Collection[PartFinding]) -> Verdict | None:
    """Return what parts come to; None for none. What has no status has not succeeded."""
    good = {part.outcome == SUCCEEDED for part in parts}
    if not good:
        return None
    if good == {True}:
        return Verdict.SUCCESS
    some = {part.outcome for part in parts} & {SUCCEEDED, "partial"}
    return Verdict.PARTIAL if some else Verdict.REPO_FAILURE


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict over several alerts: that of all, or that some failed."""
    found = set(verdicts)
    return found.pop() if len(found) == 1 else Verdict.PARTIAL


def _parts(facts: Mapping[str, Any]) -> dict[str, tuple[PartFinding, ...]]:
    """Return the parts that readers found, by fingerprint of the alert."""
    found: dict[str, tuple[PartFinding, ...]] = {}
    for finding in read(facts).values():
        for fingerprint, about in finding.alerts.items():
            found[fingerprint] = found.get(fingerprint, ()) + about.parts
    return found
