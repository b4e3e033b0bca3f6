"""What the services get: a real Alertmanager with every shipped receiver, and bodies as the services document them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from support.alertmanager import (
    SHIPPED,
    Alertmanager,
    alert,
    configured,
    hurry,
    join,
    read,
    shipped,
    turn_to_loopback,
)
from support.process import lack, wait_until
from support.receivers import Receivers, check

S = {
    "cluster": "prod",
    "operator": "velero",
    "resource_namespace": "velero",
    "schedule": "shop",
    "action": "backup",
    "location": "default",
}
FILES = sorted(path.stem for path in (SHIPPED / "receivers").glob("*.yaml"))
SERVICES = {
    *("opsgenie", "jsm", "pagerduty", "slack", "slack-critical", "msteams", "msteams-critical", "rocketchat"),
    *("discord", "discord-critical", "mattermost", "telegram", "jira", "relay"),
}


class Town(NamedTuple):
    alertmanager: Alertmanager
    receivers: Receivers


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """All integrations of all files at once, behind one route that knows no waiting."""
    directory = tmp_path_factory.mktemp("alertmanager")
    config = shipped()
    integrations = list(configured(config["receivers"]))
    for name in FILES:
        integrations += configured(read(SHIPPED / "receivers" / f"{name}.yaml")["receivers"])
    everything: dict[str, object] = {"name": "everything"}
    for _, kind, settings in integrations:
        everything.setdefault(kind, []).append(settings)  # type: ignore[attr-defined]
    route = {"receiver": "everything", "group_by": list(S), "group_wait": "0s", "group_interval": "100ms"}
    config |= {"receivers": [everything], "route": route, "inhibit_rules": []}
    hurry(config["route"], "0s", "100ms")
    with Receivers() as receivers:
        config = turn_to_loopback(config, receivers, directory)
        with Alertmanager(directory, config) as alertmanager:
            yield Town(alertmanager, receivers)


def seen(receivers: Receivers) -> set[str]:
    return {request.service for request in receivers.got()}


@pytest.fixture(scope="module")
def told(town: Town) -> Town:
    """One alert fires and ends."""
    firing = alert("KubeBackupFailed", "critical", **S)
    town.alertmanager.post([firing])
    wait_until(lambda: seen(town.receivers) >= SERVICES, "all services got something")
    town.alertmanager.post([{**firing, "endsAt": firing["startsAt"]}])
    for service in SERVICES - {"jira", "opsgenie", "jsm", "pagerduty", "relay"}:
        town.receivers.wait_for(service, lambda request: "Resolved" in request.text)
    for service in ("opsgenie", "jsm"):
        town.receivers.wait_for(service, lambda request: request.path.endswith("/close"))
    town.receivers.wait_for("pagerduty", lambda request: request.body["event_action"] == "resolve")
    town.receivers.wait_for("relay", lambda request: request.body["status"] == "resolved")
    wait_until(
        lambda: [issue["state"] for issue in town.receivers.issues.values()] == ["done"], "Jira is done"
    )
    return town


def test_every_service_is_asked_as_it_documents(told: Town) -> None:
    for request in told.receivers.got():
        check(request)
    assert seen(told.receivers) == SERVICES


@pytest.mark.parametrize("service", ["opsgenie", "jsm"])
def test_a_page_and_its_end_have_one_alias(told: Town, service: str) -> None:
    created, closed = told.receivers.got(service)
    assert created.body["message"] == "Backup failed: velero/shop in prod"
    assert created.body["priority"] == "P1"
    assert created.body["entity"] == "prod/velero/shop"
    assert created.body["details"]["schedule"] == "shop"
    assert created.body["details"]["runbook"] == "https://runbooks.example.com/KubeBackupFailed"
    assert {"backup", "critical", "velero", "prod"} <= set(created.body["tags"])
    assert created.body["responders"] == [{"name": "backup-on-call", "type": "team"}]
    assert closed.path.split("/")[2] == created.body["alias"]


def test_jira_service_management_is_asked_at_its_own_path(told: Town) -> None:
    """Where the address ends, Alertmanager appends what OpsGenie has; the shipped one ends with the integration."""
    [(_, _, settings)] = configured(read(SHIPPED / "receivers/jira-service-management.yaml")["receivers"])
    assert settings["api_url"] == "https://api.atlassian.com/jsm/ops/integration/"
    assert told.receivers.got("jsm")[0].path == "v2/alerts"
    assert "P1" in told.receivers.got("jsm")[0].body["tags"]


def test_pagerduty_resolves_what_it_triggered(told: Town) -> None:
    triggered, resolved = told.receivers.got("pagerduty")
    assert triggered.body["payload"]["severity"] == "critical"
    assert triggered.body["payload"]["summary"] == "Backup failed: velero/shop in prod"
    assert triggered.body["payload"]["component"] == "prod/velero/shop"
    assert triggered.body["dedup_key"] == resolved.body["dedup_key"]
    assert [link["text"] for link in triggered.body["links"]] == ["Runbook", "Dashboard"]


def test_what_a_phone_shows_is_the_title(told: Town) -> None:
    title = "Backup failed: velero/shop in prod"
    first = {service: told.receivers.got(service)[0].body for service in SERVICES}
    assert first["slack"]["attachments"][0]["fallback"] == title
    assert first["discord"]["content"] == title
    assert first["mattermost"]["text"] == title
    assert first["telegram"]["text"].startswith(f"<b>{title}</b>\n")
    assert first["msteams"]["attachments"][0]["content"]["body"][0]["text"] == title
    assert first["rocketchat"]["attachments"][0]["title"] == title


def test_channels_and_their_colours(told: Town) -> None:
    assert {request.body["channel"] for request in told.receivers.got("slack-critical")} == {
        "#backups-critical"
    }
    assert {request.body["channel"] for request in told.receivers.got("rocketchat")} == {
        "#backups",
        "#backups-critical",
    }
    colors = [request.body["attachments"][0]["color"] for request in told.receivers.got("slack")]
    assert colors == ["#d00000", "#2eb886"]
    silent = {
        request.body["chat_id"]: request.body.get("disable_notification")
        for request in told.receivers.got("telegram")
    }
    assert silent["-1000000000001"] in {True, "true"}
    assert silent["-1000000000002"] in {None, False, "false"}


def test_markup_in_a_description_stays_text(told: Town) -> None:
    """A message of a storage service may hold anything."""
    assert "failed &lt;here&gt; &amp; there" in told.receivers.got("slack")[0].text
    assert "failed &lt;here&gt; &amp; there" in told.receivers.got("telegram")[0].text
    assert "failed <here> & there" in told.receivers.got("opsgenie")[0].body["description"]
    assert "failed <here> & there" in told.receivers.got("discord")[0].text


def test_jira_gets_one_issue_that_is_done_in_the_end(told: Town) -> None:
    [issue] = told.receivers.issues.values()
    assert issue["fields"]["summary"] == "Backup failed: velero/shop in prod"
    assert issue["fields"]["project"] == {"key": "OPS"}


def test_no_body_holds_a_secret_of_another(told: Town) -> None:
    for request in told.receivers.got():
        if request.service != "pagerduty":  # Its key belongs into the body.
            assert "fake-" not in request.text


def test_a_fan_out_of_hundreds_is_one_message_that_fits(told: Town) -> None:
    before = {service: len(told.receivers.got(service)) for service in SERVICES}
    labels = S | {"schedule": "nightly"}
    text = "The newest longhorn backup of schedule longhorn-system/nightly failed. " + "x" * 300
    many = []
    for number in range(300):
        one = alert("KubeBackupFailed", "critical", **labels, target=f"pvc-{number:04}")
        one["annotations"]["description"] = text
        many.append(one)
    told.alertmanager.post(many)
    for service in SERVICES - {"jira"}:
        request = told.receivers.wait_for(service, after=before[service])
        check(request)
    page = told.receivers.wait_for("opsgenie", lambda request: "300 in all" in request.text)
    assert page.body["message"] == "Backup failed: velero/nightly in prod"
    assert len([r for r in told.receivers.got("opsgenie") if not r.path.endswith("/close")]) <= 3


def test_the_oldest_alertmanager_sends_the_same(tmp_path: Path) -> None:
    from support.alertmanager import oldest

    binary = oldest("prometheus-alertmanager")
    if binary is None:
        lack("Debian's Alertmanager is not installed (apt-get install prometheus-alertmanager)")
    with Receivers() as receivers:
        config = shipped()
        join(config, "pagerduty")
        config = turn_to_loopback(config, receivers, tmp_path)
        hurry(config["route"])
        with Alertmanager(tmp_path, config, binary=binary) as alertmanager:
            firing = alert("KubeBackupFailed", "critical", **S)
            alertmanager.post([firing])
            for service in ("opsgenie", "pagerduty", "slack", "slack-critical"):
                check(receivers.wait_for(service))
            alertmanager.post([{**firing, "endsAt": firing["startsAt"]}])
            closed = receivers.wait_for("opsgenie", lambda request: request.path.endswith("/close"))
            assert closed.path.split("/")[2] == receivers.got("opsgenie")[0].body["alias"]
