"""The page about the relay: its settings are settings, its template names exist, its commands work."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from backup_sentinel.config import parse
from backup_sentinel.relay.backups import BLIND
from backup_sentinel.relay.channels import Channel
from backup_sentinel.relay.channels import kinds as channel_kinds
from backup_sentinel.relay.enrichers import kinds
from backup_sentinel.relay.finding import AlertFinding
from backup_sentinel.relay.rendering import Rendering, samples, view
from relay.receiver import Receiver, run
from relay.relay_process import Relay
from support.process import wait_until

PAGE = (Path(__file__).resolve().parents[2] / "exporter" / "relay.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


EXAMPLES = [block for block in blocks("yaml") if block.startswith("relay:\n")]
FILES = {
    "relay-token": "fake-token",
    "signing-key": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "amqp-password": "fake-password",
    "jsm-key": "fake-key",
    "restic-password": "fake-password",
    "relay.creds": "-----BEGIN NATS USER JWT-----\nfake\n-----BEGIN USER NKEY SEED-----\nfake\n",
}


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: re.findall(r"type: (\w+)", text)[-1])
async def test_the_settings_are_taken(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHAT_URL", "https://chat.example.com/fake")
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    config = parse(text.replace("/etc/backup-sentinel", str(tmp_path)))
    opened: list[Channel] = [channel.open(Rendering()) for channel in config.relay.channels]
    for channel in opened:
        assert channel.render(samples()[0]).body
        await channel.close()
    for enricher in config.relay.enrichers:
        await enricher.open_with(BLIND).close()


def test_every_name_of_a_template_is_described() -> None:
    table = PAGE.split("## Templates")[1].split("## ")[0]
    described = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))))
    assert described == set(view(samples()[0]))


def test_every_enricher_and_every_field_that_they_fill_is_described() -> None:
    section = PAGE.split("## Enrichment")[1].split("\n## ")[0]
    columns = [
        set(re.findall(r"`(\w+)`", cell)) for cell in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    ]
    assert set(AlertFinding.__struct_fields__) <= set().union(*columns)
    assert set(kinds()) <= set().union(*columns)


def commands(section: str) -> list[list[str]]:
    """Return the commands of a section of the page, in order."""
    text = PAGE.split(f"## {section}\n")[1].split("\n## ")[0]
    lines = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).splitlines()
    return [shlex.split(line) for line in lines]


def test_the_request_by_hand_is_answered(tmp_path: Path) -> None:
    [command] = commands("Take messages in")
    program, flag, body, url = command
    assert (program, flag, url) == ("curl", "-d", "http://localhost:9951/alert")
    with Relay(tmp_path) as relay:
        assert relay.ask("/alert", body.encode()).json["status"] == "accepted"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def hook(receiver: Receiver) -> dict[str, str]:
    return {"type": "webhook", "name": "chat", "style": "slack", "url": receiver.url}


def test_what_tries_a_configuration_works(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"relay": {"channels": [hook(receiver)]}}))
    (tmp_path / "payload.json").write_text(json.dumps({"alerts": [{"labels": {"alertname": "Test"}}]}))
    *tried, demo = commands("Try it")
    assert {command[1] for command in tried} == {"check", "render", "send-test"}
    for program, *arguments in tried:
        done = run(*arguments, home=tmp_path)
        assert (program, done.returncode) == ("backup-sentinel", 0), done
    assert len(receiver.taken) == 2
    assert demo == ["backup-sentinel", "demo", "--relay"], "run by tests/demo/receivers/test_command.py"


def test_what_is_done_about_dead_letters_works(receiver: Receiver, tmp_path: Path) -> None:
    receiver.status = 400
    with Relay(tmp_path, channels=[hook(receiver)], admin={"tokens": [{"token": "fake-token"}]}) as relay:
        for name in ("one", "two"):
            body = {"alerts": [{"labels": {"alertname": name}}]}
            assert relay.ask("/alert", json.dumps(body).encode()).status == 200
        dead = 'backup_sentinel_relay_deliveries_total{channel="chat",result="dead"}'
        wait_until(lambda: relay.value(dead) == 2, "both are dead")
        receiver.status = 200
        listed = run("deadletters", "list", "-o", "json", "--config", "config.yaml", home=tmp_path)
        identity = json.loads(listed.stdout)[0]["id"]
        done = [
            run(*(identity if word == "ID" else word for word in arguments), home=tmp_path)
            for _, *arguments in commands("Dead letters")
        ]
        assert [each.returncode for each in done] == [0] * len(done), done
        told = [each.stdout for each in done[2:]]
        assert told == ["replayed: 1\n", "replayed: 1\n", "purged: 0\n"]
        wait_until(lambda: len(receiver.taken) == 2, "both arrive")


def test_the_channels_of_the_page_are_channels() -> None:
    named = set(re.findall(r"(?<!\w)type: (\w+)", " ".join(EXAMPLES)))
    assert {"opsgenie", "amqp", "nats"} <= named <= {*channel_kinds(), *kinds()}
