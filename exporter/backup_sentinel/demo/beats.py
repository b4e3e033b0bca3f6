"""The verbs of beats: what can happen in a story."""

from collections.abc import Callable

from backup_sentinel.errors import DocumentError

from .past import finish
from .scene import Run, Schedule, Site
from .stage import Stage
from .storyfile import Beat, ScheduleSpec
from .times import seconds_of

Said = list[str]


def perform(stage: Stage, beat: Beat) -> Said:
    """Let a beat happen now; return what is to be said. DocumentError for a beat that fits nothing."""
    if beat.apply or beat.remove:
        return _objects(stage, beat)
    if beat.do in {"wait", ""}:
        return []
    site = find_site(stage, beat)
    verb = _VERBS.get(beat.do)
    said = verb(stage, site, beat) if verb else _foreign(stage, site, beat)
    stage.settle()
    return [
        line if line.startswith(f"{site.cluster.name}: ") else f"{site.cluster.name}: {line}" for line in said
    ]


def find_site(stage: Stage, beat: Beat) -> Site:
    """Return the one site that a beat is about; DocumentError where none or several fit."""
    found = [
        site
        for site in stage.sites
        if beat.cluster in {"", site.cluster.name}
        and beat.namespace in {"", site.namespace}
        and (not beat.schedule or beat.schedule in site.schedules)
        and (not beat.location or beat.location in site.locations)
    ]
    if beat.do in {"offline", "online"} and beat.cluster:
        found = found[:1]
    if len(found) != 1:
        what = " ".join(
            text for text in (beat.do, beat.cluster, beat.namespace, beat.schedule, beat.location) if text
        )
        raise DocumentError(f"beat {what!r} fits {len(found)} sites, it must fit one", file=stage.file.name)
    return found[0]


def begin_slot(stage: Stage, site: Site, schedule: Schedule, outcome: str, cause: str) -> Run | None:
    """Create the run of a slot, as the operator does when the time has come."""
    stage.handle(schedule, stage.now)
    run = stage.begin(site, schedule.spec, at=stage.now, outcome=outcome, cause=cause, schedule=schedule)
    if run is not None:
        schedule.last_attempt = stage.now
    return run


def _schedule(stage: Stage, site: Site, beat: Beat) -> Schedule:
    schedule = site.schedules.get(beat.schedule)
    if schedule is None:
        raise DocumentError(f"beat {beat.do!r} needs a schedule of {site.namespace}", file=stage.file.name)
    return schedule


def _open_run(stage: Stage, site: Site, beat: Beat) -> Run | None:
    schedule = _schedule(stage, site, beat)
    run = stage.newest(site, beat.schedule, open_=True)
    return run or begin_slot(stage, site, schedule, "completed", "")


def _start(stage: Stage, site: Site, beat: Beat) -> Said:
    schedule = _schedule(stage, site, beat)
    if stage.newest(site, beat.schedule, open_=True):
        return [f"schedule {beat.schedule} has an open run, nothing starts"]
    run = begin_slot(stage, site, schedule, "completed", "")
    if run is None:
        return []
    said = [stage.show(run)]
    while not run.held and run.works_from is not None:
        run.hold = run.works_from + 1
        said += stage.push(run)
    return said


def _run(stage: Stage, site: Site, beat: Beat) -> Said:
    schedule = site.schedules.get(beat.schedule)
    spec = schedule.spec if schedule else beat.spec or ScheduleSpec(name=beat.name or "ad-hoc")
    if schedule and stage.newest(site, beat.schedule, open_=True):
        return [f"schedule {beat.schedule} has an open run, nothing starts"]
    run = stage.begin(site, spec, at=stage.now, outcome=beat.outcome, cause=beat.cause, schedule=schedule)
    return _go(stage, run, beat)


def _slot(stage: Stage, site: Site, beat: Beat) -> Said:
    schedule = _schedule(stage, site, beat)
    return _go(stage, begin_slot(stage, site, schedule, beat.outcome, beat.cause), beat)


def _restore(stage: Stage, site: Site, beat: Beat) -> Said:
    past = [run for run in site.runs.values() if run.action == "backup" and run.created <= stage.now]
    sources = [run for run in past if not run.open and not run.removing]
    good = [
        run
        for run in sources
        if beat.schedule in {"", run.spec.name} and run.outcome in {"completed", "partial"}
    ]
    newest = max(good, key=lambda run: run.created, default=None)
    spec = newest.spec if newest else ScheduleSpec(name=beat.name or "restore")
    of_run = beat.name or (newest.name if newest else "missing")
    run = stage.begin(
        site, spec, at=stage.now, outcome=beat.outcome, cause=beat.cause, action="restore", of_run=of_run
    )
    return _go(stage, run, beat)


def _go(stage: Stage, run: Run | None, beat: Beat) -> Said:
    """Let a run take its course; one of the past has taken it already."""
    if run is None:
        return ["nothing starts: there is a run of this name"]
    if beat.duration:
        run.duration = seconds_of(beat.duration)
    if stage.now < stage.start:
        now, stage.now = stage.now, stage.start
        seen = finish(stage, run)
        stage.now = now
        return [stage.show(run, seen)]
    return [stage.show(run)]


