"""What the language can say, one construct of a real operator at a time, both ways (fast and careful) compared."""

from collections.abc import Callable
from typing import Any

import pytest

from backup_sentinel.errors import ProblemReason
from backup_sentinel.export.profile import Profile, Reading
from backup_sentinel.model import Deletion, FailureReason, Location, Outcome, Record, Run, Schedule

Read = Callable[..., Reading]

RUN = """
  - group: example.org
    versions: [v1]
    kind: Backup
    plural: backups
    record: run
    outcome: {{path: status.phase, absent: pending, map: {{Done: succeeded, Bad: failed, Half: partial}}}}
    fields:
      {fields}
"""


def field(read: Read, name: str, expression: str, value: dict[str, Any]) -> Any:
    reading = read(RUN.format(fields=f"{name}: {expression}"), value)
    [record] = reading.records
    return [getattr(record, name), *(p.reason.value for p in reading.problems)]


OBJECT: dict[str, Any] = {
    "metadata": {
        "name": "x",
        "namespace": "ns",
        "creationTimestamp": "2026-03-02T01:00:00Z",
        "labels": {"app": "shop-nightly-3"},
        "ownerReferences": [{"kind": "Pod", "name": "p"}, {"kind": "Schedule", "name": "s1"}],
    },
    "status": {
        "phase": "Done",
        "start": "2026-03-02T01:00:05Z",
        "took": "1m30s",
        "clock": "1:05",
        "text": "0.5",
        "sizes": [{"size": "1.5 GiB", "at": "2026-03-02T03:00:00Z"}, {}, {"size": "512 MiB", "at": "2026-03-02T02:00:00Z"}],
        "files": {"a": {"n": 3, "ok": True}, "b": {"n": 4, "ok": False}},
        "nested": '{"pvcName":"data-1","deep":{"n":7}}',
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "Done", "status": "False", "message": "m"}],
        "ctime": "Mon Mar  2 01:04:05 2026",
        "empty": "",
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expression", "expected"),
    [
        ("location", "status.conditions[type=Done].message", ["m"]),
        ("location", "{first: [status.empty, status.nowhere, metadata.name]}", ["x"]),
        ("location", "{value: here}", ["here"]),
        ("location", "{path: status.nowhere, default: there}", ["there"]),
        ("location", "{owner: Schedule}", ["s1"]),
        ("location", "{owner: Job}", [None]),
        ("location", "{template: '{metadata.namespace}/{metadata.name}'}", ["ns/x"]),
        ("location", "{template: '{metadata.namespace}/{status.nowhere}'}", [None]),
        ("location", "{path: metadata.labels.app, match: '^[a-z]+-(.*)-[0-9]+$'}", ["nightly"]),
        ("location", "{path: metadata.labels.app, match: '^nothing(.*)$'}", [None]),
        ("location", "{path: status.phase, map: {Done: yes}}", ["yes"]),
        ("location", "{path: status.phase, map: {Other: 1}}", [None, "unknown_phase"]),
        ("location", "{path: status.phase, map: {Other: a}, default: b}", ["b"]),
        ("location", "{path: status.phase, fold: true, map: {done: folded}}", ["folded"]),
        ("location", "{first: [status.nowhere, status.phase], map: {Done: mapped}}", ["mapped"]),
        ("location", "{path: status.nested, json: pvcName}", ["data-1"]),
        ("items", "{path: status.nested, json: deep.n}", [7]),
        ("location", "{path: status.phase, json: x}", [None, "wrong_type"]),
        ("location", "{join: 'status.conditions[*].type', separator: '+'}", ["Ready+Done"]),
        ("location", "{last: 'status.conditions[*].type'}", ["Done"]),
        ("size", "{last: 'status.sizes[*].size', by: 'status.sizes[*].at', as: human-1024}", [1.5 * 2**30]),
        ("size", "{sum: 'status.sizes[*].size', as: human-1024}", [2.0 * 2**30]),
        ("size", "{max: 'status.sizes[*].size', as: human-1024}", [1.5 * 2**30]),
        ("size", "{sum: 'status.nowhere[*].size'}", [None]),
        ("items", "{sum: status.files.*.n}", [7]),
        ("items", "{count: 'status.sizes[*]'}", [3]),
        ("items", "{count: 'status.nowhere[*]'}", [None]),
        ("items", "{max: [{value: 3}, {path: status.nowhere, default: 5}]}", [5]),
        ("items", "{max: [status.nowhere, status.neither]}", [None]),
        ("items", "{add: [{sum: status.files.*.n}, {value: 2}]}", [9]),
        ("items", "{subtract: [{value: 2}, {value: 5}]}", [0]),
        ("items", "{add: [{value: 2}, status.nowhere]}", [None]),
        ("items", "{value: 2, when: {outcome: [failed]}}", [None]),
        ("items", "{path: status.nowhere, default: 2, when: {outcome: [succeeded]}}", [2]),
        ("ended", "{add: [status.start, status.took]}", [1772413295.0]),
        ("ended", "{add: [status.start, {path: status.clock, as: clock}]}", [1772413270.0]),
        ("timeout", "{subtract: [status.start, metadata.creationTimestamp]}", [5.0]),
        ("timeout", "{path: status.text, as: seconds}", [0.5]),
        ("timeout", "{value: 4h}", [14400.0]),
        ("timeout", "{path: status.phase}", [None, "bad_duration"]),
        ("ended", "{path: status.ctime, as: [rfc3339, go-time, ctime]}", [1772413445.0]),
        ("ended", "{path: status.phase, as: [rfc3339, ctime]}", [None, "bad_time"]),
        ("target_namespaces", "status.conditions[*].type", [("Ready", "Done")]),
        ("target_namespaces", "metadata.name", [("x",)]),
        ("target_namespaces", "status.nowhere[*]", [()]),
    ],
)
def test_expressions(read: Read, name: str, expression: str, expected: list[Any]) -> None:
    assert field(read, name, expression, OBJECT) == expected


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("{path: status.phase, equals: Done}", True),
        ("{path: status.phase, equals: done, fold: true}", True),
        ("{path: status.phase, in: [A, Done]}", True),
        ("{path: status.phase, matches: '^D.*e$'}", True),
        ("{path: status.nowhere, exists: false}", True),
        ("{path: status.sizes, exists: true}", True),
        ("{path: status.sizes, empty: false}", True),
        ("{path: status.none, empty: true}", True),
        ("{path: status.empty, empty: true}", True),
        ("{path: status.files, empty: true}", False),
        ("{path: status.files.a.n, above: 2}", True),
        ("{path: status.files.a.n, above: 3}", False),
        ("{path: status.files.a.n, equals: 3}", True),
        ("{path: status.files.a.ok, equals: true}", True),
        ("{path: status.files.*.ok, equals: false}", True),
        ("{path: 'status.conditions[*].type', in: [Nothing]}", False),
        ("{path: 'status.conditions[type=Ready].status', equals: 'True'}", True),
        ("{path: 'status.sizes[*]', exists: true}", True),
        ("{not: {path: status.phase, equals: Done}}", False),
        ("{all: [{path: status.phase, equals: Done}, {path: status.start, exists: true}]}", True),
        ("{any: [{path: status.phase, equals: Bad}, {path: status.start, exists: false}]}", False),
        ("{path: status.start, exists: true, matches: '^2026'}", True),
        ("{path: status.nowhere, equals: null}", True),
    ],
)
def test_conditions(read: Read, condition: str, *, holds: bool) -> None:
    """Asked as a test, as a filter, and as a rule of the outcome."""
    body = f"""
  - {{group: g, versions: [v1], kind: K, plural: ks, record: deletion, fields: {{run: metadata.name, failed: {{test: {condition}}}}}}}
"""
    [record] = read(body, OBJECT).records
    assert isinstance(record, Deletion)
    assert record.failed is holds
    body = f"""
  - {{group: g, versions: [v1], kind: K, plural: ks, record: location, where: {condition}}}
"""
    assert len(read(body, OBJECT).records) == holds
    body = f"""
  - group: g
    versions: [v1]
    kind: K
    plural: ks
    record: run
    outcome: {{rules: [{{is: partial, when: {condition}}}, {{is: failed, when: {{path: metadata.name, exists: true}}}}]}}
"""
    assert outcomes(read(body, OBJECT).records) == [Outcome.PARTIAL if holds else Outcome.FAILED]


