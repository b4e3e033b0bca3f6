"""What people want to know of everything that is watched, as plain rows: for the pages, the API and the terminal.

In: the store, brought up to date. Out: rows, worst first. Never here: how a row looks.

    choice      which rows somebody asks for
    lens        a look at the store at one moment
    state       how bad a stream is, by the verdicts of the alert rules
    verdicts    which streams are looked at, the worst first
    rows, sight what is told: the shapes of the API
    schedules, runs, places, clusters    from what the store knows to rows
    steps       the same for many streams, with room for others in between
    client      asks a running exporter for its rows
    words       instants, durations and sizes for people, and text that cannot harm whoever shows it
"""

from .choice import EVERYTHING, LABELS, PROBLEM, Choice, ChoiceError
from .lens import Lens
from .places import FEW_PLACES, find_locations, find_repositories, tell_locations, tell_repositories
from .rows import (
    LocationRow,
    Mark,
    Overview,
    PlaceList,
    RepositoryRow,
    RunList,
    RunRow,
    ScheduleDetail,
    ScheduleRow,
    VolumeRow,
)
from .runs import MANY_VOLUMES, find_runs, is_restorable, restores, tell_run
from .schedules import tell_detail
from .sight import ClusterList, ClusterRow, ResourceRow
from .state import RANK, State, judge
from .steps import Steps, at_once, by_turns, survey, tell_runs
from .verdicts import Verdict, streams, verdicts, wanted

__all__ = [
    "EVERYTHING",
    "FEW_PLACES",
    "LABELS",
    "MANY_VOLUMES",
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
    "find_locations",
    "find_repositories",
    "find_runs",
    "is_restorable",
    "judge",
    "restores",
    "streams",
    "survey",
    "tell_detail",
    "tell_locations",
    "tell_repositories",
    "tell_run",
    "tell_runs",
    "verdicts",
    "wanted",
]
