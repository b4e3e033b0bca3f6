"""Presets: the times of schedules that stand in an object beside them."""

from collections.abc import Iterable, Iterator

import msgspec

from backup_sentinel.model import Preset, Schedule

from .stream import Stream


class Presets:
    """The presets of one operator in one cluster, by namespace and name."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Preset] = {}

    def put(self, preset: Preset) -> None:
        """Take in a new or changed preset."""
        self._known[preset.namespace, preset.name] = preset

    def drop(self, preset: Preset) -> None:
        """Take out a preset; schedules keep the promise they had."""
        self._known.pop((preset.namespace, preset.name), None)

    def timed(self, schedule: Schedule, stream: Stream) -> Schedule:
        """Return the schedule with the times of its preset; as long as that is not known, with those it had."""
        if schedule.preset is None or schedule.crons:
            return schedule
        preset = self._known.get((schedule.preset_namespace or schedule.key.namespace, schedule.preset))
        if preset is not None:
            return msgspec.structs.replace(
                schedule, crons=preset.crons, dialect=preset.dialect, timezone=preset.timezone
            )
        crons, timezone = stream.rhythm or ((), None)
        return msgspec.structs.replace(schedule, crons=crons, timezone=timezone)


def referring(preset: Preset, streams: Iterable[Stream]) -> Iterator[Schedule]:
    """Yield the schedules that refer to a preset, without the times they have from it."""
    for stream in streams:
        schedule = stream.schedule
        if (
            schedule is not None
            and not stream.key.target
            and schedule.preset == preset.name
            and (schedule.preset_namespace or stream.key.namespace) == preset.namespace
        ):
            yield msgspec.structs.replace(schedule, crons=())