def outcomes(records: tuple[Record, ...]) -> list[Outcome]:
    return [record.outcome for record in records if isinstance(record, Run)]


COMPLETE_WITH_EXCEPTIONS = """
  - group: example.org
    versions: [v1alpha1]
    kind: Action
    plural: actions
    aggregated: true
    record: run
    clock: started
    outcome:
      path: status.state
      rules:
        - is: partial
          when: {path: status.state, equals: Complete, all: [{path: status.exceptions, empty: false}]}
      map: {Complete: succeeded, AttemptFailed: running, Failed: failed, Cancelled: cancelled}
    fields:
      started: status.startTime
      message: {first: ["status.exceptions[0].message", status.error.message]}
"""


@pytest.mark.parametrize(
    ("status", "outcome", "message"),
    [
        ({"state": "Complete", "exceptions": None}, Outcome.SUCCEEDED, None),
        ({"state": "Complete", "exceptions": []}, Outcome.SUCCEEDED, None),
        ({"state": "Complete", "exceptions": [{"message": "snapshot of data-1 failed"}]}, Outcome.PARTIAL, "snapshot of data-1 failed"),
        ({"state": "Failed", "error": {"message": "x509: expired"}}, Outcome.FAILED, "x509: expired"),
        ({"state": "AttemptFailed"}, Outcome.RUNNING, None),
    ],
)  # fmt: skip
def test_complete_with_exceptions(
    read: Read, status: dict[str, Any], outcome: Outcome, message: str | None
) -> None:
    reading = read(COMPLETE_WITH_EXCEPTIONS, {"status": {**status, "startTime": "2026-03-02T01:00:05Z"}})
    [run] = reading.records
    assert isinstance(run, Run)
    assert (run.outcome, run.message, run.clock) == (outcome, message, 1772413205.0)
    assert run.reason == (
        FailureReason.TLS if message == "x509: expired" else FailureReason.SNAPSHOT if message else None
    )


