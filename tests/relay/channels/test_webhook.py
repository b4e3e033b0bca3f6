"""The webhook channel against a real HTTP server: the suite, signatures, bodies, addresses that are refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from backup_sentinel.errors import DeliveryReason, SentinelError
from backup_sentinel.relay.channels import ChannelSettings
from backup_sentinel.relay.channels.webhook import WebhookSettings, decode_key, sign
from backup_sentinel.relay.message import Status
from backup_sentinel.relay.rendering import Rendering, samples
from backup_sentinel.secret import SecretSource, mask
from relay.channels.suite import Case, ChannelSuite, Received, ReceiverKit, fresh, refused, send
from support.httpserver import Handler, HttpServer

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_KEY = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
STYLES = ("json", "slack", "msteams", "rocketchat", "discord", "mattermost")


class WebhookKit(ReceiverKit):
    kind = "webhook"
    secrets = ("fake-path-secret", "fake-token", "fake-header", KEY, KEY.removeprefix("whsec_"))
    cases = (
        Case("503", DeliveryReason.SERVER_ERROR, retry=True, after=17),
        Case("429", DeliveryReason.THROTTLED, retry=True, after=17),
        Case("500", DeliveryReason.SERVER_ERROR, retry=True),
        Case("408", DeliveryReason.SERVER_ERROR, retry=True),
        Case("401", DeliveryReason.UNAUTHORIZED, retry=True),
        Case("403", DeliveryReason.UNAUTHORIZED, retry=True),
        Case("400", DeliveryReason.REJECTED, retry=False),
        Case("404", DeliveryReason.REJECTED, retry=False),
        Case("413", DeliveryReason.TOO_LARGE, retry=False),
        Case("302", DeliveryReason.REJECTED, retry=False),
        Case("cut", DeliveryReason.UNREACHABLE, retry=True),
    )

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], str]] = []
        self.answer = "200"
        self.text = b"ok"
        kit = self

        class Taking(Handler):
            def take(self) -> None:
                body = self.body().decode()
                if kit.answer == "cut":
                    self.close_connection = True
                    return
                status = int(kit.answer)
                if status == 200:
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    kit.requests.append((self.command, headers, body))
                more = {
                    302: {"Location": "http://169.254.169.254/"},
                    429: {"Retry_After": "17"},
                    503: {"Retry_After": "17"},
                }
                self.answer(status, kit.text, **more.get(status, {}))

        self._server = HttpServer(Taking)

    @property
    def url(self) -> str:
        return f"{self._server.url}/fake-path-secret"

    def settings(self, **changes: Any) -> ChannelSettings:
        given: dict[str, Any] = {
            "name": "hook",
            "url": self.url,
            "bearer_token": "fake-token",
            "headers": {"X-Key": "fake-header"},
            "signing_keys": (KEY,),
        }
        return WebhookSettings(**{**given, **changes})

    def received(self) -> list[Received]:
        return [Received(headers["webhook-id"], body) for _, headers, body in self.requests]

    def fail(self, case: Case) -> None:
        self.answer = case.name

    def heal(self) -> None:
        self.answer = "200"

    def start(self) -> None:
        self.answer = "200"
        self._server.start()

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture
def kit() -> Iterator[WebhookKit]:
    kit = WebhookKit()
    kit.start()
    yield kit
    kit.stop()


class TestWebhook(ChannelSuite):
    @pytest.fixture
    def kit(self) -> Iterator[ReceiverKit]:
        kit = WebhookKit()
        kit.start()
        yield kit
        kit.stop()


def test_two_ways_to_log_in_are_an_error_at_start(kit: WebhookKit) -> None:
    url = kit.url.replace("http://", "http://me:fake-password@")
    with pytest.raises(
        SentinelError, match="channel hook holds a user beside another way to log in"
    ) as error:
        kit.settings(url=url).open(Rendering())
    assert "fake" not in str(error.value)


async def test_a_login_in_the_url_is_used(kit: WebhookKit) -> None:
    url = kit.url.replace("http://", "http://me:fake-password@")
    channel = kit.settings(url=url, bearer_token=None).open(Rendering())
    await send(channel, fresh(1))
    assert kit.requests[0][1]["authorization"] == f"Basic {PAIR}"
    assert PAIR not in mask(f"it was {PAIR}", kit.settings(url=url, bearer_token=None).secrets())
    await channel.close()


PAIR = base64.b64encode(b"me:fake-password").decode()


@pytest.mark.parametrize(
    "said",
    [
        "Cannot POST /hooks/T0FAKE000/fake-path-secret?key=fake-query-secret&x=1",
        json.dumps({"path": "/hooks/T0FAKE000/fake-path-secret"}).replace("/", "\\/"),
        "no such hook: fake path+secret",
        f"Authorization: Basic {PAIR}",
        "me and fake-password do not match",
        "the token fake-header-secret has expired",
    ],
)
async def test_what_a_receiver_repeats_of_our_secrets_is_masked(kit: WebhookKit, said: str) -> None:
    origin = kit.url.rpartition("/")[0]
    settings = kit.settings(
        url=f"{origin}/hooks/T0FAKE000/fake-path-secret/fake%20path%2Bsecret?key=fake-query-secret&x=1",
        bearer_token=None,
        username="me",
        password="fake-password",
        headers={"X-Api": "Token fake-header-secret"},
    )
    channel = settings.open(Rendering())
    kit.answer, kit.text = "400", said.encode()
    error = await refused(channel, fresh(1))
    shown = mask(str(error), settings.secrets())
    assert "answered 400: " in shown
    assert "***" in shown
    for secret in ("T0FAKE", "path-secret", "path+secret", "query", PAIR, "fake-password", "header-secret"):
        assert secret not in shown
    await channel.close()


@pytest.mark.parametrize("style", STYLES)
async def test_bodies_of_chat_services_are_json_that_names_the_alert(kit: WebhookKit, style: str) -> None:
    channel = kit.settings(style=style).open(Rendering())
    for sample in samples():
        text = json.dumps(json.loads(channel.render(sample).body), ensure_ascii=False)
        for alert in sample.message.alerts:
            summary = alert.annotations.get("summary", alert.name)
            if style == "slack":
                summary = summary.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            assert json.dumps(summary, ensure_ascii=False)[1:-1] in text
    await channel.close()


@pytest.mark.parametrize("style", STYLES[1:])
async def test_what_is_over_is_told_with_its_end(kit: WebhookKit, style: str) -> None:
    """The bodies say since when an alert fires; of one that is over that would be read as the time of its end."""
    channel = kit.settings(style=style).open(Rendering())
    delivery = samples()[0]
    began, ended = "2026-03-01T01:00:00Z", "2026-03-01T02:00:00Z"
    for status, end in ((Status.FIRING, None), (Status.RESOLVED, ended), (Status.RESOLVED, None)):
        [alert, *_] = delivery.message.alerts
        alert = msgspec.structs.replace(alert, status=status, starts_at=began, ends_at=end)
        message = msgspec.structs.replace(delivery.message, alerts=(alert,))
        body = channel.render(msgspec.structs.replace(delivery, message=message)).body
        assert (f"firing since {began}" in body) is (status is Status.FIRING), body
        assert (f"resolved at {ended}" in body) is (end is not None), body
        assert "resolved since" not in body
    await channel.close()


@pytest.mark.parametrize("style", ["slack", "mattermost", "rocketchat", "discord"])
async def test_what_an_operator_wrote_calls_nobody(kit: WebhookKit, style: str) -> None:
    sample = fresh(1)
    said = "hook <!channel> of @all, @here & @Channel failed: <https://evil.example|click>, ask me@here-we-are.example"
    alert = msgspec.structs.replace(
        sample.message.alerts[0], annotations={"summary": said, "description": said}
    )
    message = msgspec.structs.replace(sample.message, alerts=(alert,))
    channel = kit.settings(style=style).open(Rendering())
    body = json.loads(channel.render(msgspec.structs.replace(sample, message=message)).body)
    await channel.close()
    text = json.dumps(body, ensure_ascii=False)
    if style == "discord":
        assert body["allowed_mentions"] == {"parse": []}
    elif style == "slack":
        assert "<" not in text
        assert "hook &lt;!channel&gt; of @all, @here &amp; @Channel" in text
    else:
        assert "hook <!channel> of @\u200ball, @\u200bhere & @\u200bChannel" in text


@pytest.mark.parametrize("style", STYLES)
async def test_a_group_of_a_thousand_alerts_still_fits(kit: WebhookKit, style: str) -> None:
    sample = fresh(1)
    long = msgspec.structs.replace(sample.message.alerts[0], annotations={"description": "x" * 50_000})
    message = msgspec.structs.replace(sample.message, alerts=(long,) * 1000)
    channel = kit.settings(style=style).open(Rendering())
    body = channel.render(msgspec.structs.replace(sample, message=message)).body
    await channel.close()
    if style == "msteams":
        assert len(body.encode()) < 28_000
    if style == "discord":
        card = json.loads(body)
        assert len(card["content"]) <= 2000
        assert len(card["embeds"]) <= 10
        texts = [part.get(key, "") for part in card["embeds"] for key in ("title", "description")]
        texts += [part["footer"]["text"] for part in card["embeds"] if "footer" in part]
        assert sum(map(len, texts)) <= 6000
        assert "995 more alerts" in body
    if style == "slack":
        assert "980 more alerts" in body


def test_a_signature_is_that_of_the_standard() -> None:
    # The example of github.com/standard-webhooks/standard-webhooks.
    signature = sign(
        decode_key(KEY, "x"), "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}'
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_while_keys_are_exchanged_both_sign(kit: WebhookKit) -> None:
    channel = kit.settings(signing_keys=(KEY, OLD_KEY)).open(Rendering())
    delivery = fresh(2)
    await send(channel, delivery)
    await channel.close()
    [(_, headers, body)] = kit.requests
    wanted = [
        sign(decode_key(key, "x"), delivery.id, headers["webhook-timestamp"], body.encode())
        for key in (KEY, OLD_KEY)
    ]
    assert headers["webhook-signature"].split() == wanted


async def test_method_headers_and_a_body_of_ones_own(kit: WebhookKit) -> None:
    channel = kit.settings(
        method="PUT",
        body="{{ type }} {{ labels.namespace }}{{ labels.schedule }} {{ alerts | length }}",
        content_type="text/plain",
        bearer_token=None,
        username="me",
        password="fake",
    ).open(Rendering())
    await send(channel, fresh(3))
    await channel.close()
    [(method, headers, body)] = kit.requests
    assert (method, body, headers["content-type"]) == ("PUT", "alert shop 1", "text/plain")
    assert headers["authorization"] == "Basic bWU6ZmFrZQ=="
    assert headers["x-key"] == "fake-header"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"body": "{{ titel }}"}, "channel hook, body: UndefinedError: 'titel' is undefined"),
        ({"body": "{% if %}"}, "channel hook, body, line 1:"),
        ({"body": "{title: {{ title }}}"}, "the body of channel hook is not JSON"),
        ({"body": "{{ ''.__class__.__mro__ }}", "content_type": "text/plain"}, "SecurityError"),
        ({"body": "{{ 'x' * 2000000 }}", "content_type": "text/plain"}, "more than"),
        ({"url": "ftp://x"}, "must be an http"),
        ({"url": "http://169.254.169.254/latest"}, "metadata address"),
        ({"url": "http://[fd00:ec2::254]/latest"}, "metadata address"),
        ({"signing_keys": ("whsec_%",)}, "is no base64"),
        ({"signing_keys": ("whsec_AAAA",)}, "has 3 bytes"),
        ({"headers": {"X-Key": "a\nb"}}, "character it must not"),
        ({"bearer_token": SecretSource(file="/nowhere")}, "/nowhere cannot be read"),
    ],
)
async def test_what_is_wrong_is_said_at_start(kit: WebhookKit, changes: dict[str, Any], message: str) -> None:
    settings = kit.settings(**changes)
    with pytest.raises(SentinelError, match=message):
        settings.open(Rendering())


@pytest.mark.parametrize(
    ("style", "text", "reason"),
    [
        ("msteams", b"Webhook message delivery failed with error: HTTP error 429", DeliveryReason.THROTTLED),
        ("msteams", b"HTTP error 500", DeliveryReason.SERVER_ERROR),
        ("rocketchat", b'{"success": false}', DeliveryReason.REJECTED),
    ],
)
async def test_an_error_that_comes_with_status_200_is_one(
    kit: WebhookKit, style: str, text: bytes, reason: DeliveryReason
) -> None:
    kit.text = text
    channel = kit.settings(style=style).open(Rendering())
    assert (await refused(channel, fresh(4))).reason is reason
    await channel.close()
