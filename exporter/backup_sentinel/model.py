"""The nouns both rivers share. Data without input, output or rules.

Times are Unix seconds (float), durations seconds, sizes bytes. `None` means "not known": a value that is
missing is never 0, "" or a made-up time.
"""

from enum import StrEnum

import msgspec

from .errors import ProblemReason


class Outcome(StrEnum):
    """What became of a run. Only `DECISIVE` outcomes say anything about the health of a schedule."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    DELETING = "deleting"
    UNKNOWN = "unknown"


OPEN = frozenset({Outcome.PENDING, Outcome.RUNNING})
DECISIVE = frozenset({Outcome.SUCCEEDED, Outcome.PARTIAL, Outcome.FAILED})
FINISHED = DECISIVE | {Outcome.CANCELLED, Outcome.SKIPPED}
RESTORABLE = frozenset({Outcome.SUCCEEDED, Outcome.PARTIAL})

BARREN = frozenset({"check", "prune", "restore"})
"""Actions whose runs leave nothing that could be restored."""


class FailureReason(StrEnum):
    """Class of a failure, found in its text by the patterns of `cause`; a label value, hence closed."""

    CREDENTIALS = "credentials"
    NETWORK = "network"
    TLS = "tls"
    STORAGE_MISSING = "storage_missing"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    CAPACITY = "capacity"
    TIMEOUT = "timeout"
    SNAPSHOT = "snapshot"
    HOOK = "hook"
    VALIDATION = "validation"
    INTERRUPTED = "interrupted"
    PERMISSION = "permission"
    CONFLICT = "conflict"
    DATA_MOVER = "data_mover"
    UNKNOWN = "unknown"


class ScheduleKey(msgspec.Struct, frozen=True, gc=False, cache_hash=True, order=True):
    """Identity of a stream of runs, by name and not by UID: recreated by GitOps it is the same stream.

    `schedule` is "" for ad-hoc runs and restores, `<object>/<element>` where one object holds several
    schedules; `target` is "" unless the profile declares fan-out. `namespace` is the one of the schedule
    (of the run itself where there is no schedule); it becomes the label `resource_namespace`.
    """

    cluster: str
    operator: str
    namespace: str
    schedule: str
    action: str
    target: str = ""


class Run(msgspec.Struct, gc=False, kw_only=True):
    """One attempt at a backup, restore, export, check or prune.

    `created` is the creation of the object that stands for the run. `synced_copies` says that the operator
    re-creates such objects from what it finds in a bucket, so that the object may tell of a run that
    happened elsewhere; `synced` is the store's verdict that it does. `clock` is the one instant by which the runs of
    a profile are ordered. `of_run` names the run a restore restored from, `part_of` the run of the same schedule that this
    one is a step of.
    `sampled` says that the objects do not show every run, so that runs cannot be counted; without `created` no object
    stands for the run itself. `restore_point` says that the object is what a successful run left to restore from: proof of
    a success, but no run of its own.
    """

    key: ScheduleKey
    namespace: str
    name: str
    outcome: Outcome
    phase: str | None = None
    created: float | None = None
    started: float | None = None
    ended: float | None = None
    expires: float | None = None
    timeout: float | None = None
    size: float | None = None
    transferred: float | None = None
    items: float | None = None
    items_expected: float | None = None
    errors: float | None = None
    warnings: float | None = None
    failed_volumes: float | None = None
    files_new: float | None = None
    files_changed: float | None = None
    location: str | None = None
    target_namespaces: tuple[str, ...] = ()
    message: str | None = None
    reason: FailureReason | None = None
    of_run: str | None = None
    part_of: str | None = None
    clock: float | None = None
    synced_copies: bool = False
    sampled: bool = False
    restore_point: bool = False
    synced: bool = False


class Schedule(msgspec.Struct, gc=False, kw_only=True):
    """A promise that runs will happen.

    `crons` are alternatives: the earliest next slot of any counts. `last_attempt` is what the operator
    itself remembers of its last run, `skipped` the slot it was told to skip. `next_due` is set where the operator
    tells its next slot. `on_demand` schedules never owe a run. `partial_counts` is None unless the object says.
    `preset` names the `Preset` that says when, where the schedule itself does not.
    """

    key: ScheduleKey
    name: str
    crons: tuple[str, ...] = ()
    dialect: str = ""
    timezone: str | None = None
    paused: bool = False
    valid: bool | None = None
    created: float | None = None
    location: str | None = None
    last_attempt: float | None = None
    last_success: float | None = None
    skipped: float | None = None
    next_due: float | None = None
    on_demand: bool = False
    start_grace: float | None = None
    max_age: float | None = None
    restore_test_max_age: float | None = None
    partial_counts: bool | None = None
    failures_tolerated: int | None = None
    target_namespaces: tuple[str, ...] = ()
    message: str | None = None
    preset: str | None = None
    preset_namespace: str | None = None


class Preset(msgspec.Struct, gc=False, kw_only=True):
    """When runs are due, for schedules that refer to it."""

    cluster: str
    operator: str
    namespace: str
    name: str
    crons: tuple[str, ...] = ()
    dialect: str = ""
    timezone: str | None = None


class Event(msgspec.Struct, gc=False, kw_only=True):
    """Something an operator told of with a Kubernetes Event: `word` is its reason, `subject` the name of the object it is about.

    `at` is when it happened last, `times` how often so far.
    """

    cluster: str
    operator: str
    namespace: str
    name: str
    word: str
    subject: str
    outcome: Outcome
    at: float | None = None
    times: float | None = None
    message: str | None = None


class Location(msgspec.Struct, gc=False, kw_only=True):
    """Where backups are stored. `available` is None while the operator has not said."""

    cluster: str
    operator: str
    namespace: str
    name: str
    available: bool | None = None
    last_validation: float | None = None
    last_sync: float | None = None
    default: bool = False
    read_only: bool = False
    provider: str | None = None
    message: str | None = None
    reason: FailureReason | None = None


class Repository(msgspec.Struct, gc=False, kw_only=True):
    """A repository of volume data inside a location."""

    cluster: str
    operator: str
    namespace: str
    name: str
    ready: bool | None = None
    last_maintenance: float | None = None
    location: str | None = None
    message: str | None = None


class Volume(msgspec.Struct, gc=False, kw_only=True):
    """Data of one volume moved by one run; `run` is the name of the run in the same namespace."""

    cluster: str
    operator: str
    namespace: str
    name: str
    action: str
    run: str
    outcome: Outcome
    target_namespace: str | None = None
    volume: str | None = None
    size: float | None = None
    transferred: float | None = None
    started: float | None = None
    ended: float | None = None
    message: str | None = None


class Deletion(msgspec.Struct, gc=False, kw_only=True):
    """A request to delete a run, and whether carrying it out met errors."""

    cluster: str
    operator: str
    namespace: str
    name: str
    run: str
    failed: bool
    message: str | None = None


Record = Run | Schedule | Preset | Location | Repository | Volume | Deletion | Event


class Problem(msgspec.Struct, frozen=True):
    """Something in an object that could not be taken at its word. A value, never an exception.

    `path` is where in the object, `detail` one short sentence that holds no secret.
    """

    reason: ProblemReason
    path: str = ""
    detail: str = ""
