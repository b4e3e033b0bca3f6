"""Alerts of OpsGenie and of Jira Service Management: one per group, opened by what fires and closed by what is over.

Sources: docs.opsgenie.com, "Alert API", "Alerts and Alert Fields" (the limits below) and "Rate Limiting"; developer.atlassian.com,
"Jira Service Management ops", "Integration events", which takes the same bodies. Both answer 202 and an id: the request
is kept and carried out later. OpsGenie ends on 5 April 2027.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from backup_sentinel.errors import DeliveryError, DeliveryReason, SentinelError
from backup_sentinel.relay.egress import Egress, check_url
from backup_sentinel.relay.message import Delivery, Message, MessageType, Status
from backup_sentinel.relay.rendering import Rendering, Template
from backup_sentinel.relay.tls import ClientTLS
from backup_sentinel.secret import SecretText, reveal

from .channel import Channel, ChannelSettings, Content

Priority = Literal["P1", "P2", "P3", "P4", "P5"]

ADDRESSES = {
    "opsgenie": "https://api.opsgenie.com",
    "opsgenie-eu": "https://api.eu.opsgenie.com",
    "jira-service-management": "https://api.atlassian.com/jsm/ops/integration",
}
MESSAGE, DESCRIPTION, ENTITY, SOURCE, NOTE = 130, 15_000, 512, 100, 25_000
TAGS, TAG, DETAILS = 20, 50, 8_000
"""Characters; `TAGS` is a number of tags, `DETAILS` counts names and values together."""

_QUIET = frozenset({"info", "none"})
_OVER = re.compile(r"does not exist|already closed", re.IGNORECASE)
_FIRST_LOOK, _LONGEST_LOOK = 0.2, 2.0
_NOT_YET = frozenset({404})
"""What the service answers about a request until it is carried out."""
_DETAILS = {
    "runbook": "{{ annotations.runbook_url }}",
    "dashboard": "{{ annotations.dashboard_url }}",
    "alertmanager": "{{ external_url }}",
}
_TAGS = ("backup", "{{ type }}", "{{ severity }}", "{{ labels.operator }}", "{{ labels.cluster }}")


class ApiKeyError(SentinelError):
    """The key cannot be sent."""


class Responder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who is told. Jira Service Management knows responders by `id` only."""

    type: Literal["team", "user", "escalation", "schedule"]
    """What it is."""
    id: str | None = None
    """Its id."""
    name: str | None = None
    """Its name, for anything but a user."""
    username: str | None = None
    """Mail address of a user."""

    def __post_init__(self) -> None:
        other = "username" if self.type == "user" else "name"
        wrong = self.name if self.type == "user" else self.username
        if wrong is not None or (self.id is None) is (getattr(self, other) is None):
            raise ValueError(f"a responder of type {self.type} has `id` or `{other}`, and only one of them")


