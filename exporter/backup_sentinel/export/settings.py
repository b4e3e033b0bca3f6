"""Settings of the export river. Defaults stand here and nowhere else."""

from typing import Annotated, Literal

import msgspec

from backup_sentinel.duration import long_duration

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
ShowMessages = Literal["protected", "always", "never"]
PartialCounts = Literal["without-failed-volumes", "always", "never"]


class Promise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is expected of the schedules that match; the first entry that says something about a field wins.

    The patterns are shell globs. Annotations on the schedule object win over all entries.
    """

    cluster: str = "*"
    """Pattern for the name of the cluster."""
    operator: str = "*"
    """Pattern for the operator."""
    namespace: str = "*"
    """Pattern for the namespace of the backup resource."""
    schedule: str = "*"
    """Pattern for the name of the schedule."""
    action: str = "*"
    """Pattern for the action: backup, export, ..."""
    max_age: str | None = None
    """Go duration, also with `d` and `w`: replaces the deadline computed from the cron expression."""
    start_grace: str | None = None
    """Go duration: how late a run may start before it counts as missed."""
    restore_test_max_age: str | None = None
    """Go duration: how old the newest successful restore of this schedule's backups may be."""
    partial_counts: PartialCounts | None = None
    """Whether a partly failed run is a recovery point."""
    failures_tolerated: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Number of failed runs in a row at which the failure alerts."""

    def flaws(self) -> list[tuple[str, str]]:
        """Return the fields that hold no duration, each with what is wrong."""
        flaws = []
        for field in ("max_age", "start_grace", "restore_test_max_age"):
            try:
                self.seconds(field)
            except ValueError as error:
                flaws.append((field, str(error)))
        return flaws

    def seconds(self, field: str) -> float | None:
        """Return a duration in seconds; None if it is not set. Raises ValueError."""
        text: str | None = getattr(self, field)
        if text is None:
            return None
        seconds = long_duration(text)
        if seconds <= 0:
            raise ValueError(f"the duration {text!r} is not above zero")
        return seconds


class ExportSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is exported, and with which promises."""

    operators: tuple[str, ...] = ()
    """Names of the profiles to use; empty means all."""
    schedule_dialects: dict[str, str] = {}
    """Cron dialect by operator, where it differs from the profile's; `velero: go-cron` for releases after 1.18."""
    selectors: dict[str, str] = {}
    """Label selector by resource, as in `jobs.batch: backup-sentinel.io/backup`, instead of the profile's; empty text for none."""
    promises: tuple[Promise, ...] = ()
    """Expectations by pattern; see `Promise`."""
    restore_tests: dict[str, str] = {}
    """Clusters whose restores test the backups of another cluster: name of the former to name of the latter."""
    tombstone_seconds: Positive = 7 * 86400.0
    """How long a deleted schedule is still reported as deleted; how long after the newest run without a schedule began what
    is known of such runs is shown although all are gone."""
    discovery_interval_seconds: Positive = 60.0
    """How often a resource that is not installed is asked for again."""
    concurrent_lists: Annotated[int, msgspec.Meta(ge=1)] = 4
    """How many full lists may run at once over all clusters."""
    render_interval_seconds: Positive = 0.75
    """Shortest time between two renderings of what changed."""
    show_messages: ShowMessages = "protected"
    """Who may read on the pages and in the API what operators wrote of failures, without secrets: `protected` is whoever
    gave a password or certificate that `web.config_file` asks for, `always` everybody, `never` nobody."""
