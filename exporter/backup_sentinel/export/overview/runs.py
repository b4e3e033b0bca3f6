"""From runs to rows: which of them are told, and what of each."""

from collections.abc import Iterator

from backup_sentinel.export.store import Stream
from backup_sentinel.export.store.installation import Installation
from backup_sentinel.export.store.recent import find, recent
from backup_sentinel.export.store.volumes import LOST
from backup_sentinel.model import BARREN, RESTORABLE, Outcome, Run, Volume

from .choice import Choice
from .lens import Lens
from .rows import RunRow, VolumeRow
from .verdicts import all_streams

FEW_VOLUMES, MANY_VOLUMES = 20, 500
"""How many volumes of a run are told among others, and where it is the only one."""


def newest(stream: Stream, count: int, choice: Choice) -> tuple[int, list[Run]]:
    """Return how many runs of a stream have an outcome that is asked for, and the newest of them."""
    if not choice.outcomes:
        return len(stream.runs), [
            run for run in recent(stream, count) if (run.namespace, run.name) in stream.runs
        ]
    total = sum(choice.takes_outcome(run.outcome) for run in stream.runs.values())
    if not total:
        return 0, []
    runs = [
        run
        for run in recent(stream, len(stream.runs) + 1)
        if choice.takes_outcome(run.outcome) and (run.namespace, run.name) in stream.runs
    ]
    return total, runs[:count]


def find_runs(
    lens: Lens, choice: Choice, namespace: str | None, name: str
) -> Iterator[tuple[Installation, Run]]:
    """Iterate over the runs of a name; without a namespace that of the stream is meant."""
    for known, stream in all_streams(lens, choice):
        run = find(stream, namespace if namespace is not None else stream.key.namespace, name)
        if run is not None:
            yield known, run


def restores(known: Installation, run: Run) -> list[Run]:
    """Return the restores of a run, newest first."""
    return [
        restore
        for stream in known.streams.values()
        if stream.key.action == "restore"
        for restore in recent(stream, len(stream.runs) + 1)
        if restore.of_run == run.name and restore.namespace == run.namespace
    ]


def tell_run(lens: Lens, known: Installation, run: Run, *, volumes: int = FEW_VOLUMES) -> RunRow:
    """Tell of one run and the worst of its volumes, at most so many."""
    key = run.key
    moved = list(known.volumes.of(run))
    counted = bool(moved) or known.coverage.tells("volume")
    lost = sum(volume.outcome in LOST for volume in moved) if counted else None
    if run.failed_volumes is not None:
        lost = max(lost or 0, int(run.failed_volumes))
    size = run.size if run.size is not None else known.volumes.size(run)
    took = (
        run.ended - run.started
        if run.started is not None and run.ended is not None and run.ended >= run.started
        else None
    )
    return RunRow(
        cluster=key.cluster,
        operator=key.operator,
        resource_namespace=key.namespace,
        schedule=key.schedule,
        action=key.action,
        target=key.target,
        namespace=run.namespace,
        name=run.name,
        outcome=run.outcome,
        phase=run.phase,
        reason=None if run.outcome is Outcome.SUCCEEDED else run.reason,
        created=run.created,
        started=run.started,
        ended=run.ended,
        duration=took,
        expires=run.expires,
        timeout=run.timeout,
        size=size,
        transferred=run.transferred,
        items=run.items,
        items_expected=run.items_expected,
        errors=run.errors,
        warnings=run.warnings,
        files_new=run.files_new,
        files_changed=run.files_changed,
        location=run.location,
        target_namespaces=run.target_namespaces,
        of_run=run.of_run,
        copied=run.synced,
        message=lens.text(run.message),
        volumes_total=len(moved) if counted else None,
        volumes_failed=lost,
        volumes=tuple(_volume(lens, volume) for volume in sorted(moved, key=_badness)[:volumes]),
    )


def is_restorable(lens: Lens, run: RunRow) -> bool | None:
    """Tell whether a run could be restored today; None for one that is no backup."""
    if run.action in BARREN:
        return None
    alive = run.expires is None or run.expires > lens.now
    return run.outcome in RESTORABLE and alive


def _volume(lens: Lens, volume: Volume) -> VolumeRow:
    return VolumeRow(
        name=volume.name,
        outcome=volume.outcome,
        volume=volume.volume,
        target_namespace=volume.target_namespace,
        size=volume.size,
        transferred=volume.transferred,
        started=volume.started,
        ended=volume.ended,
        message=lens.text(volume.message),
    )


def _badness(volume: Volume) -> tuple[bool, bool, str]:
    return volume.outcome not in LOST, volume.outcome is Outcome.SUCCEEDED, volume.name