class OpsgenieSettings(ChannelSettings, frozen=True, tag="opsgenie"):
    """Opens and closes alerts of OpsGenie (until 5 April 2027) or Jira Service Management."""

    api_key: SecretText
    """Key of an integration, which may create and close alerts."""
    service: Literal["opsgenie", "opsgenie-eu", "jira-service-management"] = "opsgenie"
    """Which service, and where."""
    api_url: str | None = None
    """Address in place of the service's own, without `/v2/alerts`."""
    message: str | None = None
    """Template of the one line that a phone shows; 130 characters are kept."""
    description: str | None = None
    """Template of the text; 15,000 characters are kept."""
    entity: str | None = None
    """Template of what the alert is about; cluster, namespace and schedule unless given."""
    tags: tuple[str, ...] = _TAGS
    """Templates of the tags; 20 of 50 characters are kept, empty ones left out."""
    details: dict[str, str] = msgspec.field(default_factory=lambda: dict(_DETAILS))
    """Templates by name; empty ones are left out, 8,000 characters kept. `delivery_id` is always there."""
    source: str = "Backup Sentinel"
    """Who says it."""
    priorities: dict[str, Priority] = msgspec.field(default_factory=dict)
    """Priority by severity. What is not named: P5 for `info` and `none`, otherwise P1 for type alert and P3 for type warning."""
    responders: tuple[Responder, ...] = ()
    """Who is told; the rules of the integration decide unless given."""
    confirm: bool = False
    """Ask what became of the request, within `delivery.timeout_seconds`, instead of being content that it was accepted."""
    tls: ClientTLS = ClientTLS()
    """How the service is checked."""
    proxy_url: SecretText | None = None
    """HTTP proxy, such as `http://proxy.example.com:3128`; it may hold a login. No proxy is taken from the environment."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.service == "jira-service-management" and any(one.id is None for one in self.responders):
            raise ValueError("Jira Service Management knows `responders` by `id` only")

    def open(self, rendering: Rendering) -> Channel:
        """Return the channel. Raises SentinelError for templates, addresses, secrets and certificates."""
        return OpsgenieChannel(self, rendering)


class OpsgenieChannel:
    """Sends one request per message. The alias is that of the group, so repetitions count up one alert."""

    def __init__(self, settings: OpsgenieSettings, rendering: Rendering) -> None:
        self._settings = settings
        at = f"channel {settings.name}"
        self._message = rendering.choose(settings.message, f"{at}, message", "opsgenie.message.txt")
        self._description = rendering.choose(
            settings.description, f"{at}, description", "opsgenie.description.txt"
        )
        self._entity = rendering.choose(settings.entity, f"{at}, entity", "opsgenie.entity.txt")
        self._note = rendering.shipped("opsgenie.note.txt")
        self._tags = [rendering.compile(text, f"{at}, tags") for text in settings.tags]
        self._details = {
            name: rendering.compile(text, f"{at}, details.{name}") for name, text in settings.details.items()
        }
        self._url = (settings.api_url or ADDRESSES[settings.service]).rstrip("/")
        check_url(self._url, f"`api_url` of {at}")
        self._headers()
        proxy = reveal(settings.proxy_url) if settings.proxy_url is not None else None
        if proxy is not None:
            check_url(proxy, f"`proxy_url` of {at}")
        self._egress = Egress(settings.tls.context(), proxy=proxy)

    def render(self, delivery: Delivery) -> Content:
        """Return the request's body, with action, alias and path beside it. Raises DeliveryError with reason TEMPLATE."""
        alias = alias_of(delivery.message)
        over = delivery.message.status is Status.RESOLVED
        body = self._close(delivery) if over else self._create(delivery, alias)
        return Content(
            body=json.dumps(body, ensure_ascii=False),
            fields={
                "action": "close" if over else "create",
                "alias": alias,
                "path": f"/v2/alerts/{alias}/close?identifierType=alias" if over else "/v2/alerts",
            },
        )

    async def send(self, delivery: Delivery, content: Content) -> None:  # noqa: ARG002 - its id is in the body
        """Send the request; with `confirm` return when it was carried out."""
        headers = {**self._headers(), "Content-Type": content.content_type}
        url = self._url + content.fields["path"]
        answer = await self._egress.request("POST", url, headers=headers, body=content.body.encode())
        identity = _object(answer.body).get("requestId")
        if not isinstance(identity, str) or not identity:
            raise DeliveryError(
                f"the answer {answer.status} has no requestId; is this the address of the service?",
                reason=DeliveryReason.SERVER_ERROR,
            )
        if self._settings.confirm:
            await self._wait(identity, closing=content.fields["action"] == "close")

    async def close(self) -> None:
        """Close the connections."""
        await self._egress.close()

    def _create(self, delivery: Delivery, alias: str) -> dict[str, Any]:
        settings = self._settings
        body: dict[str, Any] = {
            "message": cut(_line(self._message.render(delivery)), MESSAGE) or "Alert",
            "alias": alias,
            "description": cut(self._description.render(delivery).strip(), DESCRIPTION),
            "tags": self._tagged(delivery),
            "details": _fit({**self._detailed(delivery), "delivery_id": delivery.id}),
            "entity": cut(_line(self._entity.render(delivery)), ENTITY),
            "source": cut(settings.source, SOURCE),
            "priority": self._priority(delivery.message),
        }
        if settings.responders:
            body["responders"] = [
                {name: value for name, value in msgspec.to_builtins(one).items() if value is not None}
                for one in settings.responders
            ]
        return body

    def _close(self, delivery: Delivery) -> dict[str, Any]:
        note = cut(f"{self._note.render(delivery).strip()}\nDelivery: {delivery.id}", NOTE)
        return {"source": cut(self._settings.source, SOURCE), "note": note}

    def _priority(self, message: Message) -> Priority:
        known = {name.lower(): priority for name, priority in self._settings.priorities.items()}
        if message.severity in known:
            return known[message.severity]
        if message.severity in _QUIET:
            return "P5"
        return "P1" if message.type is MessageType.ALERT else "P3"

    def _tagged(self, delivery: Delivery) -> list[str]:
        texts = dict.fromkeys(cut(_line(template.render(delivery)), TAG) for template in self._tags)
        return [text for text in texts if text][:TAGS]

    def _detailed(self, delivery: Delivery) -> dict[str, str]:
        return {name: text for name, text in _rendered(self._details, delivery) if text}

    async def _wait(self, identity: str, *, closing: bool) -> None:
        """Ask until the request was carried out; the courier ends this when it takes too long."""
        url = f"{self._url}/v2/alerts/requests/{quote(identity, safe='')}"
        pause = _FIRST_LOOK
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_LOOK)
            answer = await self._egress.request("GET", url, headers=self._headers(), expected=_NOT_YET)
            if answer.status in _NOT_YET:
                continue
            told = _object(answer.body)
            data = told.get("data", told)
            done = data.get("isSuccess", data.get("success")) if isinstance(data, dict) else None
            status = str(data.get("status", "")) if isinstance(data, dict) else ""
            if done is True or (done is False and closing and _OVER.search(status)):
                return
            if done is False:
                raise DeliveryError(
                    f"the request was not carried out: {status[:200]}", reason=DeliveryReason.REJECTED
                )

    def _headers(self) -> dict[str, str]:
        key = reveal(self._settings.api_key).strip()
        if not key.isprintable() or not key.isascii() or not key:
            raise ApiKeyError(f"the `api_key` of channel {self._settings.name} holds a character it must not")
        return {"Authorization": f"GenieKey {key}", "Accept": "application/json"}


