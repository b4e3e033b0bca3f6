"""Velero as the story engine sees it."""

from backup_sentinel.demo.scene import Manifest, Plan, Run, Schedule, Shown, Site
from backup_sentinel.demo.storyfile import Beat
from backup_sentinel.demo.times import rfc3339

from .backups import FINISHED, backup, backup_status, deleting, deletion, synced, template
from .causes import VOLUME_FAILURES, ending_of
from .objects import TYPES, make_object
from .restores import restore, restore_status
from .surroundings import location_object, repository_object
from .volumes import volume_objects

_NOT_DELETED = (
    "error deleting snapshot snap-0d6fbc8f: UnauthorizedOperation: not authorized to perform this operation"
)


class Velero:
    """Makes the objects of Velero; option `version` of a site is `1.17` (New) or `1.18` (Queued, ReadyToStart)."""

    types = TYPES

    def name_run(self, name: str, created: float) -> str:
        """Return `<schedule>-YYYYMMDDhhmmss`; restores are named so too, from the name of their backup."""
        return f"{name}-{rfc3339(created).translate(str.maketrans('', '', '-:TZ'))}"

    def plan(self, run: Run) -> Plan:
        """Return the phases from "" to the last one; a run whose location is away fails its validation."""
        location = run.site.locations.get(run.spec.location)
        away = location is not None and not location.available and run.created >= location.changed
        if run.action == "backup" and run.started is None and away:
            run.outcome, run.cause = "failed", "storage_unavailable"
        for volume in run.volumes[:1]:
            volume.failed = run.outcome == "partial" and run.cause in VOLUME_FAILURES
        queue: tuple[str, ...] = ("", "New")
        if run.action == "backup" and str(run.site.spec.options.get("version", "1.17")) == "1.18":
            queue = ("", "Queued", "ReadyToStart")
        work: tuple[str, ...] = ("InProgress", "InProgress")
        doomed = "PartiallyFailed" if run.outcome == "partial" else ""
        wait = (
            (f"WaitingForPluginOperations{doomed}",) * 2 if any(v.mover == "csi" for v in run.volumes) else ()
        )
        if run.outcome == "failed":
            ending = ending_of(run)
            if not ending.where:
                return Plan((*queue, "FailedValidation"), None)
            work = work[:1] if ending.where == "init" else work
            return Plan((*queue, *work, "Failed"), len(queue))
        last = "PartiallyFailed" if doomed else "Completed"
        final = () if run.cause == "storage_missing" else (f"Finalizing{doomed}",)
        return Plan((*queue, *work, *wait, *final, last), len(queue))

    def scenery(self, site: Site, now: float) -> list[Manifest]:
        """Return the storage locations and the repositories of volume data."""
        volumes = [(v.namespace, s.spec) for s in site.schedules.values() for v in s.spec.volumes]
        kept = dict.fromkeys((namespace, spec.location) for namespace, spec in volumes)
        locations = [location_object(site, location, now) for location in site.locations.values()]
        return locations + [repository_object(site, namespace, location, now) for namespace, location in kept]

    def promise(self, site: Site, schedule: Schedule) -> list[Manifest]:
        """Return the Schedule; a paused one stays Enabled, as the server leaves it."""
        status: Manifest = {"phase": "Enabled"}
        if schedule.invalid:
            status = {"phase": "FailedValidation", "validationErrors": [schedule.invalid]}
        if schedule.last_attempt is not None:
            status["lastBackup"] = rfc3339(schedule.last_attempt)
        spec: Manifest = {
            "schedule": schedule.cron,
            "skipImmediately": False,
            "template": template(schedule.spec),
        }
        spec |= {"useOwnerReferencesInBackup": False} | ({"paused": True} if schedule.paused else {})
        name, born = schedule.spec.name, schedule.created
        labels, notes = schedule.spec.labels, schedule.spec.annotations
        return [make_object(site, "Schedule", name, born, spec, status, now=born, labels=labels, notes=notes)]

    def show(self, run: Run, now: float) -> Shown:
        """Return the Backup or Restore with its volumes, and what is to be said about it."""
        if run.action == "restore":
            status = restore_status(run)
            return Shown([restore(run, status, now), *volume_objects(run, now)], _say("restore", run, status))
        status = backup_status(run)
        return Shown([backup(run, status, now), *volume_objects(run, now)], _say("backup", run, status))

    def removal(self, run: Run, now: float) -> Shown:
        """Return the Backup in phase Deleting and the request to delete it."""
        request = deletion(run, {"phase": "InProgress"}, now)
        return Shown([deleting(run, now), request], f"backup {run.name} is being deleted")

    def copy(self, run: Run, site: Site, location: str, now: float) -> list[Manifest]:
        """Return the Backup as another cluster syncs it from the bucket, if it got there."""
        if run.phase not in FINISHED or run.action != "backup":
            return []
        return [synced(run, site, location, now)]

    def act(self, site: Site, beat: Beat, run: Run | None, now: float) -> Shown | None:
        """Know `deletion-fails`, `collection-fails` (both of a run), `maintenance-fails`, `maintenance-works`."""
        if beat.do in {"maintenance-fails", "maintenance-works"}:
            site.notes["maintenance"] = (
                beat.message or "maintenance failed" if beat.do.endswith("fails") else ""
            )
            return Shown(
                self.scenery(site, now), f"repositories of {site.namespace}: {beat.do.replace('-', ' ')}"
            )
        if run is None:
            return None
        if beat.do == "deletion-fails":
            text = beat.message or _NOT_DELETED
            request = deletion(run, {"phase": "Processed", "errors": [text]}, now)
            return Shown([deleting(run, now), request], f"deletion of backup {run.name} met 1 error: {text}")
        if beat.do == "collection-fails":
            made = backup(run, backup_status(run), now)
            made["metadata"]["labels"]["velero.io/gc-failure"] = beat.cause or "BSLUnavailable"
            return Shown([made], f"backup {run.name} has expired and cannot be collected")
        return None


def _say(noun: str, run: Run, status: Manifest) -> str:
    if run.open:
        progress = status.get("progress") or {}
        done = progress.get("itemsBackedUp", progress.get("itemsRestored"))
        items = f", {done} of {progress['totalItems']} items" if progress else ""
        return f"{noun} {run.name} is {run.phase or 'created'}{items}"
    text = status.get("failureReason") or next(iter(status.get("validationErrors", [])), "")
    counts = ", ".join(_count(status[name], name) for name in ("errors", "warnings") if name in status)
    return (
        f"{noun} {run.name} finished {run.phase}"
        + (f" ({counts})" if counts else "")
        + (f": {text}" if text else "")
    )


def _count(number: int, plural: str) -> str:
    return f"{number} {plural.removesuffix('s') if number == 1 else plural}"