def test_an_aggregated_resource_is_polled(compiled: Callable[[str], Profile]) -> None:
    kind = compiled(COMPLETE_WITH_EXCEPTIONS).resources[0].type
    assert (kind.aggregated, kind.poll, kind.verbs) == (True, 60.0, ("get", "list"))


SESSIONS = """
  - group: example.org
    versions: [v1]
    kind: Configuration
    plural: configurations
    record: schedule
    expand: {each: "spec.sessions[*]"}
    fields:
      schedule: {template: "{metadata.name}/{@.name}"}
      crons: "@.scheduler.schedule"
      paused: {first: ["@.scheduler.suspend", spec.paused]}
      target_namespaces: "@.targets[*].namespace"
"""


def test_one_object_is_many_schedules(read: Read) -> None:
    spec = {
        "paused": False,
        "sessions": [
            {"name": "full", "scheduler": {"schedule": "0 1 * * 0", "suspend": True}, "targets": [{"namespace": "a"}, {"namespace": "b"}]},
            {"name": "incremental", "scheduler": {"schedule": "0 1 * * *"}},
            None,
        ],
    }  # fmt: skip
    records = read(SESSIONS, {"spec": spec}).records
    found = [
        (s.key.schedule, s.crons, s.paused, s.target_namespaces) for s in records if isinstance(s, Schedule)
    ]
    assert found == [
        ("x/full", ("0 1 * * 0",), True, ("a", "b")),
        ("x/incremental", ("0 1 * * *",), False, ()),
    ]
    assert read(SESSIONS, {"spec": {}}).records == ()


JOBS = """
  - group: example.org
    versions: [v1]
    kind: Schedule
    plural: schedules
    record: schedule
    expand: {each: [spec.backup, spec.check, spec.prune]}
    action: {path: "@key"}
    fields:
      crons: "@.schedule"
"""


def test_one_object_is_a_schedule_for_each_part(read: Read) -> None:
    spec = {"prune": {"schedule": "@weekly"}, "backup": {"schedule": "@daily"}, "check": None}
    records = read(JOBS, {"spec": spec}).records
    found = [(s.key.schedule, s.key.action, s.crons) for s in records if isinstance(s, Schedule)]
    assert found == [("x/backup", "backup", ("@daily",)), ("x/prune", "prune", ("@weekly",))]


def test_values_of_a_mapping_have_keys(read: Read) -> None:
    body = """
  - group: example.org
    versions: [v1]
    kind: Set
    plural: sets
    record: run
    expand: {each: status.instances.*}
    fields: {target: "@key", size: "@.size"}
    outcome: {path: "@.state", map: {ok: succeeded, "": pending}}
"""
    value = {"status": {"instances": {"etcd-0": {"state": "ok", "size": 5}, "etcd-1": {"state": "ok"}}}}
    records = read(body, value).records
    found = [(r.name, r.key.target, r.size, r.outcome) for r in records if isinstance(r, Run)]
    assert found == [
        ("x/etcd-0", "etcd-0", 5, Outcome.SUCCEEDED),
        ("x/etcd-1", "etcd-1", None, Outcome.SUCCEEDED),
    ]