def alias_of(message: Message) -> str:
    """Return the alias of a group: SHA-256 of its key in hexadecimal, as Alertmanager's own receiver makes it."""
    return hashlib.sha256(message.group_key.encode()).hexdigest()


def cut(text: str, most: int) -> str:
    """Return at most so many characters, counted as Java does (UTF-16); what was cut ends in an ellipsis."""
    if len(text) * 2 <= most or _units(text) <= most:
        return text
    kept = text[: most - 1]
    while _units(kept) > most - 1:
        kept = kept[: len(kept) - max(1, (_units(kept) - most + 1) // 2)]
    return f"{kept.rstrip()}\u2026"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _fit(details: Mapping[str, str]) -> dict[str, str]:
    """Return as much of the details as there is room for; the last one first, as it is the id."""
    room = DETAILS
    kept: dict[str, str] = {}
    for name, value in reversed(list(details.items())):
        left = room - _units(name)
        if left < 2:
            continue
        kept[name] = cut(value, left)
        room = left - _units(kept[name])
    return {name: kept[name] for name in details if name in kept}


def _rendered(templates: Mapping[str, Template], delivery: Delivery) -> Iterator[tuple[str, str]]:
    for name, template in templates.items():
        yield name, template.render(delivery).strip()


def _line(text: str) -> str:
    return " ".join(text.split())


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
