"""Plays a story: brings its past about, then moves it on by ticks (live) or by seconds (under a manual clock)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Self

from backup_sentinel.clock import Clock
from backup_sentinel.errors import DocumentError

from .beats import begin_slot, find_site, perform
from .cluster import SimulatedCluster
from .past import lucky, make_past
from .scene import Run, Schedule, Site
from .stage import Stage
from .storyfile import Beat, StoryFile, load_story
from .times import ManualClock, instant, seconds_of


class Story:
    """A story on its stage; the same seed and the same clock give the same objects.

    Without a clock it plays in real time, or, where the file fixes its `start`, under a `ManualClock` from then on.
    DocumentError for a file whose durations, crons or beats make no sense.
    """

    def __init__(self, file: StoryFile, *, clock: Clock | None = None) -> None:
        self.file = file
        self.clock = clock or (ManualClock(instant(file.start)) if file.start else Clock())
        self.stage = Stage(file, self.clock.now())
        self._timed: list[tuple[float, Beat]] = []
        self._loose: list[Beat] = []
        self._turn = 0
        try:
            self._build()
        except (ValueError, KeyError) as error:
            raise DocumentError(f"story {file.name}: {error}") from error

    @classmethod
    def load(cls, source: str | Path, *, clock: Clock | None = None) -> Self:
        """Load a story from a file, or one of the shipped stories by its name."""
        return cls(load_story(source), clock=clock)

    @property
    def clusters(self) -> dict[str, SimulatedCluster]:
        """Return the clusters by name."""
        return self.stage.clusters

    @property
    def tick(self) -> float:
        """Return the seconds between two live steps."""
        return seconds_of(self.file.tick)

    @property
    def next_beat(self) -> Beat | None:
        """Return the beat that the next `step` performs."""
        return self._timed[0][1] if self._timed else (self._loose[self._turn] if self._loose else None)

    def step(self) -> list[str]:
        """Move the story on by one beat and return, in sentences, what changed.

        Under a manual clock a beat with a time is waited for: everything until then happens too. Otherwise each open
        run moves on by one phase, slots that are due start runs, and one beat without a time is performed.
        """
        if self._timed and isinstance(self.clock, ManualClock):
            return self.advance(max(0.0, self._timed[0][0] - self.clock.now()))
        self.stage.now = max(self.stage.now, self.clock.now())
        said = [line for run in list(self.stage.open) for line in self.stage.push(run)]
        said += self._play_due(beats=True)
        if self._loose:
            beat = self._loose[self._turn]
            self._turn += 1
            if self._turn == len(self._loose):
                self._turn, self._loose = 0, self._loose if self.file.repeat else []
            said += perform(self.stage, beat)
        self.stage.settle()
        return said

    def advance(self, seconds: float) -> list[str]:
        """Let time pass under a manual clock, with all that is due on the way; return what changed.

        TypeError under any other clock.
        """
        if not isinstance(self.clock, ManualClock):
            raise TypeError("only a story under a ManualClock can be advanced by seconds")
        target = self.clock.now() + seconds
        said: list[str] = []
        while (moment := self._next_moment()) is not None and moment <= target:
            self._move(self.clock, moment)
            said += self._play_due(beats=True)
            said += [
                line
                for run in list(self.stage.open)
                if run.due <= self.stage.now and not (run.held and not run.removing)
                for line in self.stage.push(run)
            ]
        self._move(self.clock, target)
        self.stage.settle()
        return said

    def _build(self) -> None:
        file, stage = self.file, self.stage
        if self.tick <= 0:
            raise ValueError("tick must be more than nothing")
        for name, spec in file.clusters.items():
            cluster = SimulatedCluster(name, clock=self.clock, version=spec.version)
            stage.clusters[name] = cluster
            for site in spec.sites:
                stage.build(cluster, site)
        make_past(stage, seconds_of(file.history) if file.history not in {"", "0"} else 0.0)
        stage.settle()
        timed = [(stage.start + seconds_of(beat.at), beat) for beat in file.beats if beat.at]
        self._timed = sorted(timed, key=lambda pair: pair[0])
        self._loose = [beat for beat in file.beats if not beat.at]
        for beat in file.beats:
            if beat.do not in {"", "wait", "create"}:
                find_site(stage, beat)
        while self._timed and self._timed[0][0] < stage.start:
            stage.now, beat = self._timed.pop(0)
            perform(stage, beat)
        stage.now = stage.start
        stage.settle()

    def _play_due(self, *, beats: bool) -> list[str]:
        """Perform the timed beats, start the slots and retire the runs whose time has come."""
        stage = self.stage
        said: list[str] = []
        while beats and self._timed and self._timed[0][0] <= stage.now:
            said += perform(stage, self._timed.pop(0)[1])
        for site, schedule in self._due():
            said += self._start(site, schedule)
        for run in list(stage.expired()):
            said += stage.retire(run)
        return said

    def _start(self, site: Site, schedule: Schedule) -> list[str]:
        stage, spec = self.stage, schedule.spec
        if schedule.skip:
            schedule.skip = False
            stage.handle(schedule, stage.now)
            return [f"{site.cluster.name}: schedule {spec.name} starts nothing in its slot"]
        luck = stage.draw(site, spec.name, "slot", int(stage.now)).random()
        outcome, cause = schedule.fate or lucky(spec.odds, luck)
        schedule.fate = None
        run = begin_slot(stage, site, schedule, outcome, cause)
        return [] if run is None else [stage.show(run)]

    def _due(self) -> Iterator[tuple[Site, Schedule]]:
        for site, schedule in self._ready():
            if schedule.due is not None and schedule.due <= self.stage.now:
                yield site, schedule

    def _ready(self) -> Iterator[tuple[Site, Schedule]]:
        """Yield the schedules that may start a run: alive, and none of their runs is open."""
        if not self.file.slots:
            return
        busy: set[int] = {id(run.schedule) for run in self.stage.open if run.open}
        for site in self.stage.sites:
            for schedule in site.schedules.values():
                if not (schedule.paused or schedule.deleted or schedule.invalid or id(schedule) in busy):
                    yield site, schedule

    def _next_moment(self) -> float | None:
        moments = [self._timed[0][0]] if self._timed else []
        moments += [run.due for run in self.stage.open if run.removing or not run.held]
        moments += [schedule.due for _, schedule in self._ready() if schedule.due is not None]
        expiry = self.stage.next_expiry()
        moments += [] if expiry is None else [expiry]
        return max(self.stage.now, min(moments)) if moments else None

    def _move(self, clock: ManualClock, moment: float) -> None:
        clock.move(max(0.0, moment - clock.now()))
        self.stage.now = max(self.stage.now, clock.now())


__all__ = ["ManualClock", "Run", "Story"]