SOURCE = """
  - group: example.org
    versions: [v1alpha1]
    kind: Source
    plural: sources
    record: schedule
    where: {path: spec.trigger.schedule, exists: true}
    fields:
      crons: spec.trigger.schedule
      paused: spec.paused
      next_due: status.nextSyncTime
      last_success: status.lastSyncTime
    also:
      - record: run
        sampled: true
        clock: started
        outcome:
          rules:
            - {is: failed, when: {path: status.result, equals: Failed}}
            - {is: running, when: {path: status.startTime, exists: true}}
            - {is: succeeded, when: {path: status.lastSyncTime, exists: true}}
          absent: pending
        fields:
          schedule: metadata.name
          started: {first: [status.startTime, {subtract: [status.lastSyncTime, status.took]}]}
          ended: {path: status.lastSyncTime, when: {outcome: [succeeded]}}
          size: {path: status.added, when: {outcome: [succeeded]}}
"""


@pytest.mark.parametrize(
    ("status", "outcome", "started", "ended", "size"),
    [
        ({"lastSyncTime": "2026-03-02T01:01:30Z", "took": "1m30s", "added": 7}, Outcome.SUCCEEDED, 1772413200.0, 1772413290.0, 7),
        ({"startTime": "2026-03-02T01:00:00Z", "lastSyncTime": "2026-03-01T00:00:00Z", "result": "Failed", "added": 7}, Outcome.FAILED, 1772413200.0, None, None),
        ({"startTime": "2026-03-02T01:00:00Z"}, Outcome.RUNNING, 1772413200.0, None, None),
        ({}, Outcome.PENDING, None, None, None),
    ],
)  # fmt: skip
def test_a_schedule_that_is_also_its_last_run(
    read: Read,
    status: dict[str, Any],
    outcome: Outcome,
    started: float | None,
    ended: float | None,
    size: int | None,
) -> None:
    """Fields of the last success stay in the object when the next run fails, so they are read for a success only."""
    value = {"spec": {"trigger": {"schedule": "@daily"}}, "status": status}
    schedule, run = read(SOURCE, value).records
    assert isinstance(schedule, Schedule)
    assert isinstance(run, Run)
    assert (run.outcome, run.started, run.ended, run.size) == (outcome, started, ended, size)
    assert (run.key, run.sampled) == (schedule.key, True)


def test_booleans_and_numbers_may_be_the_phase(read: Read) -> None:
    body = """
  - group: example.org
    versions: [v1]
    kind: Snapshot
    plural: snapshots
    record: run
    outcome: {path: status.ready, absent: pending, map: {"true": succeeded, "false": running, 3: failed}}
"""
    for ready, outcome in ((True, "succeeded"), (False, "running"), (3, "failed"), (None, "pending")):
        assert outcomes(read(body, {"status": {"ready": ready}}).records) == [outcome]


def test_one_place_in_two_shapes(read: Read) -> None:
    """Text in one version of the operator, a mapping in the next: decoded whole, and each path takes what it knows."""
    body = RUN.format(fields="message: {first: [status.error, status.error.message]}")
    [run] = read(body, {"status": {"phase": "Bad", "error": "refused"}}).records
    assert isinstance(run, Run)
    assert run.message == "refused"
    reading = read(body, {"status": {"phase": "Bad", "error": {"message": "refused"}}})
    [run] = reading.records
    assert isinstance(run, Run)
    assert run.message == "refused"
    assert [p.reason for p in reading.problems] == [ProblemReason.WRONG_TYPE]


def test_cluster_scoped(read: Read) -> None:
    body = """
  - {group: "", versions: [v1], kind: Thing, plural: things, namespaced: false, record: location}
"""
    value: dict[str, Any] = {"metadata": {"name": "x", "namespace": ""}}
    [record] = read(body, value).records
    assert isinstance(record, Location)
    assert record.namespace == ""


def test_future_times_are_not_facts(read: Read) -> None:
    body = RUN.format(fields="{started: status.a, expires: status.b, ended: {add: [status.c, {value: 1h}]}}")
    value = {
        "status": {"a": "2026-03-02T01:05:01Z", "b": "2027-01-01T00:00:00Z", "c": "2026-03-02T00:30:00Z"}
    }
    reading = read(body, value, now=1772413200.0)
    [run] = reading.records
    assert isinstance(run, Run)
    assert (run.started, run.expires, run.ended) == (None, 1798761600.0, None)
    assert [(p.reason.value, p.path) for p in reading.problems] == [
        ("future_time", "status.a"),
        ("future_time", "computed"),
    ]
    assert read(body, {"status": {"a": "2026-03-02T01:04:59Z"}}, now=1772413200.0).problems == ()
