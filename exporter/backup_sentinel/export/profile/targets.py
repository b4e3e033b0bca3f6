"""The fields a record has, and what each holds: the one place that decides how a value is read.

`until now` marks instants that cannot lie ahead: such a value beyond the clock is a problem, not a fact.
"""

from typing import NamedTuple

from backup_sentinel.model import Deletion, Event, Location, Preset, Repository, Run, Schedule, Volume

from .convert import Kind

Maker = type[Run | Schedule | Preset | Location | Repository | Volume | Deletion | Event]


class Target(NamedTuple):
    """What a field holds, and for instants whether they may lie ahead."""

    kind: Kind
    ahead: bool = False


TEXT = Target(Kind.TEXT)
TEXTS = Target(Kind.TEXTS)
FLAG = Target(Kind.FLAG)
COUNT = Target(Kind.COUNT)
SIZE = Target(Kind.SIZE)
SPAN = Target(Kind.DURATION)
PAST = Target(Kind.TIME)
AHEAD = Target(Kind.TIME, ahead=True)

KEY = {"schedule": TEXT, "schedule_namespace": TEXT, "target": TEXT}
"""Fields that become parts of a run's or schedule's key instead of fields of the record."""

FIELDS: dict[str, dict[str, Target]] = {
    "run": {
        **KEY,
        "name": TEXT,
        "created": PAST,
        "started": PAST,
        "ended": PAST,
        "expires": AHEAD,
        "timeout": SPAN,
        "size": SIZE,
        "transferred": SIZE,
        "items": COUNT,
        "items_expected": COUNT,
        "errors": COUNT,
        "warnings": COUNT,
        "failed_volumes": COUNT,
        "files_new": COUNT,
        "files_changed": COUNT,
        "location": TEXT,
        "target_namespaces": TEXTS,
        "message": TEXT,
        "reason": TEXT,
        "of_run": TEXT,
        "part_of": TEXT,
    },
    "schedule": {
        **KEY,
        "name": TEXT,
        "crons": TEXTS,
        "dialect": TEXT,
        "timezone": TEXT,
        "paused": FLAG,
        "valid": FLAG,
        "created": PAST,
        "location": TEXT,
        "last_attempt": PAST,
        "last_success": PAST,
        "skipped": PAST,
        "next_due": AHEAD,
        "on_demand": FLAG,
        "start_grace": SPAN,
        "target_namespaces": TEXTS,
        "message": TEXT,
        "preset": TEXT,
        "preset_namespace": TEXT,
    },
    "preset": {"name": TEXT, "crons": TEXTS, "dialect": TEXT, "timezone": TEXT},
    "location": {
        "name": TEXT,
        "available": FLAG,
        "last_validation": PAST,
        "last_sync": PAST,
        "default": FLAG,
        "read_only": FLAG,
        "provider": TEXT,
        "message": TEXT,
        "reason": TEXT,
    },
    "repository": {"name": TEXT, "ready": FLAG, "last_maintenance": PAST, "location": TEXT, "message": TEXT},
    "volume": {
        "name": TEXT,
        "run": TEXT,
        "target_namespace": TEXT,
        "volume": TEXT,
        "size": SIZE,
        "transferred": SIZE,
        "started": PAST,
        "ended": PAST,
        "message": TEXT,
    },
    "deletion": {"name": TEXT, "run": TEXT, "failed": FLAG, "message": TEXT},
    "event": {"name": TEXT, "word": TEXT, "subject": TEXT, "at": PAST, "times": COUNT, "message": TEXT},
}

MAKERS: dict[str, Maker] = {
    "run": Run,
    "schedule": Schedule,
    "preset": Preset,
    "location": Location,
    "repository": Repository,
    "volume": Volume,
    "deletion": Deletion,
    "event": Event,
}

NEEDED = {
    "volume": ("run",),
    "deletion": ("run", "failed"),
    "event": ("word", "subject"),
    "schedule": (),
    "preset": ("crons",),
    "run": (),
    "location": (),
    "repository": (),
}
"""Fields that a profile must give for a record."""

IMPLIED = {"name": "metadata.name", "created": "metadata.creationTimestamp"}
"""Where a field stands if the profile does not say."""

OUTCOMES = frozenset({"run", "volume", "event"})
"""Records that have an outcome."""

ACTIONS = frozenset({"run", "schedule", "volume"})
"""Records that have an action."""
