"""The page about the relay: its settings are settings, its template names exist, its request is answered."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from backup_sentinel.config import parse
from backup_sentinel.relay.channels import Channel
from backup_sentinel.relay.rendering import Rendering, samples, view
from relay.relay_process import Relay

PAGE = (Path(__file__).resolve().parents[2] / "exporter" / "relay.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


async def test_the_settings_are_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHAT_URL", "https://chat.example.com/fake")
    (tmp_path / "signing-key").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    [text] = [block for block in blocks("yaml") if "relay:\n" in block and "receivers" not in block]
    config = parse(text.replace("/etc/backup-sentinel", str(tmp_path)))
    opened: list[Channel] = [channel.open(Rendering()) for channel in config.relay.channels]
    for channel in opened:
        assert channel.render(samples()[0]).body
        await channel.close()


def test_every_name_of_a_template_is_described() -> None:
    table = PAGE.split("## Templates")[1].split("## ")[0]
    described = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))))
    assert described == set(view(samples()[0]))


def test_the_request_by_hand_is_answered(tmp_path: Path) -> None:
    [command] = blocks("sh")
    program, flag, body, url = shlex.split(command)
    assert (program, flag, url) == ("curl", "-d", "http://localhost:9951/alert")
    with Relay(tmp_path) as relay:
        assert relay.ask("/alert", body.encode()).json["status"] == "accepted"
