"""Links made of labels."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from backup_sentinel.relay.enrichers.links import LinksSettings
from backup_sentinel.relay.message import Alert
from relay.enrichers.kit import alert, asked, finding, message


async def links(about: Alert, *, external_url: str = "", **settings: Any) -> dict[str, str]:
    findings = await asked(LinksSettings(**settings), message(about, external_url=external_url))
    assert not findings.notes
    if not findings.facts:
        return {}
    return finding(findings, "links").alerts[about.fingerprint].links


async def test_a_runbook_where_the_alert_has_none() -> None:
    runbook = "https://wiki.example/{alertname}?s={schedule}"
    assert await links(alert(schedule="a b&c"), runbook=runbook) == {
        "Runbook": "https://wiki.example/KubeBackupFailed?s=a%20b%26c"
    }
    assert not await links(alert(annotations={"runbook_url": "https://x.example"}), runbook=runbook)


async def test_dashboards_whose_labels_are_there() -> None:
    dashboards = {
        "Backups": "https://g.example/d/x?var-schedule={schedule}",
        "Node": "https://g.example/{node}",
    }
    assert await links(alert(), dashboards=dashboards) == {
        "Backups": "https://g.example/d/x?var-schedule=shop"
    }


async def test_the_page_of_the_schedule() -> None:
    found = await links(alert(cluster="prod"), status_page="https://s.example/sentinel/")
    address = urlsplit(found["Status"])
    assert address.path == "/sentinel/schedule"
    assert parse_qs(address.query) == {
        "cluster": ["prod"],
        "operator": ["velero"],
        "resource_namespace": ["velero"],
        "schedule": ["shop"],
        "action": ["backup"],
    }
    assert not await links(alert(operator=""), status_page="https://s.example")


async def test_of_a_large_group_the_first_alerts_have_links() -> None:
    alerts = [alert(schedule=f"shop-{number}") for number in range(500)]
    findings = await asked(LinksSettings(), message(*alerts, external_url="https://am.example"))
    assert not findings.notes
    found = finding(findings, "links").alerts
    assert len(found) > 50
    assert list(found) == [one.fingerprint for one in alerts[: len(found)]]


async def test_a_silence_for_exactly_this_alert_while_it_fires() -> None:
    about = alert(schedule='a"b\\c')
    found = await links(about, external_url="https://am.example/")
    page, _, query = found["Silence"].partition("?filter=")
    assert page == "https://am.example/#/silences/new"
    assert 'schedule="a\\"b\\\\c"' in unquote(query)
    assert unquote(query).startswith('{action="backup",alertname="KubeBackupFailed"')
    assert not await links(alert(status="resolved"), external_url="https://am.example")
    assert not await links(about, external_url="https://am.example", silence=False)