def _conclude(outcome: str) -> Callable[[Stage, Site, Beat], Said]:
    def verb(stage: Stage, site: Site, beat: Beat) -> Said:
        run = _open_run(stage, site, beat)
        end = beat.outcome if outcome == "completed" else outcome
        return stage.conclude(run, end, beat.cause) if run else []

    return verb


def _stall(stage: Stage, site: Site, beat: Beat) -> Said:
    run = stage.newest(site, beat.schedule, open_=True)
    if run is None:
        _start(stage, site, beat)
        run = stage.newest(site, beat.schedule, open_=True)
    if run is not None:
        run.hold = max(run.station, (run.works_from or 0) + 1)
    return [f"a run of schedule {beat.schedule} hangs"]


def _progress(stage: Stage, site: Site, beat: Beat) -> Said:
    run = _open_run(stage, site, beat)
    if run is None:
        return []
    hold, run.hold = run.hold, None
    said = stage.push(run)
    run.hold = None if hold is None else max(hold, run.station)
    return said


def _pause(stage: Stage, site: Site, beat: Beat) -> Said:
    _schedule(stage, site, beat).paused = beat.do == "pause"
    return [f"schedule {beat.schedule} is {'paused' if beat.do == 'pause' else 'resumed'}"]


def _invalid(stage: Stage, site: Site, beat: Beat) -> Said:
    schedule = _schedule(stage, site, beat)
    schedule.invalid = (
        (beat.message or "invalid schedule: expected exactly 5 fields") if beat.do == "invalid" else ""
    )
    return [f"schedule {beat.schedule} is {'invalid' if schedule.invalid else 'valid again'}"]


def _delete(stage: Stage, site: Site, beat: Beat) -> Said:
    schedule = _schedule(stage, site, beat)
    schedule.deleted = True
    for manifest in site.operator.promise(site, schedule):
        metadata = manifest["metadata"]
        site.cluster.delete(site.cluster.type_of(manifest), metadata.get("namespace", ""), metadata["name"])
    return [f"schedule {beat.schedule} is deleted"]


def _create(stage: Stage, site: Site, beat: Beat) -> Said:
    spec = beat.spec or _schedule(stage, site, beat).spec
    stage.add_schedule(site, spec, stage.now)
    return [f"schedule {spec.name} is created"]


def _miss(stage: Stage, site: Site, beat: Beat) -> Said:
    _schedule(stage, site, beat).skip = True
    return [f"the next slot of schedule {beat.schedule} will pass without a run"]


def _next(stage: Stage, site: Site, beat: Beat) -> Said:
    _schedule(stage, site, beat).fate = (beat.outcome, beat.cause)
    return []


def _location(stage: Stage, site: Site, beat: Beat) -> Said:
    place = site.locations[beat.location or next(iter(site.locations))]
    available = beat.do == "available"
    if available != place.available:
        place.available, place.changed = available, stage.now
    place.message = beat.message
    return [f"storage location {place.spec.name} of {site.namespace} is {beat.do}"]


def _line(_: Stage, site: Site, beat: Beat) -> Said:
    site.cluster.reachable = beat.do == "online"
    return [f"the API server is {'back' if site.cluster.reachable else 'away'}"]


def _remove_run(stage: Stage, site: Site, beat: Beat) -> Said:
    run = site.runs.get(f"backup/{beat.name}") or stage.newest(site, beat.schedule)
    return stage.retire(run) if run and not run.removing else []


def _foreign(stage: Stage, site: Site, beat: Beat) -> Said:
    run = site.runs.get(f"backup/{beat.name}") or stage.newest(site, beat.schedule)
    shown = site.operator.act(site, beat, run, stage.now)
    if shown is None:
        raise DocumentError(f"no verb {beat.do!r}, or it has nothing to act on", file=stage.file.name)
    for manifest in shown.objects:
        if run is None:
            site.cluster.put(manifest)
        else:
            stage.place(run, site.cluster, manifest)
    return [shown.said]


def _objects(stage: Stage, beat: Beat) -> Said:
    cluster = stage.clusters[beat.cluster] if beat.cluster else next(iter(stage.clusters.values()))
    manifest = beat.apply or beat.remove
    name = f"{manifest['kind']} {manifest['metadata']['name']}"
    if beat.apply:
        cluster.put(manifest)
        return [f"{cluster.name}: {name} is written"]
    namespaced = cluster.type_of(manifest).namespaced
    namespace = manifest["metadata"].get("namespace", "default") if namespaced else ""
    cluster.delete(cluster.type_of(manifest), namespace, manifest["metadata"]["name"])
    return [f"{cluster.name}: {name} is deleted"]


_VERBS: dict[str, Callable[[Stage, Site, Beat], Said]] = {
    "start": _start,
    "run": _run,
    "slot": _slot,
    "restore": _restore,
    "progress": _progress,
    "finish": _conclude("completed"),
    "partial": _conclude("partial"),
    "fail": _conclude("failed"),
    "stall": _stall,
    "miss": _miss,
    "next": _next,
    "pause": _pause,
    "resume": _pause,
    "invalid": _invalid,
    "valid": _invalid,
    "delete": _delete,
    "create": _create,
    "available": _location,
    "unavailable": _location,
    "offline": _line,
    "online": _line,
    "delete-run": _remove_run,
}
