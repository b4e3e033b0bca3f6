"""The language of stories: what a story file may say, and the reading of one."""

from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from backup_sentinel.errors import DocumentError

STORIES = Path(__file__).with_name("stories")

Outcome = str | dict[str, str]
"""`completed`, `warnings`, `partial`, `failed`, `stalled`, `missed`; or `{failed: <cause>}`, `{partial: <cause>}`."""


Document = TypeVar("Document")


class _Loader(yaml.SafeLoader):
    """Reads instants as text, as they stand in objects."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Spec(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A part of a story file; a name that it does not know is an error."""


class VolumeSpec(Spec):
    """A volume of a schedule: `name` of the claim, size today, and the mover, `csi` (snapshots) or `fs` (files)."""

    namespace: str
    name: str
    size: str = "10Gi"
    mover: str = "csi"


class ScheduleSpec(Spec):
    """A schedule, and what its runs are like.

    `schedule` is a cron, a macro, `@every 6h`, with `CRON_TZ=` or not, or relative to the start of the story:
    `hourly +2m`, `daily -3h`. `growth` is the growth of the volumes in a day (0.01 is one per cent). `recent` are the
    outcomes of the newest runs of the history, newest last; `odds` the chances of others among the older ones.
    `paused` is how long ago it was paused, e.g. `12d`. `options` are for the operator.
    """

    name: str
    schedule: str = ""
    namespaces: list[str] = msgspec.field(default_factory=lambda: ["*"])
    location: str = "default"
    ttl: str = "30d"
    duration: str = "5m"
    items: int = 400
    growth: float = 0.002
    volumes: list[VolumeSpec] = []
    created: str = "120d"
    paused: str = ""
    recent: list[Outcome] = []
    odds: dict[str, float] = {}
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    options: dict[str, Any] = {}


class LocationSpec(Spec):
    """A place where backups are stored; `away` is how long it has been unavailable when the story begins, e.g. `3h`."""

    name: str = "default"
    default: bool = False
    read_only: bool = False
    bucket: str = "backups"
    prefix: str = ""
    away: str = ""
    message: str = ""
    options: dict[str, Any] = {}


class ImportSpec(Spec):
    """Backups of another cluster that show up here, since both see the same bucket; `since` is how long already."""

    cluster: str
    namespace: str
    schedule: str
    location: str
    since: str = "20d"


class SiteSpec(Spec):
    """One installation of one operator in one namespace."""

    namespace: str
    operator: str = "velero"
    locations: list[LocationSpec] = []
    schedules: list[ScheduleSpec] = []
    imports: list[ImportSpec] = []
    options: dict[str, Any] = {}


class ClusterSpec(Spec):
    """A cluster: the version its API server tells, and what runs in it."""

    version: str = "v1.34.2"
    sites: list[SiteSpec] = []


class Beat(Spec):
    """One thing that happens.

    `at` is relative to the start of the story: before it (`-26h`) for things of the past, after it (`+5m`) for a time,
    absent for the next tick. `do` names it; `apply` and `remove` write and delete any object instead. `cluster`,
    `namespace` and `schedule` may be left out where only one fits. `expect` is for those who play the story.
    """

    do: str = ""
    at: str = ""
    cluster: str = ""
    namespace: str = ""
    schedule: str = ""
    name: str = ""
    location: str = ""
    outcome: str = "completed"
    cause: str = ""
    message: str = ""
    duration: str = ""
    spec: ScheduleSpec | None = None
    apply: dict[str, Any] = {}
    remove: dict[str, Any] = {}
    expect: Any = None


class StoryFile(Spec, kw_only=True):
    """A whole story.

    `start` fixes the time it begins, e.g. `2026-11-21T03:00:00Z` (default: now); `history` is how far back runs are made
    up; `slots` says whether schedules run by themselves; `repeat` whether the beats without `at` begin again.
    """

    name: str
    seed: int = 1
    start: str = ""
    history: str = "30d"
    tick: str = "5s"
    slots: bool = True
    repeat: bool = False
    clusters: dict[str, ClusterSpec]
    beats: list[Beat] = []
    expect: Any = None


def load_story(source: str | Path) -> StoryFile:
    """Read a story file; a bare name is one of the shipped stories. DocumentError says what is wrong with it."""
    path = Path(source)
    if path.suffix not in {".yaml", ".yml"}:
        path = STORIES / f"{source}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror}", file=str(path)) from error
    return parse_story(text, file=str(path))


def parse_story(text: str, *, file: str = "") -> StoryFile:
    """Read the text of a story; `file` is named in the DocumentError."""
    return read_document(text, StoryFile, file=file)


def read_document(text: str, kind: type[Document], *, file: str) -> Document:
    """Read a YAML document of a kind; `file` is named in the DocumentError."""
    try:
        return msgspec.convert(yaml.load(text, _Loader), kind)  # noqa: S506  -- it is a SafeLoader
    except msgspec.ValidationError as error:
        raise DocumentError(str(error), file=file) from error
    except yaml.MarkedYAMLError as error:
        line, column = (
            (error.problem_mark.line + 1, error.problem_mark.column + 1) if error.problem_mark else (0, 0)
        )
        raise DocumentError(error.problem or "not YAML", file=file, line=line, column=column) from error
