"""Settings of the direct mode. Defaults stand here and nowhere else."""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from backup_sentinel.document import nearest
from backup_sentinel.duration import long_duration
from backup_sentinel.relay.channels import kinds

Positive = Annotated[float, msgspec.Meta(gt=0)]
ConfigMapName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]

LOOKBACK = "2h"


class Change(StrEnum):
    """What may be told."""

    FAILED = "failed"
    PARTIAL = "partial"
    OVERDUE = "overdue"
    RECOVERED = "recovered"


class RecordSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where it is remembered what was told."""

    backend: Literal["auto", "configmap", "file"] = "auto"
    """`auto` is `configmap` inside a cluster, or where `cluster` is given, and `file` elsewhere."""
    cluster: str | None = None
    """Name of the cluster that holds the ConfigMap; the one that this process runs in unless given."""
    name: ConfigMapName = "backup-sentinel-sent"
    """Name of the ConfigMap."""
    namespace: str | None = None
    """Namespace of the ConfigMap; the process's own unless given, or `default` in another `cluster`."""
    path: str | None = None
    """The file; `$XDG_STATE_HOME/backup-sentinel/sent.json` unless given."""
    import_from: ConfigMapName = "kasten-alerter-sent"
    """ConfigMap of the same namespace whose entries are taken over when there is no record yet."""


class NotifySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is told without Prometheus, and how often. Where it goes is said by `relay.channels`."""

    lookback: str | None = None
    """Go duration, also with `d` and `w`: runs that ended within it are told. 2h unless given, or what LOOKBACK_HOURS says.
    It reaches back to the last complete look if that was earlier, at most seven days."""
    states: tuple[Change, ...] = tuple(Change)
    """What is told: runs that `failed` or are `partial`, schedules that are `overdue`, and that such a thing has `recovered`."""
    repeat: Literal["daily", "never"] = "daily"
    """`daily`: what was told is told again on the next UTC day, if it still lies within the look-back or is still overdue.
    `never`: it is told once."""
    digest: tuple[str, ...] = ("email",)
    """Types of channels that get one message for everything a look has found. Others get one for each schedule."""
    interval_seconds: Positive = 60.0
    """How often the daemon looks; what it finds in one look goes into one digest."""
    read_seconds: Positive = 120.0
    """How long `--once` waits for the slowest cluster."""
    record: RecordSettings = RecordSettings()

    def __post_init__(self) -> None:
        if self.lookback is not None and long_duration(self.lookback) <= 0:
            raise ValueError("`lookback` must be above zero")
        for kind in self.digest:
            if kind not in kinds():
                raise ValueError(f"`digest`: no channel is of type `{kind}`; {nearest(kind, kinds())}")

    @property
    def lookback_seconds(self) -> float:
        """The look-back in seconds."""
        return long_duration(self.lookback or LOOKBACK)
