"""Volumes of the newest run."""

from backup_sentinel.export.exposition.family import Many, Registry
from backup_sentinel.export.exposition.subjects import STREAM
from backup_sentinel.export.store import Stream

_registry = Registry()
_gauges = _registry.add_many


@_gauges(
    "kube_backup_volume_bytes",
    "Bytes of volume data in the newest decisive run, by the namespace the volumes belong to.",
    STREAM,
    extra=("target_namespace",),
    source="Volume.size",
)
def _volume_bytes(stream: Stream) -> Many:
    if stream.live and stream.key.schedule:
        for volumes in stream.volumes:
            yield (("target_namespace", volumes.target_namespace),), volumes.size


@_gauges(
    "kube_backup_volume_failures",
    "Volumes of the newest decisive run whose data was not saved, because moving it failed or was cancelled.",
    STREAM,
    extra=("target_namespace",),
    source="Volume.outcome",
)
def _volume_failures(stream: Stream) -> Many:
    if stream.live and stream.key.schedule:
        for volumes in stream.volumes:
            yield (("target_namespace", volumes.target_namespace),), volumes.failures


FAMILIES = tuple(_registry.families)
