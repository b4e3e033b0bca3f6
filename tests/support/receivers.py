"""Stands for the services that Alertmanager notifies: takes requests on loopback, answers as they do, and checks bodies.

What is checked is what the services document: the fields they know, which are needed, and how long they may be.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from support.process import wait_until

SEVERITIES = {"critical", "error", "warning", "info"}
PRIORITIES = {"P1", "P2", "P3", "P4", "P5"}


@dataclass(frozen=True)
class Request:
    """A request that a service got. `path` is what follows the name of the service."""

    service: str
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    """By name in lower case."""
    body: Any

    @property
    def text(self) -> str:
        """The whole body as text, for a search."""
        return json.dumps(self.body, ensure_ascii=False)


class Receivers:
    """An HTTP server; `address("slack")` is where the service of that name is. Services may have any name.

    The kind of a service is its name up to the first dash: "slack-critical" is a Slack.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self.issues: dict[str, dict[str, Any]] = {}
        """What stands in Jira, by key."""
        receivers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, answer = receivers._take(self.command, self.path, dict(self.headers), content)
                body = answer.encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if answer[:1] == "{" else "text/plain")
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if status != 204:
                    self.wfile.write(body)

            do_GET = do_POST = do_PUT = _answer  # noqa: N815 - names of the standard library

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def address(self, service: str) -> str:
        """Return the address of a service, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{service}"

    def got(self, service: str = "", *, about: str = "") -> list[Request]:
        """Return the requests so far, oldest first: of one service, and with a text in them."""
        with self._lock:
            return [
                request
                for request in self._requests
                if service in {"", request.service} and about in request.text
            ]

    def wait_for(
        self,
        service: str,
        wanted: Callable[[Request], bool] = lambda _: True,
        *,
        after: int = 0,
        timeout: float = 30.0,
    ) -> Request:
        """Return the first request of a service that is wanted, leaving out the first `after` ones."""

        def found() -> Request | None:
            return next((request for request in self.got(service)[after:] if wanted(request)), None)

        try:
            return wait_until(found, f"a request to {service}", timeout)
        except TimeoutError as error:
            error.add_note(
                "got: "
                + "\n".join(f"{request.service} {request.path} {request.text}" for request in self.got())
            )
            raise

    def _take(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> tuple[int, str]:
        parts = urlsplit(target)
        service, _, path = parts.path.removeprefix("/").partition("/")
        try:
            body = json.loads(content) if content else None
        except ValueError:
            body = content.decode(errors="replace")
        lower = {name.lower(): value for name, value in headers.items()}
        request = Request(service, method, path, parse_qs(parts.query), lower, body)
        with self._lock:
            self._requests.append(request)
            return self._reply(request)

    def _reply(self, request: Request) -> tuple[int, str]:
        kind = request.service.partition("-")[0]
        if kind == "jira":
            return self._jira(request)
        return ANSWERS.get(kind, (200, "ok"))

    def _jira(self, request: Request) -> tuple[int, str]:
        """Answer as a Jira with one kind of issue and the transitions Done and To Do."""
        last = request.path.rpartition("/")[2]
        if last == "search":
            found = [
                {"key": key, "fields": {"status": {"name": "x", "statusCategory": {"key": issue["state"]}}}}
                for key, issue in self.issues.items()
                if issue["state"] != "done"
            ]
            return 200, json.dumps({"issues": found})
        if last == "transitions" and request.method == "GET":
            return 200, '{"transitions": [{"id": "31", "name": "Done"}, {"id": "11", "name": "To Do"}]}'
        if last == "transitions":
            key = request.path.split("/")[-2]
            self.issues[key]["state"] = "done" if request.body["transition"]["id"] == "31" else "new"
            return 204, ""
        if request.method == "PUT":
            return 204, ""
        key = f"OPS-{len(self.issues) + 1}"
        self.issues[key] = {"state": "new", "fields": request.body["fields"]}
        return 201, json.dumps({"id": "10000", "key": key})


ANSWERS: dict[str, tuple[int, str]] = {
    "opsgenie": (202, '{"result": "Request will be processed", "took": 0.1, "requestId": "00000000"}'),
    "jsm": (202, '{"result": "Request will be processed", "took": 0.1, "requestId": "00000000"}'),
    "pagerduty": (202, '{"status": "success", "message": "Event processed", "dedup_key": "x"}'),
    "slack": (200, "ok"),
    "msteams": (202, ""),
    "rocketchat": (200, '{"success": true, "channel": "#backups", "ts": 1}'),
    "discord": (204, ""),
    "mattermost": (200, "ok"),
    "telegram": (
        200,
        '{"ok": true, "result": {"message_id": 1, "date": 1, "chat": {"id": -1, "type": "group"}}}',
    ),
    "relay": (200, "{}"),
}


def check(request: Request) -> None:
    """Assert that a request is one that the service documents, and that nothing in it is left over of a template."""
    assert "{{" not in request.text
    assert "<no value>" not in request.text
    CHECKS[request.service.partition("-")[0]](request)


def _keys(value: Mapping[str, Any], allowed: str, needed: str = "") -> None:
    assert set(value) <= set(allowed.split()), f"not documented: {set(value) - set(allowed.split())}"
    assert set(needed.split()) <= set(value), f"missing: {set(needed.split()) - set(value)}"


def _opsgenie(request: Request) -> None:
    assert request.method == "POST"
    assert request.headers["authorization"].startswith("GenieKey fake-")
    body = request.body
    if request.path.endswith("/close"):
        assert request.query["identifierType"] == ["alias"]
        _keys(body, "user source note")
        return
    assert request.path == "v2/alerts"
    allowed = (
        "message alias description responders visibleTo actions tags details entity source priority user note"
    )
    _keys(body, allowed, "message alias")
    assert 0 < len(body["message"]) <= 130
    assert len(body["alias"]) <= 512
    assert len(body["description"]) <= 15000
    assert len(body["entity"]) <= 512
    assert len(body["source"]) <= 100
    assert body["priority"] in PRIORITIES
    assert len(body["tags"]) <= 20
    assert all(0 < len(tag) <= 50 for tag in body["tags"])
    assert all(isinstance(value, str) for value in body["details"].values())
    assert sum(len(key) + len(value) for key, value in body["details"].items()) <= 8000
    for responder in body["responders"]:
        assert responder["type"] in {"team", "user", "escalation", "schedule"}


def _pagerduty(request: Request) -> None:
    assert request.method == "POST"
    body = request.body
    allowed = "routing_key event_action dedup_key payload images links client client_url"
    _keys(body, allowed, "routing_key event_action dedup_key payload")
    assert body["event_action"] in {"trigger", "resolve", "acknowledge"}
    assert len(body["dedup_key"]) <= 255
    payload = body["payload"]
    _keys(
        payload,
        "summary source severity timestamp component group class custom_details",
        "summary source severity",
    )
    assert 0 < len(payload["summary"]) <= 1024
    assert payload["severity"] in SEVERITIES
    assert payload["source"]
    for link in body.get("links", ()):
        _keys(link, "href text", "href")
        assert link["href"].startswith("http")


def _slack(request: Request) -> None:
    body = request.body
    allowed = "text channel username icon_emoji icon_url link_names attachments blocks thread_ts mrkdwn"
    _keys(body, allowed, "attachments")
    [attachment] = body["attachments"]
    allowed = (
        "fallback color pretext author_name author_link author_icon title title_link text fields "
        "image_url thumb_url footer footer_icon ts mrkdwn_in actions callback_id"
    )
    _keys(attachment, allowed, "fallback title text color")
    assert set(attachment["mrkdwn_in"]) <= {"text", "pretext", "fields"}
    for action in attachment.get("actions", ()):
        _keys(action, "type text url style name value confirm", "type text url")
        assert action["url"].startswith("http")


def _msteams(request: Request) -> None:
    _keys(request.body, "type attachments summary", "type attachments")
    assert request.body["type"] == "message"
    [attachment] = request.body["attachments"]
    _keys(attachment, "contentType contentUrl content", "contentType content")
    assert attachment["contentType"] in {
        "application/vnd.microsoft.card.adaptive",
        "application/vnd.microsoft.teams.card.adaptive",
    }
    card = attachment["content"]
    _keys(card, "$schema type version body actions msteams", "type version body")
    assert card["type"] == "AdaptiveCard"
    for block in card["body"]:
        assert block["type"] == "TextBlock"
        assert block["text"]
    assert len(json.dumps(request.body).encode()) <= 28 * 1024


def _rocketchat(request: Request) -> None:
    assert request.path == "api/v1/chat.postMessage"
    assert request.headers["x-auth-token"].startswith("fake-")
    assert request.headers["x-user-id"].startswith("fake-")
    allowed = "channel roomId text alias emoji avatar attachments parseUrls tmid customFields"
    _keys(request.body, allowed, "channel attachments")
    [attachment] = request.body["attachments"]
    allowed = (
        "title title_link title_link_download text image_url thumb_url color fields actions ts "
        "author_name author_link author_icon collapsed audio_url video_url message_link"
    )
    _keys(attachment, allowed, "title text color")


def _discord(request: Request) -> None:
    allowed = (
        "content username avatar_url tts embeds allowed_mentions components attachments flags thread_name"
    )
    _keys(request.body, allowed)
    assert 0 < len(request.body["content"]) <= 2000
    assert 0 < len(request.body["username"]) <= 80
    [embed] = request.body["embeds"]
    _keys(embed, "title type description url timestamp color footer image thumbnail author fields")
    assert 0 < len(embed["title"]) <= 256
    assert 0 < len(embed["description"]) <= 4096
    assert isinstance(embed["color"], int)


def _telegram(request: Request) -> None:
    token, method = request.path.removeprefix("bot").split("/")
    assert token.startswith("fake-")
    assert method == "sendMessage"
    allowed = (
        "chat_id text parse_mode disable_notification disable_web_page_preview message_thread_id "
        "link_preview_options entities protect_content reply_markup"
    )
    _keys(request.body, allowed, "chat_id text")
    assert request.body["parse_mode"] == "HTML"
    assert 0 < len(request.body["text"]) <= 4096


def _mattermost(request: Request) -> None:
    allowed = "text channel username icon_url icon_emoji attachments type props priority"
    _keys(request.body, allowed, "text")
    for attachment in request.body["attachments"]:
        allowed = (
            "fallback color pretext text author_name author_link author_icon title title_link "
            "fields image_url thumb_url footer footer_icon"
        )
        _keys(attachment, allowed, "fallback")


def _jira(request: Request) -> None:
    assert request.headers["authorization"].startswith("Basic ")
    if request.method == "POST" and request.path == "rest/api/2/issue":
        fields = request.body["fields"]
        allowed = "project issuetype summary description labels priority"
        _keys(fields, allowed, "project issuetype summary")
        assert 0 < len(fields["summary"]) <= 255
        assert len(fields["description"]) <= 32767
        assert all(" " not in label for label in fields["labels"])


def _relay(request: Request) -> None:
    assert request.headers["authorization"] == "Bearer fake-relay-token"
    assert request.body["version"] == "4"
    needed = (
        "version groupKey truncatedAlerts status receiver groupLabels commonLabels commonAnnotations "
        "externalURL alerts"
    )
    assert set(needed.split()) <= set(request.body)  # What is new in the payload is legal.
    assert request.body["truncatedAlerts"] == 0
    for alert in request.body["alerts"]:
        needed = "status labels annotations startsAt endsAt generatorURL fingerprint"
        assert set(needed.split()) <= set(alert)


CHECKS: dict[str, Callable[[Request], None]] = {
    "opsgenie": _opsgenie,
    "jsm": _opsgenie,
    "pagerduty": _pagerduty,
    "slack": _slack,
    "msteams": _msteams,
    "rocketchat": _rocketchat,
    "discord": _discord,
    "telegram": _telegram,
    "mattermost": _mattermost,
    "jira": _jira,
    "relay": _relay,
}
