"""An operator as its file has it, for the story engine."""

# ruff: noqa: ARG002 -- what an operator is told stands once, at Operator

import msgspec

from backup_sentinel.demo.manifest import suffix_of, uid_of
from backup_sentinel.demo.resources import ResourceType
from backup_sentinel.demo.scene import Manifest, Plan, Run, Schedule, Shown, Site
from backup_sentinel.demo.storyfile import Beat
from backup_sentinel.demo.times import rfc3339, seconds_of
from backup_sentinel.errors import DocumentError

from .file import OperatorFile
from .filling import Form, Values, fill_text
from .told import Moment, id_of, tell_location, tell_run, tell_schedule, tell_volume

_WORK = ("working",) * 3


class _Past(msgspec.Struct):
    """What an object that stands for many runs shows: the newest, the last to end, the last good, the first bad since."""

    newest: Run
    last: Run | None = None
    good: Run | None = None
    bad: Run | None = None


class WrittenOperator:
    """Makes the objects of one operator from its templates."""

    def __init__(self, file: OperatorFile) -> None:
        self.file = file
        self.types: tuple[ResourceType, ...] = tuple(file.types)
        self._by_kind = {(kind.api_version, kind.kind): kind for kind in file.types}
        self._schedule, self._location, self._run, self._restore = (
            [Form(template) for template in templates]
            for templates in (file.schedule, file.location, file.run, file.restore)
        )

    def name_run(self, name: str, created: float) -> str:
        """Return the name of a run, as the file has it."""
        at = rfc3339(created)
        values = {"schedule": name, "created": Moment(created)}
        return fill_text(self.file.name, {**values, "suffix": suffix_of(name, at), "id": id_of(name, at)})

    def plan(self, run: Run) -> Plan:
        """Return the phases: waiting, working, the outcome. A run whose location is away fails; DocumentError for a foreign outcome."""
        location = run.site.locations.get(run.spec.location)
        away = location is not None and not location.available and run.created >= location.changed
        if run.started is None and away:
            run.outcome, run.cause = "failed", "storage_unavailable"
        if run.outcome not in self.file.outcomes:
            raise DocumentError(f"the demo's {self.file.operator} knows no outcome {run.outcome!r}")
        for volume in run.volumes[:1]:
            volume.failed = run.outcome == "partial"
        if run.expires is not None and run.outcome in self.file.keeps:
            run.expires = min(run.expires, run.created + seconds_of(self.file.keeps[run.outcome]))
        return Plan(("waiting", *_WORK, run.outcome), 1)

    def scenery(self, site: Site, now: float) -> list[Manifest]:
        """Return the objects of the storage locations."""
        made = []
        for location in site.locations.values():
            words = frozenset({"available" if location.available else "unavailable"})
            told = tell_location(location, site.created, now)
            values = {**_site(site), "location": told, "option": location.spec.options}
            made += [self._make(form, words, values, site, site.created) for form in self._location]
        return [manifest for manifest in made if manifest is not None]

    def promise(self, site: Site, schedule: Schedule) -> list[Manifest]:
        """Return the objects of a schedule; where they stand for its runs too, with what is told of these."""
        past = site.notes.get(schedule.spec.name)
        values = {**_site(site), "schedule": tell_schedule(schedule), "option": schedule.spec.options}
        values |= dict.fromkeys(("run", "last", "good", "bad"))
        words = {"paused"} if schedule.paused else set()
        words |= {"invalid"} if schedule.invalid else set()
        if isinstance(past, _Past):
            run = past.newest
            told = {"run": run, "last": past.last, "good": past.good, "bad": past.bad}
            values |= {name: one and tell_run(one, self._message(one)) for name, one in told.items()}
            words |= _words(run) | ({"good"} if past.good else set()) | ({"stuck"} if past.bad else set())
        else:
            words.add("new")
        made = [self._make(form, frozenset(words), values, site, schedule.created) for form in self._schedule]
        for manifest in made[:1]:
            if manifest is not None:
                _mark(manifest, schedule)
        return [manifest for manifest in made if manifest is not None]

    def show(self, run: Run, now: float) -> Shown:
        """Return the objects of a run, and what is to be said about it."""
        if run.action == "backup" and run.schedule is not None:
            self._remember(run)
        message = self._message(run)
        values = {**_site(run.site), "run": tell_run(run, message), "option": run.spec.options}
        values["schedule"] = tell_schedule(run.schedule) if run.schedule is not None else None
        values["location"] = run.spec.location
        shown = Shown([])
        for form in self._restore if run.action == "restore" else self._run:
            end = run.created + run.duration if run.ended is None else run.ended
            for manifest in self._fill(form, run, values):
                if form.template.lasts:
                    shown.brief.append((end + seconds_of(form.template.lasts), manifest))
                else:
                    shown.objects.append(manifest)
        state = f"finished {run.phase}" if not run.open else f"is {run.phase}"
        shown.said = f"{self.file.operator} {run.action} {run.name} {state}" + (
            f": {message}" if message else ""
        )
        return shown

    def removal(self, run: Run, now: float) -> Shown:
        """Return nothing but the sentence: these operators delete at once."""
        return Shown([], f"{self.file.operator} {run.action} {run.name} is being deleted")

    def copy(self, run: Run, site: Site, location: str, now: float) -> list[Manifest]:
        """Return nothing: the story has no shared buckets of these operators."""
        return []

    def act(self, site: Site, beat: Beat, run: Run | None, now: float) -> Shown | None:
        """Know no beats of their own."""
        return None

    def _fill(self, form: Form, run: Run, values: Values) -> list[Manifest]:
        if form.template.each != "volume":
            made = [self._make(form, frozenset(_words(run)), values, run.site, run.created)]
        else:
            made = []
            for volume in run.volumes:
                words = _words(run)
                if not run.open and run.outcome == "partial" and not volume.failed:
                    words = (words - {"partial", run.cause}) | {"completed"}
                told = {**values, "volume": tell_volume(run, volume)}
                made.append(self._make(form, frozenset(words), told, run.site, run.created))
        return [manifest for manifest in made if manifest is not None]

    def _make(
        self, form: Form, words: frozenset[str], values: Values, site: Site, created: float
    ) -> Manifest | None:
        """Return an object with its metadata: where nothing else is said, it is created with what it stands for."""
        manifest = form.fill(words, values)
        if manifest is None:
            return None
        kind = self._by_kind[manifest["apiVersion"], manifest["kind"]]
        metadata = {"namespace": site.namespace} if kind.namespaced else {}
        metadata |= {"creationTimestamp": rfc3339(created), **manifest["metadata"]}
        place = (site.cluster.name, metadata.get("namespace", ""), kind.name, metadata["name"])
        metadata["uid"] = uid_of(*place, metadata["creationTimestamp"])
        return {**manifest, "metadata": metadata}

    def _message(self, run: Run) -> str:
        if run.open or run.outcome == "completed":
            return ""
        text = self.file.causes.get(run.cause, self.file.causes["other"])
        volume = tell_volume(run, run.volumes[0]) if run.volumes else None
        values = {**_site(run.site), "location": run.spec.location, "run": run, "volume": volume}
        return fill_text(text, values)

    def _remember(self, run: Run) -> None:
        notes, name = run.site.notes, run.spec.name
        past = notes.get(name)
        if not isinstance(past, _Past):
            past = notes[name] = _Past(run)
        past.newest = run
        if run.open:
            return
        past.last = run
        if run.outcome == "completed":
            past.good, past.bad = run, None
        else:
            past.bad = past.bad or run


def _site(site: Site) -> dict[str, object]:
    return {"cluster": site.cluster.name, "namespace": site.namespace}


def _words(run: Run) -> set[str]:
    words = {"scheduled" if run.schedule is not None else "adhoc", run.phase}
    return words if run.open else words | {"ended", run.cause}


def _mark(manifest: Manifest, schedule: Schedule) -> None:
    """Give the object of a schedule the labels and annotations that the story says."""
    for field, given in (("labels", schedule.spec.labels), ("annotations", schedule.spec.annotations)):
        if given:
            manifest["metadata"][field] = {**manifest["metadata"].get(field, {}), **given}
