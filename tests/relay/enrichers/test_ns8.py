"""Module status of NethServer 8 out of a real Redis, in each layout, over TCP and socket."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backup_sentinel.config import parse
from backup_sentinel.errors import DocumentError, SentinelError
from backup_sentinel.relay.enrichers.ns8 import Ns8Settings
from backup_sentinel.relay.enrichers.ns8.status import Status, from_fields, from_json
from backup_sentinel.relay.finding import AlertFinding, Findings, PartFinding
from backup_sentinel.relay.message import Alert
from backup_sentinel.relay.message import Status as AlertStatus
from relay.enrichers.kit import asked, finding, message
from relay.kit import START
from support.redis import RedisServer

if TYPE_CHECKING:
    from redis import Redis

PASSWORD = "fake-redis-password"
NOTHING = "No recent backup status keys found in Redis"
RECENT, EARLIER = START - 600, START - 90_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"), password=PASSWORD)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis(server: RedisServer) -> Iterator[Redis]:
    with server.client() as client:
        client.flushall()
        yield client


def ns8_alert(alertname: str = "BackupFailed", /, *, status: str = "firing", **labels: str) -> Alert:
    return Alert(
        status=AlertStatus(status),
        labels={"alertname": alertname, "severity": "critical", **labels},
        fingerprint=f"{alertname}{sorted(labels.items())}",
    )


FAILED = ns8_alert(id="1", name="nightly", node="1")


def restic_json(**changes: Any) -> str:
    """Return a status as `run-backup` writes it, with the statistics of restic."""
    return json.dumps(
        {
            "start": int(RECENT) - 30,
            "end": int(RECENT),
            "total_size": 1000,
            "total_file_count": 10,
            "snapshots_count": 3,
            "errors": 0,
        }
        | changes
    )


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def by_node(
    redis: Redis, statuses: Mapping[str, Mapping[str, Any]], node: str = "1", backup: str = "1"
) -> None:
    """Write statuses as JSON in a hash of the node: the layout since April 2026."""
    for module, changes in statuses.items():
        redis.hset(f"node/{node}/backup_status/{backup}", module, restic_json(**changes))


def fields(redis: Redis, key: str, **values: Any) -> None:
    redis.hset(key, mapping={name: str(value) for name, value in values.items()})


def plan(redis: Redis, *modules: str, backup: str = "1", name: str = "nightly") -> None:
    fields(redis, f"cluster/backup/{backup}", name=name, instances=" ".join(modules), enabled="1")


async def ask(server: RedisServer, *alerts: Alert, **changes: Any) -> Findings:
    settings = {"port": server.port, "password": PASSWORD, **changes}
    return await asked(Ns8Settings(**settings), message(*alerts, received=START))


async def found(server: RedisServer, alert: Alert = FAILED, **changes: Any) -> AlertFinding:
    return finding(await ask(server, alert, **changes), "ns8").alerts[alert.fingerprint]


def outcomes(about: AlertFinding) -> dict[str, str]:
    return {part.name: part.outcome for part in about.parts}


@pytest.mark.parametrize("way", ["tcp", "socket"])
async def test_a_hash_of_the_node_with_json_by_module(server: RedisServer, redis: Redis, way: str) -> None:
    by_node(redis, {"wiki1": {}, "mail1": {"errors": 1}})
    plan(redis, "wiki1", "mail1")
    changes: dict[str, Any] = {"socket": str(server.socket), "port": 1} if way == "socket" else {}
    about = await found(server, **changes)
    assert about.run == "backup 1 (nightly) on node 1"
    assert about.outcome == "partial"
    assert about.ended == RECENT
    assert about.parts == (
        PartFinding(name="mail1", outcome="failed", error="1 error, no text is kept", at=int(RECENT)),
        PartFinding(name="wiki1", outcome="succeeded", at=int(RECENT)),
    )


async def test_hashes_of_fields_by_plan_and_module(server: RedisServer, redis: Redis) -> None:
    fields(
        redis,
        "cluster/backup/1/status",
        result="error",
        timestamp=iso(RECENT),
        error="repository offline",
        errors=2,
    )
    fields(redis, "module/wiki1/backup/1/status", result="success", timestamp=iso(RECENT), error="")
    fields(
        redis, "module/mail1/backup/1/status", result="error", timestamp=iso(RECENT), error="exit status 1"
    )
    about = await found(server)
    assert outcomes(about) == {"mail1": "failed", "wiki1": "succeeded"}
    assert about.errors == 2
    assert about.error == "repository offline; 1 of 2 did not succeed: mail1"
    assert about.parts[0].error == "exit status 1"
    assert about.ended == RECENT


async def test_the_hash_of_the_module_until_2026(server: RedisServer, redis: Redis) -> None:
    fields(redis, "module/wiki1/backup_status/1", start=int(RECENT) - 5, end=int(RECENT), errors=0)
    fields(redis, "module/mail1/backup_status/1", start=int(RECENT) - 5, end=int(RECENT), errors=1)
    assert outcomes(await found(server)) == {"mail1": "failed", "wiki1": "succeeded"}


async def test_of_two_layouts_the_newer_status_counts(server: RedisServer, redis: Redis) -> None:
    by_node(redis, {"wiki1": {}})
    fields(redis, "module/wiki1/backup/1/status", result="error", timestamp=iso(EARLIER))
    assert outcomes(await found(server)) == {"wiki1": "succeeded"}
    fields(redis, "module/wiki1/backup/1/status", result="error", timestamp=iso(RECENT + 1))
    assert outcomes(await found(server)) == {"wiki1": "failed"}


async def test_an_error_of_the_plan_that_no_module_has(server: RedisServer, redis: Redis) -> None:
    by_node(redis, {"wiki1": {}})
    fields(redis, "cluster/backup/1/status", result="error", timestamp=iso(RECENT), error="prune failed")
    plan(redis, "wiki1")
    about = await found(server)
    assert outcomes(about) == {"wiki1": "succeeded", "backup 1 (nightly)": "failed"}
    assert about.error == "prune failed; 1 of 2 did not succeed: backup 1 (nightly)"
    assert about.outcome == "partial"


@pytest.mark.parametrize("name", ["NsBackupFailed", "NsBackupMissing"])
async def test_the_label_backup_id_names_the_plan(server: RedisServer, redis: Redis, name: str) -> None:
    by_node(redis, {"wiki1": {}}, backup="7")
    by_node(redis, {"mail1": {"errors": 1}}, backup="8")
    assert outcomes(await found(server, ns8_alert(name, backup_id="7"))) == {"wiki1": "succeeded"}


async def test_a_plan_is_not_a_pattern(server: RedisServer, redis: Redis) -> None:
    by_node(redis, {"wiki1": {}}, backup="11")
    assert outcomes(await found(server)) == {"backup 1 (nightly)": "unknown"}
    findings = await ask(server, ns8_alert(id="*"))
    assert findings.notes["ns8"] == ("the label with the id of the backup is no id",)


async def test_modules_of_the_plan_without_status(server: RedisServer, redis: Redis) -> None:
    by_node(redis, {"wiki1": {}, "gone1": {"errors": 1}})
    plan(redis, "wiki1", "mail1")
    about = await found(server)
    assert outcomes(about) == {"wiki1": "succeeded", "mail1": "unknown"}, "gone1 has left the plan"
    assert about.error == "1 of 2 did not succeed: mail1"
    assert {part.name: part.error for part in about.parts}["mail1"] == "no status in Redis"


async def test_a_status_of_an_earlier_run(server: RedisServer, redis: Redis) -> None:
    by_node(redis, {"wiki1": {}, "mail1": {"end": int(EARLIER) - 86_400}})
    about = await found(server)
    assert outcomes(about) == {"wiki1": "succeeded", "mail1": "unknown"}
    assert "no status of this run; the last ended 2027-01-" in about.parts[0].error


async def test_statuses_of_yesterday_are_not_those_of_the_run_that_failed(
    server: RedisServer, redis: Redis
) -> None:
    """A run that failed before it wrote any status leaves those of the run before."""
    by_node(redis, {"wiki1": {"end": int(START) - 86_000}})
    began = msgspec.structs.replace(FAILED, starts_at="2027-01-15T08:00:00Z")
    about = await found(server, began)
    assert outcomes(about) == {"wiki1": "unknown"}
    assert "no status of this run" in (about.error or "")
    by_node(redis, {"wiki1": {"end": int(START) - 60_000}})
    assert outcomes(await found(server, began)) == {"wiki1": "succeeded"}
    by_node(redis, {"wiki1": {"end": int(START) + 100}})
    assert outcomes(await found(server, began)) == {"wiki1": "succeeded"}


async def test_modules_of_other_nodes_do_not_belong_to_an_alert_of_one(
    server: RedisServer, redis: Redis
) -> None:
    by_node(redis, {"wiki1": {}})
    by_node(redis, {"mail1": {"errors": 1}}, node="2")
    plan(redis, "wiki1", "mail1", "shop1", "chat1")
    redis.hset("cluster/module_node", mapping={"wiki1": "1", "mail1": "2", "shop1": "2", "chat1": "1"})
    assert outcomes(await found(server)) == {"wiki1": "succeeded", "chat1": "unknown"}
    on_two = ns8_alert(id="1", node="2")
    assert outcomes(await found(server, on_two)) == {"mail1": "failed", "shop1": "unknown"}
    whole = {"wiki1": "succeeded", "mail1": "failed", "shop1": "unknown", "chat1": "unknown"}
    assert outcomes(await found(server, ns8_alert(id="1"))) == whole
    strange = ns8_alert(id="1", node="node1.example.org")
    assert outcomes(await found(server, strange)) == whole


async def test_without_an_id_what_ended_within_the_window_belongs_to_it(
    server: RedisServer, redis: Redis
) -> None:
    by_node(redis, {"wiki1": {}}, backup="1")
    by_node(redis, {"mail1": {"errors": 1}}, backup="2")
    by_node(redis, {"shop1": {"end": int(START) - 3700, "errors": 1}}, backup="3")
    fields(redis, "cluster/backup/4/status", result="error", timestamp=iso(RECENT))
    about = await found(server, ns8_alert())
    assert about.run == "recent backups"
    assert outcomes(about) == {"wiki1": "succeeded", "mail1": "failed"}
    redis.delete("node/1/backup_status/1", "node/1/backup_status/2")
    assert outcomes(await found(server, ns8_alert())) == {"backup 4": "failed"}
    by_node(redis, {"wiki1": {}}, backup="1")
    by_node(redis, {"mail1": {"errors": 1}}, backup="2")
    wider = await found(server, ns8_alert(), recent_window_seconds=7200)
    assert outcomes(wider) == {"wiki1": "succeeded", "mail1": "failed", "shop1": "failed"}


@pytest.mark.parametrize("alert", [FAILED, ns8_alert()], ids=["with an id", "without"])
async def test_nothing_there_is_logged_and_told(
    server: RedisServer, redis: Redis, alert: Alert, caplog: pytest.LogCaptureFixture
) -> None:
    by_node(redis, {"old1": {"end": int(EARLIER)}}, backup="2")
    with caplog.at_level(logging.WARNING, logger="backup_sentinel.relay"):
        about = await found(server, alert)
    assert NOTHING in caplog.messages
    assert [(part.outcome, part.error) for part in about.parts] == [("unknown", "no status in Redis")]
    by_node(redis, {"wiki1": {}})
    caplog.clear()
    await found(server, alert)
    assert NOTHING not in caplog.messages


async def test_a_missing_backup_that_came_meanwhile(server: RedisServer, redis: Redis) -> None:
    missing = ns8_alert("NsBackupMissing", backup_id="1")
    by_node(redis, {"wiki1": {}, "mail1": {"end": int(START) - 30_000}})
    about = await found(server, missing)
    assert outcomes(about) == {"wiki1": "succeeded", "mail1": "unknown"}
    assert "no backup since then; the last ended" in about.parts[0].error
    over = ns8_alert("NsBackupMissing", status="resolved", backup_id="1")
    assert outcomes(await found(server, over)) == {"wiki1": "succeeded", "mail1": "succeeded"}


async def test_very_many_modules_keep_the_judgement(server: RedisServer, redis: Redis) -> None:
    by_node(redis, {f"mail{number}": {"errors": 1} for number in range(300)})
    by_node(redis, {"wiki1": {}})
    findings = await ask(server, FAILED)
    about = finding(findings, "ns8").alerts[FAILED.fingerprint]
    assert about.error == (
        "300 of 301 did not succeed: mail0, mail1, mail10, mail100, mail101, mail102, mail103, mail104, mail105, mail106"
        " and 290 more"
    )
    assert len(about.parts) == 100
    assert {"failed", "succeeded"} == set(outcomes(about).values())
    assert findings.notes["ns8"] == (
        "only 100 of the 301 modules of backup 1 (nightly) on node 1 are listed",
    )
    many = [ns8_alert(id="1", node="1", copy=str(number)) for number in range(25)]
    findings = await ask(server, *many)
    assert len(finding(findings, "ns8").alerts) == 20
    assert "only the first 20 of 25 alerts were looked up" in findings.notes["ns8"]


async def test_what_cannot_be_read_is_told(server: RedisServer, redis: Redis) -> None:
    redis.hset("node/1/backup_status/1", mapping={"wiki1": "{", "mail1": "[]", "shop1": restic_json()})
    redis.set("cluster/backup/1/status", "a string")
    findings = await ask(server, FAILED)
    about = finding(findings, "ns8").alerts[FAILED.fingerprint]
    assert outcomes(about) == {"wiki1": "unknown", "mail1": "unknown", "shop1": "succeeded"}
    assert findings.notes["ns8"] == ("1 keys of Redis could not be read",)


async def test_a_redis_that_does_not_answer(server: RedisServer, redis: Redis, tmp_path: Path) -> None:
    wrong = await ask(server, FAILED, password="another-fake")
    assert wrong.notes["ns8"] == (f"Redis at 127.0.0.1:{server.port} refused the password",)
    assert wrong.failed == ("ns8",)
    none = await ask(server, FAILED, password=None)
    assert "could not be read" in none.notes["ns8"][0] or "refused the password" in none.notes["ns8"][0]
    closed = await ask(server, FAILED, socket=str(tmp_path / "none.sock"))
    assert "none.sock could not be read: " in closed.notes["ns8"][0]
    assert PASSWORD not in repr([wrong, none, closed])


async def test_only_alerts_of_nethserver_are_its_own(server: RedisServer, redis: Redis) -> None:
    findings = await asked(Ns8Settings(port=server.port, password=PASSWORD), message())
    assert findings.facts == {}


@pytest.mark.parametrize(
    ("values", "outcome", "error"),
    [
        ({"result": "success"}, "succeeded", ""),
        ({"result": "SUCCESS", "errors": "3"}, "succeeded", ""),
        ({"result": "error", "error": "no space"}, "failed", "no space"),
        ({"result": "error", "errors": "2"}, "failed", "2 errors, no text is kept"),
        ({"result": "skipped"}, "unknown", "the result 'skipped' is not known"),
        ({"errors": "0"}, "succeeded", ""),
        ({"errors": True}, "unknown", ""),
        ({"errors": -1}, "unknown", ""),
        ({}, "unknown", ""),
    ],
)
def test_outcomes_of_fields(values: dict[str, Any], outcome: str, error: str) -> None:
    status = from_fields(values, backup="1")
    assert (status.outcome, status.error) == (outcome, error)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2027-01-15T08:00:00+00:00", START),
        ("2027-01-15T09:00:00+01:00", START),
        ("2027-01-15T08:00:00Z", START),
        ("2027-01-15T08:00:00", START),
        ("1800000000", START),
        (1_800_000_000.0, START),
        ("soon", None),
        ("nan", None),
        ("-5", None),
        (None, None),
    ],
)
def test_instants(text: object, at: float | None) -> None:
    assert from_fields({"timestamp": text}, backup="1").at == at


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda part: st.lists(part) | st.dictionaries(st.text(), part),
    max_leaves=8,
)
FIELDS = ("result", "errors", "error", "end", "timestamp")


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING | st.datetimes().map(str)) | st.text())
@example({"end": "0001-01-01T00:00:00+23:59"})
@example({"timestamp": "9999-12-31T23:59:59-23:59"})
@example({"errors": "9" * 5000, "end": "1e999"})
@example("[" * 100_000)
def test_whatever_stands_there_is_a_status(found: dict[str, Any] | str) -> None:
    text = found if isinstance(found, str) else json.dumps(found)
    status = from_json(text, backup="1", module="wiki1", node="1")
    assert status.outcome in {"succeeded", "failed", "unknown"}
    assert len(status.error) <= 1000
    assert status.at is None or 0 < status.at < 1e11


def test_json_of_a_module() -> None:
    status = from_json(restic_json(), backup="1", module="wiki1", node="2")
    assert status == Status(
        backup="1", module="wiki1", node="2", outcome="succeeded", at=int(RECENT), errors=0
    )


def test_settings_are_read_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "relay: {enrichers: [{type: ns8, socket: /run/redis.sock, password: {env: NO_SUCH_FAKE}}]}"
    (settings,) = parse(text, "config.yaml").relay.enrichers
    with pytest.raises(SentinelError, match="the environment has no NO_SUCH_FAKE"):
        settings.open()
    with pytest.raises(DocumentError, match="`username` needs `password`"):
        parse("relay: {enrichers: [{type: ns8, username: x}]}", "config.yaml")
    with pytest.raises(DocumentError):
        parse("relay: {enrichers: [{type: ns8, port: 0}]}", "config.yaml")
