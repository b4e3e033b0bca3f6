"""Links that lead from a notification to where one goes on: runbook, dashboards, status page, and a silence."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from backup_sentinel.relay.backups import STREAM
from backup_sentinel.relay.finding import AlertFinding, Finding
from backup_sentinel.relay.message import Alert, Message

from .enricher import Enricher, EnricherSettings

_ROOM = 48 << 10
"""Characters of all links of a message; alerts beyond are told without."""
_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class LinksSettings(EnricherSettings, frozen=True, kw_only=True, tag="links"):
    """Adds links to alerts. `{label}` in an address stands for the value of a label of the alert, quoted."""

    runbook: str | None = None
    """Address of the runbook, such as `https://wiki.example.org/{alertname}`, for alerts without a `runbook_url`."""
    dashboards: dict[str, str] = {}  # noqa: RUF012 - structs copy it
    """Addresses by their titles, such as `Backups: https://grafana.example.org/d/x?var-schedule={schedule}`. Those that
    name a label which the alert does not have are left out."""
    status_page: str | None = None
    """Address of the exporter as people reach it; alerts about a schedule lead to its page."""
    silence: bool = True
    """Lead to the form in which Alertmanager silences the alert."""

    def __post_init__(self) -> None:
        super().__post_init__()
        found = {"runbook": self.runbook, "status_page": self.status_page}
        found |= {f"dashboards.{title}": address for title, address in self.dashboards.items()}
        for name, address in found.items():
            if address is not None and not _is_address(_VARIABLE.sub("x", address)):
                raise ValueError(f"`{name}` must be an http:// or https:// URL with a host")

    def open(self) -> Enricher:
        """Return the enricher."""
        return Links(self)


class Links:
    """Makes links out of labels; asks nobody."""

    def __init__(self, settings: LinksSettings) -> None:
        self._settings = settings

    async def find(self, message: Message, facts: Mapping[str, Any]) -> Finding | None:  # noqa: ARG002 - labels suffice
        """Return the links of each alert."""
        found: dict[str, AlertFinding] = {}
        room = _ROOM
        for alert in message.alerts:
            links = self._links(message, alert)
            room -= sum(len(title) + len(address) for title, address in links.items())
            if room < 0:
                break
            if links:
                found[alert.fingerprint] = AlertFinding(links=links)
        return Finding(alerts=found) if found else None

    async def close(self) -> None:
        """Nothing is open."""

    def _links(self, message: Message, alert: Alert) -> dict[str, str]:
        settings = self._settings
        links: dict[str, str | None] = {}
        if settings.runbook is not None and not alert.annotations.get("runbook_url"):
            links["Runbook"] = _fill(settings.runbook, alert)
        links |= {title: _fill(address, alert) for title, address in settings.dashboards.items()}
        if settings.status_page is not None and alert.labels.get("operator"):
            known = {name: alert.labels[name] for name in STREAM if name in alert.labels}
            links["Status"] = f"{settings.status_page.rstrip('/')}/schedule?{urlencode(known)}"
        if settings.silence and message.external_url and alert in message.firing:
            links["Silence"] = silence(message.external_url, alert)
        return {title: address for title, address in links.items() if address}


def silence(external_url: str, alert: Alert) -> str:
    """Return the address of Alertmanager's form for a silence with a matcher for each label of an alert.

    Source: Alertmanager, ui/app, route `#/silences/new?filter={...}`.
    """
    matchers = ",".join(f'{name}="{_escape(value)}"' for name, value in sorted(alert.labels.items()))
    return f"{external_url.rstrip('/')}/#/silences/new?filter={quote('{' + matchers + '}', safe='')}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _fill(address: str, alert: Alert) -> str | None:
    if any(name not in alert.labels for name in _VARIABLE.findall(address)):
        return None
    return _VARIABLE.sub(lambda found: quote(alert.labels[found[1]], safe=""), address)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
