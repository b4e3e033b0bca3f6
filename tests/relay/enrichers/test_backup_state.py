"""The state of a backup, from a real exporter's API and straight from a cluster: the same either way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backup_sentinel.config import Config, parse
from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.faults import Answer, Latency
from backup_sentinel.demo.velero.objects import TYPES
from backup_sentinel.errors import DocumentError
from backup_sentinel.export import overview
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.looking import Lookout
from backup_sentinel.relay.backups import ExporterSettings, rows
from backup_sentinel.relay.enrichers.backup_state import MANY, BackupStateSettings
from backup_sentinel.relay.finding import AlertFinding, Findings, RepositoryFinding, VolumeFinding
from backup_sentinel.relay.message import Alert
from backup_sentinel.secret import mask
from relay.enrichers.kit import alert, asked, finding, message
from relay.enrichers.velero_kit import LOOK, NOW, RUN, Storage, Velero, velero
from support.exporter import Exporter
from support.velero import backup, location, schedule, stamp


@pytest.fixture
async def cluster() -> AsyncIterator[Velero]:
    async with velero() as made:
        yield made


def settings(cluster: Velero, **changes: Any) -> BackupStateSettings:
    return BackupStateSettings(**{"clusters": (cluster.settings,), **changes})


async def told(cluster: Velero, about: Alert, **changes: Any) -> AlertFinding:
    findings = await asked(settings(cluster, **changes), message(about), look=cluster.look)
    assert not findings.notes
    return finding(findings, "backup_state").alerts[about.fingerprint]


async def test_a_failed_run_is_told_with_everything_that_is_known_of_it(cluster: Velero) -> None:
    cluster.fail_in_part()
    found = await told(cluster, alert(annotations={"run": RUN}))
    assert found.run == RUN
    assert found.run_namespace == "velero"
    assert found.phase == "PartiallyFailed"
    assert found.outcome == "partial"
    assert (found.items_done, found.items_total, found.errors, found.warnings) == (41, 43, 2, 1)
    assert (found.started, found.ended) == (NOW - 3600, NOW - 3000)
    assert found.last_good == NOW - 90_000
    assert found.next_run is not None
    assert found.repository == RepositoryFinding(name="default", available=True)
    assert found.failed_volumes == (
        VolumeFinding(namespace="shop", name="data-shop-0", outcome="failed", error="connection refused"),
    )
    [part] = found.parts
    assert (part.name, part.outcome) == (RUN, "partial")


async def test_the_run_that_the_alert_names_is_told_though_a_newer_one_is_there(cluster: Velero) -> None:
    cluster.fail_in_part()
    cluster.put(
        backup(
            "shop-20260302020003",
            "Completed",
            schedule="shop",
            startTimestamp=stamp(NOW),
            completionTimestamp=stamp(NOW + 60),
        )
    )
    assert (await told(cluster, alert(annotations={"run": RUN}))).outcome == "partial"
    assert (await told(cluster, alert())).outcome == "succeeded"


async def test_a_good_run_is_no_judgement_of_an_alert_about_something_else(cluster: Velero) -> None:
    cluster.put(
        schedule("shop"),
        backup(RUN, "Completed", schedule="shop", startTimestamp=stamp(NOW), completionTimestamp=stamp(NOW)),
    )
    late = alert(alertname="KubeBackupOverdue")
    found = await told(cluster, late)
    assert (found.run, found.outcome, found.parts) == (RUN, "succeeded", ())
    for about in (
        alert(),
        alert(alertname="Own", outcome="failed"),
        alert(alertname="Own", status="resolved"),
    ):
        assert [part.outcome for part in (await told(cluster, about)).parts] == ["succeeded"]


async def test_a_run_that_is_gone_is_not_mistaken_for_another(cluster: Velero) -> None:
    cluster.fail_in_part()
    found = await told(cluster, alert(annotations={"run": "shop-20250101010003"}))
    assert (found.run, found.outcome) == (None, None)
    assert found.last_good is not None


async def test_a_run_under_way_shows_its_progress(cluster: Velero) -> None:
    cluster.put(
        schedule("shop"),
        backup(
            "shop-1",
            "InProgress",
            schedule="shop",
            startTimestamp=stamp(NOW),
            progress={"itemsBackedUp": 3, "totalItems": 9},
        ),
    )
    found = await told(cluster, alert())
    assert (found.run, found.outcome, found.items_done, found.items_total) == ("shop-1", "running", 3, 9)
    assert found.parts[0].outcome == "unknown"


async def test_a_run_whose_schedule_is_gone_is_found_by_its_name(cluster: Velero) -> None:
    cluster.put(
        backup(RUN, "Failed", schedule="shop", failureReason="no such bucket", startTimestamp=stamp(NOW))
    )
    found = await told(cluster, alert(annotations={"run": RUN}))
    assert (found.outcome, found.error) == ("failed", "no such bucket")


async def test_a_location_that_is_away_says_why(cluster: Velero) -> None:
    cluster.fail_in_part()
    cluster.put(
        location(phase="Unavailable")
        | {"status": {"phase": "Unavailable", "message": "dial tcp: i/o timeout"}}
    )
    found = await told(cluster, alert())
    assert found.repository == RepositoryFinding(
        name="default", available=False, error="dial tcp: i/o timeout"
    )


async def test_an_alert_about_a_location_tells_its_state(cluster: Velero) -> None:
    cluster.put(location() | {"status": {"phase": "Unavailable", "message": "no such bucket"}})
    found = await told(cluster, alert(action="", schedule="", location="default"))
    assert found == AlertFinding(
        repository=RepositoryFinding(name="default", available=False, error="no such bucket")
    )
    findings = await asked(settings(cluster), message(alert(action="", location="x")), look=cluster.look)
    assert findings == Findings(at=findings.at)


@pytest.mark.parametrize("labels", [{"operator": ""}, {"action": ""}, {"resource_namespace": ""}])
async def test_alerts_about_no_schedule_are_none_of_its_business(
    cluster: Velero, labels: dict[str, Any]
) -> None:
    findings = await asked(settings(cluster), message(alert(**labels)), look=cluster.look)
    assert findings == Findings(at=findings.at)
    assert not cluster.server.journal.find()


async def test_a_schedule_that_nobody_knows_gives_nothing(cluster: Velero) -> None:
    cluster.fail_in_part()
    findings = await asked(settings(cluster), message(alert(schedule="other")), look=cluster.look)
    assert not findings.facts
    assert not findings.notes


async def test_many_alerts_of_one_operator_take_one_look(cluster: Velero) -> None:
    cluster.fail_in_part()
    cluster.put(*(schedule(f"s{number}") for number in range(MANY + 5)))
    alerts = [alert(schedule=f"s{number}") for number in range(MANY + 5)]
    findings = await asked(settings(cluster), message(*alerts), look=cluster.look)
    assert len(finding(findings, "backup_state").alerts) == MANY
    assert findings.notes == {"backup_state": ("5 more alerts were not looked up",)}
    assert len(cluster.server.journal.find("list", "backups")) == 1
    assert not cluster.server.journal.find("watch")


async def test_those_who_ask_within_seconds_share_a_look(cluster: Velero) -> None:
    cluster.fail_in_part()
    look = Lookout(Config(), fresh=600)
    about = [message(alert(target=str(number))) for number in range(4)] + [message(alert())] * 4
    answers = await asyncio.gather(*(asked(settings(cluster), one, look=look) for one in about))
    assert [bool(one.facts) for one in answers] == [False] * 4 + [True] * 4
    assert (await asked(settings(cluster), message(alert()), look=look)).facts
    assert len(cluster.server.journal.find("list", "backups")) == 1


async def test_a_look_that_did_not_see_everything_is_not_shared(cluster: Velero) -> None:
    cluster.fail_in_part()
    look = Lookout(Config(), fresh=600)
    active = cluster.server.faults.add(Answer(code=403, resource="podvolumebackups"))
    assert (await asked(settings(cluster), message(alert()), look=look)).notes
    cluster.server.faults.remove(active)
    assert not (await asked(settings(cluster), message(alert()), look=look)).notes


async def test_one_who_gives_up_takes_the_look_from_nobody(cluster: Velero) -> None:
    cluster.fail_in_part()
    cluster.server.faults.add(Latency(resource="datauploads", seconds=0.5))
    look = Lookout(Config(), fresh=600)
    hasty = asyncio.create_task(asked(settings(cluster), message(alert()), look=look))
    await cluster.server.journal.wait("list", "datauploads")
    patient = asyncio.create_task(asked(settings(cluster), message(alert()), look=look))
    await asyncio.sleep(0)
    hasty.cancel()
    assert (await patient).facts
    assert len(cluster.server.journal.find("list", "backups")) == 1


async def test_what_cannot_be_read_is_noted_and_the_rest_is_told(cluster: Velero) -> None:
    cluster.fail_in_part()
    cluster.server.faults.add(Answer(code=403, resource="podvolumebackups"))
    findings = await asked(settings(cluster), message(alert()), look=cluster.look)
    assert finding(findings, "backup_state").alerts
    assert any("podvolumebackups" in note for note in findings.notes["backup_state"])


async def test_a_resource_that_hangs_keeps_the_others_from_nothing(cluster: Velero) -> None:
    cluster.fail_in_part()
    cluster.server.faults.add(Latency(resource="datauploads", seconds=600))
    findings = await asked(settings(cluster, timeout_seconds=6.0), message(alert()), look=cluster.look)
    assert finding(findings, "backup_state").alerts
    assert findings.notes["backup_state"] == ("datauploads.velero.io: not read within 4.8 s",)
    assert findings.failed == ("backup_state",), "it is asked again before a later attempt"


async def test_one_cluster_that_is_unknown_keeps_the_others_from_nothing(cluster: Velero) -> None:
    cluster.fail_in_part()
    named = (ClusterSettings(name="prod", api_url=cluster.server.url),)
    alerts = (alert(cluster="test"), alert(cluster="prod"))
    findings = await asked(settings(cluster, clusters=named), message(*alerts), look=cluster.look)
    assert list(finding(findings, "backup_state").alerts) == [alerts[1].fingerprint]
    assert findings.notes["backup_state"] == ("there is no access to a cluster called `test`",)


async def test_a_cluster_that_is_away_leaves_a_note() -> None:
    async with SimulatedApiServer(TYPES) as server:
        url = server.url
    away = BackupStateSettings(clusters=(ClusterSettings(api_url=url),), timeout_seconds=2.0)
    findings = await asked(away, message(alert()), look=LOOK)
    assert not findings.facts
    assert findings.notes["backup_state"]
    assert findings.failed == ("backup_state",)


async def test_an_operator_that_no_profile_describes_leaves_a_note(cluster: Velero) -> None:
    findings = await asked(settings(cluster), message(alert(operator="velro")), look=cluster.look)
    assert "no profile is named `velro`" in findings.notes["backup_state"][0]


async def test_clusters_are_told_apart_by_their_names(cluster: Velero) -> None:
    cluster.fail_in_part()
    named = (ClusterSettings(name="prod", api_url=cluster.server.url),)
    found = await told(cluster, alert(cluster="prod"), clusters=named)
    assert found.outcome == "partial"
    findings = await asked(
        settings(cluster, clusters=named), message(alert(cluster="test")), look=cluster.look
    )
    assert findings.notes["backup_state"] == ("there is no access to a cluster called `test`",)


async def test_without_a_look_it_says_so() -> None:
    findings = await asked(BackupStateSettings(), message(alert()))
    assert findings.notes["backup_state"] == ("clusters cannot be read here",)


def test_the_shapes_are_those_of_the_exporter() -> None:
    pairs: dict[type[msgspec.Struct], type[msgspec.Struct]] = {
        rows.Detail: overview.ScheduleDetail,
        rows.LocationRow: overview.LocationRow,
        rows.Places: overview.PlaceList,
        rows.RunRow: overview.RunRow,
        rows.ScheduleRow: overview.ScheduleRow,
        rows.VolumeRow: overview.VolumeRow,
    }
    for ours, theirs in pairs.items():
        assert not set(ours.__struct_fields__) - set(theirs.__struct_fields__), ours


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{url: 'ftp://x'}", "must be an http:// or https:// URL"),
        ("{url: 'http://169.254.169.254'}", "link-local or metadata"),
        ("{url: 'http://x', username: a}", "`username` and `password` go together"),
        ("{url: 'http://x', username: a, password: b, token: c}", "not both"),
    ],
)
def test_settings_that_cannot_be_are_refused(text: str, wrong: str) -> None:
    with pytest.raises(DocumentError, match=wrong):
        parse(f"relay:\n  enrichers:\n  - type: backup_state\n    exporter: {text}\n", "config.yaml")


def test_secrets_are_not_shown() -> None:
    shown = BackupStateSettings(exporter=ExporterSettings(url="http://x", token="fake-hunter2"))
    assert "fake-hunter2" not in repr(shown)
    assert mask("it was fake-hunter2", shown.secrets()) == "it was ***"
    login = ExporterSettings(url="http://x", username="me", password="fake-hunter2")
    [header] = login.headers().values()
    assert mask(f"it was {header}", login.secrets()) == "it was ***"
    assert mask(header.removeprefix("Basic "), login.secrets()) == "***"


@pytest.fixture
async def exporter(cluster: Velero, tmp_path: Path) -> AsyncIterator[Exporter]:
    cluster.fail_in_part()
    running = Exporter(
        tmp_path / "exporter",
        {
            "clusters": [{"api_url": cluster.server.url}],
            "export": {"operators": ["velero"], "show_messages": "always"},
        },
    )
    await asyncio.to_thread(running.start)
    try:
        await asyncio.to_thread(running.wait_ready)
        yield running
    finally:
        await asyncio.to_thread(running.stop)


async def test_an_exporter_says_what_the_cluster_says(cluster: Velero, exporter: Exporter) -> None:
    asking = BackupStateSettings(exporter=ExporterSettings(url=f"{exporter.url}/"))
    for about in (alert(annotations={"run": RUN}), alert(cluster="any", annotations={"run": RUN})):
        findings = await asked(asking, message(about))
        assert not findings.notes
        found = finding(findings, "backup_state").alerts[about.fingerprint]
        assert found == await told(cluster, about)
    place = alert(action="", schedule="", location="default")
    findings = await asked(asking, message(place))
    assert finding(findings, "backup_state").alerts[place.fingerprint] == await told(cluster, place)
    gone = await asked(asking, message(alert(schedule="other", annotations={"run": "nobody"})))
    assert gone == Findings(at=gone.at)
    cluster.server.cluster.delete("schedules.velero.io", "velero", "shop")
    about = alert(annotations={"run": RUN})

    async def told_by_run() -> bool:
        findings = await asked(asking, message(about))
        return finding(findings, "backup_state").alerts[about.fingerprint].next_run is None

    async with asyncio.timeout(20):
        while not await told_by_run():  # noqa: ASYNC110 - the exporter is another process
            await asyncio.sleep(0.1)


ODD: dict[str, tuple[int, bytes, str]] = {
    "no JSON": (200, b"<html>", "the exporter's answer cannot be understood"),
    "another shape": (200, b'{"schedule": 7}', "the exporter's answer cannot be understood"),
    "not allowed": (401, b"fake-hunter2", "the exporter was asked in vain: 127.0.0.1 answered 401: ***"),
    "broken": (500, b"", "the exporter was asked in vain: 127.0.0.1 answered 500"),
}


@pytest.mark.parametrize("case", ODD)
async def test_odd_answers_of_an_exporter_leave_a_note(case: str) -> None:
    status, body, wrong = ODD[case]
    with Storage() as server:
        server.answers["/api/v1/schedule"] = (status, {}, body)
        asking = BackupStateSettings(
            exporter=ExporterSettings(url=server.url, username="relay", password="fake-hunter2")
        )
        findings = await asked(asking, message(alert()))
    assert findings.notes["backup_state"] == (wrong,)
    assert findings.failed == ("backup_state",)


async def test_an_exporter_that_is_away_leaves_a_note() -> None:
    with Storage() as server:
        url = server.url
    findings = await asked(BackupStateSettings(exporter=ExporterSettings(url=url)), message(alert()))
    assert "127.0.0.1 cannot be reached" in findings.notes["backup_state"][0]


async def test_an_exporter_is_shown_who_asks() -> None:
    with Storage() as server:
        server.answers["/api/v1/schedule"] = (404, {}, b"{}")
        secrets: list[dict[str, Any]] = [
            {"token": "fake-token"},
            {"username": "relay", "password": "fake-hunter2"},
        ]
        for secret in secrets:
            settings = ExporterSettings(url=server.url, **secret)
            await asked(BackupStateSettings(exporter=settings), message(alert()))
    assert server.shown == ["Bearer fake-token", "Basic cmVsYXk6ZmFrZS1odW50ZXIy"]
