"""The commands around the relay, mostly as processes of their own: previews, test messages, dead letters, checks."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from backup_sentinel.cli import main
from backup_sentinel.relay.channels import kinds
from backup_sentinel.relay.rendering import samples
from relay.receiver import Done, Receiver, run
from relay.relay_process import Relay
from support.process import free_port, wait_until

TOKEN = "fake-admin-token"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def configure(home: Path, *channels: dict[str, Any], **relay: Any) -> None:
    config = {"relay": {"outbox": {"path": "relay.db"}, **relay, "channels": list(channels)}}
    (home / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def hook(url: str, **changes: Any) -> dict[str, Any]:
    return {"type": "webhook", "name": "chat", "style": "slack", "url": url, **changes}


PAGE = {"type": "opsgenie", "name": "page", "api_key": "fake-api-key"}


def payload(**labels: str) -> str:
    return json.dumps({"alerts": [{"status": "firing", "labels": {"alertname": "Test", **labels}}]})


class TestRender:
    def test_without_a_payload_the_samples_are_shown_with_all_fields(self, tmp_path: Path) -> None:
        configure(tmp_path, PAGE)
        done = run("render", "page", "--config", "config.yaml", home=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("action: create") + done.stdout.count("action: close") == len(samples())
        assert "path: /v2/alerts/" in done.stdout
        assert "fake-api-key" not in done.stdout

    @pytest.mark.parametrize("source", ["file", "-"])
    def test_a_payload_is_shown_as_it_would_be_sent(self, source: str, tmp_path: Path) -> None:
        configure(
            tmp_path,
            hook(
                "https://chat.example.com/fake-path-secret",
                body="Hear: {{ title }}\n{{ alerts[0].labels.schedule }}",
                content_type="text/plain",
            ),
        )
        (tmp_path / "payload.json").write_text(payload(schedule="shop"))
        name = "payload.json" if source == "file" else "-"
        done = run(
            "render", "chat", name, "--config", "config.yaml", home=tmp_path, given=payload(schedule="shop")
        )
        assert done.returncode == 0, done
        assert done.stdout == "content-type: text/plain\n\nHear: [FIRING:1] Test (shop)\nshop\n"

    def test_programs_read_json(self, tmp_path: Path) -> None:
        configure(tmp_path, PAGE)
        done = run(
            "render", "page", "-", "-o", "json", "--config", "config.yaml", home=tmp_path, given=payload()
        )
        [content] = json.loads(done.stdout)
        assert set(content) == {"body", "content_type", "fields"}
        assert json.loads(content["body"])["alias"] == content["fields"]["alias"]

    def test_a_payload_that_the_filter_does_not_take_is_said(self, tmp_path: Path) -> None:
        configure(tmp_path, {**PAGE, "filter": {"severities": ["critical"]}})
        done = run(
            "render", "page", "-", "--config", "config.yaml", home=tmp_path, given=payload(severity="info")
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert "the filter of channel page takes nothing of the payload" in done.stderr

    def test_only_what_the_filter_takes_is_shown(self, tmp_path: Path) -> None:
        configure(tmp_path, {"type": "log", "name": "log", "filter": {"severities": ["critical"]}})
        alerts = [{"labels": {"alertname": name, "severity": name}} for name in ("critical", "info")]
        done = run(
            "render",
            "log",
            "-",
            "--config",
            "config.yaml",
            home=tmp_path,
            given=json.dumps({"alerts": alerts}),
        )
        assert [one["name"] for one in json.loads(done.stdout.partition("\n\n")[2])["alerts"]] == ["critical"]

    @pytest.mark.parametrize(
        ("arguments", "given", "error"),
        [
            (["nope", "-"], payload(), "no channel is called `nope`; valid: page"),
            (["pag", "-"], payload(), "did you mean `page`?"),
            (["page", "-"], "{", "standard input: the body is not JSON"),
            (["page", "-"], "{}", "standard input: the body is no message of Alertmanager"),
            (["page", "none.json"], "", "none.json: cannot be read: No such file"),
        ],
    )
    def test_what_is_wrong_is_one_line(
        self, arguments: list[str], given: str, error: str, tmp_path: Path
    ) -> None:
        configure(tmp_path, PAGE)
        done = run("render", *arguments, "--config", "config.yaml", home=tmp_path, given=given)
        assert (done.returncode, done.stdout) == (2, "")
        assert error in done.stderr
        assert len(done.stderr.splitlines()) == 1


class TestSendTest:
    def test_it_arrives_and_says_that_it_is_a_test(self, receiver: Receiver, tmp_path: Path) -> None:
        configure(tmp_path, hook(receiver.url))
        done = run("send-test", "chat", "--config", "config.yaml", home=tmp_path)
        assert done.returncode == 0, done
        assert "chat: firing delivered in" in done.stderr
        [(_, body)] = receiver.taken
        assert "BackupSentinelTest" in body
        assert "This is a test, nothing is wrong." in body

    def test_its_end_is_another_message(self, receiver: Receiver, tmp_path: Path) -> None:
        configure(tmp_path, hook(receiver.url, style="json"))
        done = run("send-test", "chat", "--type", "alert", "--end", "--config", "config.yaml", home=tmp_path)
        assert done.returncode == 0, done
        told = [json.loads(body) for _, body in receiver.taken]
        assert [(one["status"], one["type"]) for one in told] == [("firing", "alert"), ("resolved", "alert")]
        assert told[0]["group_key"] == told[1]["group_key"]
        assert len({identity for identity, _ in receiver.taken}) == 2

    @pytest.mark.parametrize(
        ("status", "reason", "consequence"),
        [
            (503, "server_error", "try again"),
            (400, "rejected", "dead letter"),
            (401, "unauthorized", "try again"),
        ],
    )
    def test_a_refusal_is_told(
        self, receiver: Receiver, tmp_path: Path, status: int, reason: str, consequence: str
    ) -> None:
        receiver.status = status
        configure(tmp_path, hook(receiver.url))
        done = run("send-test", "chat", "--config", "config.yaml", home=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"chat: not delivered ({reason})" in done.stderr
        assert consequence in done.stderr
        assert "fake-path-secret" not in done.stderr
        assert "Traceback" not in done.stderr

    def test_what_the_filter_would_not_take_is_sent_and_said(
        self, receiver: Receiver, tmp_path: Path
    ) -> None:
        configure(tmp_path, hook(receiver.url, filter={"types": ["alert"]}))
        done = run("send-test", "chat", "--config", "config.yaml", home=tmp_path)
        assert done.returncode == 0
        assert "the filter of channel chat does not take it" in done.stderr
        assert len(receiver.taken) == 1

    def test_what_leads_to_nothing_is_not_called_delivered(self, tmp_path: Path) -> None:
        configure(tmp_path, {"type": "kubernetes_event", "name": "events"})
        done = run("send-test", "events", "--config", "config.yaml", home=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert (
            "events: nothing was sent: no Event was written: no alert of the message names a run"
            in done.stderr
        )
        assert "delivered" not in done.stderr

    def test_a_secret_that_is_not_there_is_the_configuration(
        self, receiver: Receiver, tmp_path: Path
    ) -> None:
        configure(tmp_path, hook(receiver.url, bearer_token={"file": "none"}))
        done = run("send-test", "chat", "--config", "config.yaml", home=tmp_path)
        assert done.returncode == 2
        assert "the secret file none cannot be read" in done.stderr


def rename(file: Path, old: str, new: str) -> None:
    """Let deliveries be those of another channel."""
    with contextlib.closing(sqlite3.connect(file)) as sql, sql:
        sql.execute("UPDATE delivery SET channel = ? WHERE channel = ?", (new, old))


class TestDeadLetters:
    @pytest.fixture
    def relay(self, receiver: Receiver, tmp_path: Path) -> Iterator[Relay]:
        """A relay with two dead letters; the receiver is content from now on."""
        receiver.status = 400
        with Relay(
            tmp_path, channels=[hook(receiver.url, style="json")], admin={"tokens": [{"token": TOKEN}]}
        ) as relay:
            for name in ("first", "second"):
                assert relay.ask("/alert", payload(group=name).encode()).status == 200
            series = 'backup_sentinel_relay_deliveries_total{channel="chat",result="dead"}'
            wait_until(lambda: relay.value(series) == 2, "both are dead")
            receiver.status = 200
            yield relay

    def ask(self, home: Path, *arguments: str) -> Done:
        return run("deadletters", *arguments, "--config", "config.yaml", home=home)

    def listed(self, home: Path, *arguments: str) -> list[dict[str, Any]]:
        done = self.ask(home, "list", "-o", "json", *arguments)
        assert done.returncode == 0, done
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def test_they_are_read_beside_the_relay(self, relay: Relay, tmp_path: Path) -> None:
        letters = self.listed(tmp_path)
        assert {letter["reason"] for letter in letters} == {"rejected"}
        groups = [letter["message"]["alerts"][0]["labels"]["group"] for letter in letters]
        assert sorted(groups) == ["first", "second"]
        table = self.ask(tmp_path, "list").stdout
        assert all(letter["id"] in table for letter in letters)
        assert "[FIRING:1] Test" in table
        shown = self.ask(tmp_path, "show", letters[0]["id"])
        assert (shown.returncode, shown.stdout.count(letters[0]["id"])) == (0, 1)
        assert "answered 400" in shown.stdout
        assert "fake-path-secret" not in table + shown.stdout
        assert self.listed(tmp_path, "--channel", "other") == []
        assert self.listed(tmp_path, "--older-than", "1h") == []
        assert len(self.listed(tmp_path, "--older-than", "0s")) == 2
        assert relay.ask("/-/ready").status == 200

    def test_the_relay_replays_and_purges_what_it_is_asked_to(
        self, relay: Relay, receiver: Receiver, tmp_path: Path
    ) -> None:
        first, second = (letter["id"] for letter in self.listed(tmp_path))
        done = self.ask(tmp_path, "replay", first)
        assert (done.returncode, done.stdout, done.stderr) == (0, "replayed: 1\n", "")
        wait_until(lambda: [identity for identity, _ in receiver.taken] == [first], "it arrives, once")
        done = self.ask(tmp_path, "purge", second, first)
        assert (done.returncode, done.stdout) == (1, "purged: 1\n")
        assert done.stderr == f"backup-sentinel: {first}: no such dead letter\n"
        assert self.ask(tmp_path, "list").stdout == "No dead letters.\n"
        assert TOKEN not in relay.log.read_text()
        assert relay.value('backup_sentinel_relay_dead_letters{channel="chat"}') == 0

    def test_without_a_token_the_relay_refuses(self, relay: Relay, tmp_path: Path) -> None:
        body = json.dumps({"ids": [self.listed(tmp_path)[0]["id"]]}).encode()
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = relay.ask("/api/v1/deadletters/purge", body, headers)
            assert answer.status == 401
        good = {"Authorization": f"Bearer {TOKEN}"}
        for wrong in (b"", b"{}", b'{"ids": []}', b'{"ids": ["a"], "more": 1}', b"\xff"):
            assert relay.ask("/api/v1/deadletters/purge", wrong, good).status == 400
        assert relay.ask("/api/v1/deadletters/burn", body, good).status == 404
        assert relay.ask("/api/v1/deadletters/purge", None, good).status == 405
        assert len(self.listed(tmp_path)) == 2

    def test_without_a_relay_the_command_does_it_itself(
        self, relay: Relay, receiver: Receiver, tmp_path: Path
    ) -> None:
        relay.stop()
        first, second = (letter["id"] for letter in self.listed(tmp_path))
        assert self.ask(tmp_path, "purge", second).stdout == "purged: 1\n"
        assert self.ask(tmp_path, "replay", "--all", "--channel", "chat").stdout == "replayed: 1\n"
        assert self.listed(tmp_path) == []
        assert receiver.taken == []
        relay.start()
        wait_until(lambda: [identity for identity, _ in receiver.taken] == [first], "the relay delivers it")

    def test_what_has_no_channel_any_more_is_not_replayed(self, relay: Relay, tmp_path: Path) -> None:
        relay.stop()
        config = yaml.safe_load((tmp_path / "config.yaml").read_text())
        config["relay"]["channels"] = [{"type": "log", "name": "log"}]
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
        done = self.ask(tmp_path, "replay", "--all")
        assert (done.returncode, done.stdout) == (1, "replayed: 0\n")
        assert done.stderr.count("its channel is gone") == 2
        assert len(self.listed(tmp_path)) == 2

    def test_the_mail_channel_of_the_environment_is_a_channel(
        self, relay: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        relay.stop()
        config = yaml.safe_load((tmp_path / "config.yaml").read_text())
        config["relay"]["channels"] = [{"type": "log", "name": "log"}]
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
        rename(tmp_path / "relay.db", "chat", "mail")
        for name, value in (
            ("SMTP_HOST", "mail.example.org"),
            ("ALERT_FROM", "a@b.c"),
            ("ALERT_TO", "d@e.f"),
        ):
            monkeypatch.setenv(name, value)
        assert self.ask(tmp_path, "replay", "--all").stdout == "replayed: 2\n"

    @pytest.mark.parametrize("arguments", [["replay"], ["purge"], ["show"], ["purge", "some", "--all"]])
    def test_nothing_is_done_to_what_was_not_named(self, arguments: list[str], tmp_path: Path) -> None:
        configure(tmp_path, PAGE)
        done = self.ask(tmp_path, *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert "which? Give ids" in done.stderr

    def test_there_must_be_a_file(self, tmp_path: Path) -> None:
        configure(tmp_path, PAGE)
        done = self.ask(tmp_path, "list")
        assert (done.returncode, done.stderr.count("there is no outbox relay.db")) == (2, 1)
        assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_a_relay_without_admin_lets_nobody_replay(receiver: Receiver, tmp_path: Path) -> None:
    with Relay(tmp_path, channels=[hook(receiver.url)]) as relay:
        body = b'{"ids": ["a"]}'
        assert relay.ask("/api/v1/deadletters/replay", body).status == 403
        done = run("deadletters", "replay", "a", "--config", "config.yaml", home=tmp_path)
    assert (done.returncode, "give `relay.admin` a token" in done.stderr) == (2, True), done


def test_a_relay_that_is_not_where_the_configuration_says_is_named(tmp_path: Path) -> None:
    with Relay(tmp_path, admin={"tokens": [{"token": TOKEN}]}) as relay:
        config = yaml.safe_load((tmp_path / "config.yaml").read_text())
        config["web"]["listen"] = f"127.0.0.1:{free_port()}"
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
        command = ("deadletters", "purge", "a", "--config", "config.yaml")
        lost, found = run(*command, home=tmp_path), run(*command, "--url", relay.url, home=tmp_path)
    assert (lost.returncode, lost.stdout) == (2, "")
    assert "--url says where it listens" in lost.stderr
    assert (found.returncode, found.stdout) == (1, "purged: 0\n"), found


class TestCheck:
    def test_channels_are_opened(self, tmp_path: Path) -> None:
        configure(tmp_path, PAGE, {"type": "log", "name": "log"})
        done = run("check", "--config", "config.yaml", home=tmp_path)
        assert done.returncode == 0, done
        assert "config.yaml: ok, 1 cluster, 2 channels" in done.stdout

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            (
                {"message": "{{ titel }}"},
                "channel page: the template channel page, message: UndefinedError: 'titel'",
            ),
            ({"message": "{{ title"}, "channel page: the template channel page, message, line 1"),
            ({"api_key": {"file": "none"}}, "the secret file none cannot be read"),
            ({"api_key": {"env": "NOT_THERE"}}, "the environment has no NOT_THERE"),
            ({"api_url": "http://169.254.169.254/"}, "a link-local or metadata address"),
            ({"tls": {"ca_file": "none.pem"}}, "none.pem cannot be used for TLS"),
        ],
    )
    def test_a_channel_that_would_not_open_is_found(
        self, changes: dict[str, Any], error: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        configure(tmp_path, {"type": "log", "name": "log"}, {**PAGE, **changes})
        assert check(tmp_path) == 2
        said = capsys.readouterr().err
        assert error in said
        line = 1 + (tmp_path / "config.yaml").read_text().splitlines().index("  - name: log")
        assert said.startswith(f"backup-sentinel: {tmp_path / 'config.yaml'}:")
        assert int(said.split(":")[2]) > line
        assert check(tmp_path, "--syntax-only") == 0

    def test_an_enricher_that_would_not_open_is_found(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        configure(tmp_path, PAGE, enrichers=[{"type": "ns8", "password": {"file": "none"}}])
        assert check(tmp_path) == 2
        assert "enricher ns8: the secret file none cannot" in capsys.readouterr().err

    @pytest.mark.parametrize("part", ["intake", "admin"])
    def test_secrets_of_those_who_may_send_are_read(
        self, part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        configure(tmp_path, PAGE, **{part: {"tokens": [{"token": {"file": "none"}}]}})
        assert check(tmp_path) == 2
        assert "the secret file none cannot be read" in capsys.readouterr().err


def check(home: Path, *options: str) -> int:
    """Run the command in this process: a process of its own loads everything anew each time."""
    return main(["check", "--config", str(home / "config.yaml"), *options])


def test_every_command_says_what_its_exit_codes_mean(tmp_path: Path) -> None:
    for command in ("render", "send-test", "deadletters"):
        assert "The exit code is 0" in run(command, "--help", home=tmp_path).stdout
    assert "opsgenie" in kinds()
