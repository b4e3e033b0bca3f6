"""What people want to know of everything that is watched, as plain rows: for the pages, the API and the terminal.

In: the store, brought up to date. Out: rows, worst first. Never here: how a row looks.

    state     how bad it is, by the verdicts of the alert rules
    rows      what is told: the shapes of the API
    choice    which rows somebody asks for
    lens      from streams, runs and places to rows
    steps     the same for many streams, with room for others in between
    client    asks a running exporter for its rows
    words     instants, durations and sizes for people, and text that cannot harm whoever shows it
"""

from .choice import LABELS, PROBLEM, Choice, ChoiceError
from .lens import Lens, Verdict
from .rows import (
    ClusterList,
    ClusterRow,
    LocationRow,
    Mark,
    Overview,
    PlaceList,
    RepositoryRow,
    ResourceRow,
    RunList,
    RunRow,
    ScheduleDetail,
    ScheduleRow,
    VolumeRow,
)
from .state import RANK, State, judge
from .steps import Steps, at_once, by_turns, survey, tell_runs

__all__ = [
    "LABELS",
    "PROBLEM",
    "RANK",
    "Choice",
    "ChoiceError",
    "ClusterList",
    "ClusterRow",
    "Lens",
    "LocationRow",
    "Mark",
    "Overview",
    "PlaceList",
    "RepositoryRow",
    "ResourceRow",
    "RunList",
    "RunRow",
    "ScheduleDetail",
    "ScheduleRow",
    "State",
    "Steps",
    "Verdict",
    "VolumeRow",
    "at_once",
    "by_turns",
    "judge",
    "survey",
    "tell_runs",
]
