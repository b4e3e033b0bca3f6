"""The command as a process: exit codes, what it prints, and the record that people look at and clear."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from backup_sentinel.cli import main
from backup_sentinel.commands.notify import with_lookback
from backup_sentinel.config import Config
from backup_sentinel.notify.settings import NotifySettings
from notify.kit import HOME, MINUTE, World

UTC_DAY = 86400.0


class Done(NamedTuple):
    code: int
    out: str
    err: str

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]


async def run(home: Path, *arguments: str, **environment: str) -> Done:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "backup_sentinel", "notify", *arguments),
        cwd=home,
        env={**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home / "state"), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


def configure(world: World, home: Path, **changes: Any) -> None:
    mail = {
        "type": "email",
        "name": "mail",
        "host": "127.0.0.1",
        "port": world.smtp.port,
        "encryption": "none",
        "from": "backups@example.org",
        "to": ["ops@example.org"],
    }
    config = {
        "clusters": [{"name": one.name, "api_url": one.server.url} for one in world.clusters],
        "export": {"operators": ["kasten"]},
        "relay": {"channels": [mail]},
        "notify": {"repeat": "never", "record": {"cluster": world.home.name, "namespace": HOME}},
        **changes,
    }
    (home / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    now = time.time()
    async with World("prod-eu", "prod-us", now=now) as made:
        configure(made, tmp_path)
        for cluster in made.clusters:
            cluster.run(f"run-{cluster.name}", now - 20 * MINUTE, namespaces=("shop",))
        yield made


ONCE = ("--once", "--config", "config.yaml")


class TestOnce:
    async def test_0_where_all_was_read_and_sent(self, world: World, tmp_path: Path) -> None:
        done = await run(tmp_path, *ONCE)
        assert done.code == 0, done.err
        assert len(world.mails) == 1
        [line] = [line for line in done.lines() if line["message"] == "look finished"]
        assert (line["clusters"], line["unread"], line["found"], line["sent"]) == (2, 0, 2, True)
        done = await run(tmp_path, *ONCE)
        assert (done.code, len(world.mails)) == (0, 1)

    async def test_1_where_a_channel_refuses(self, world: World, tmp_path: Path) -> None:
        world.smtp.answers["DATA"] = "451 4.3.0 later"
        done = await run(tmp_path, *ONCE)
        assert done.code == 1, done.err
        [line] = [line for line in done.lines() if line["message"] == "delivery failed"]
        assert (line["channel"], line["reason"]) == ("mail", "server_error")
        assert "451" in line["error"]

    async def test_1_where_a_cluster_does_not_answer(self, world: World, tmp_path: Path) -> None:
        await world.clusters[1].server.down()
        done = await run(tmp_path, *ONCE)
        assert (done.code, len(world.mails)) == (1, 1)
        assert any(
            line["message"] == "cluster not read" and "prod-us" in line["error"] for line in done.lines()
        )

    async def test_2_where_the_record_cannot_be_read(self, world: World, tmp_path: Path) -> None:
        await world.home.server.down()
        done = await run(tmp_path, *ONCE)
        assert (done.code, world.mails) == (2, [])
        assert "backup-sentinel: " in done.err

    @pytest.mark.parametrize(
        ("notify", "error"),
        [
            ({"lookback": "2x"}, "config.yaml:10:3:"),
            ({"lookback": "2x"}, "unknown unit 'x'"),
            ({"states": ["late"]}, "`late`"),
            ({"record": {"cluster": "pord-eu"}}, "did you mean `prod-eu`?"),
            ({"interval": 3}, "did you mean `interval_seconds`?"),
            ({"digest": ["emial"]}, "no channel is of type `emial`; did you mean `email`?"),
        ],
    )
    async def test_2_for_what_is_wrong_in_the_configuration(
        self, notify: dict[str, Any], error: str, world: World, tmp_path: Path
    ) -> None:
        configure(world, tmp_path, notify=notify)
        done = await run(tmp_path, *ONCE)
        assert done.code == 2
        assert error in done.err
        assert "Traceback" not in done.err

    @pytest.mark.usefixtures("world")
    async def test_2_for_variables_that_are_wrong(self, tmp_path: Path) -> None:
        done = await run(tmp_path, *ONCE, LOOKBACK_HOURS="soon")
        assert done.code == 2
        assert "LOOKBACK_HOURS: 'soon'" in done.err
        done = await run(tmp_path, *ONCE, SMTP_HOST="mail.example.org", SMTP_PASSWORD="fake-secret")
        assert done.code == 2
        assert "ALERT_FROM: is missing" in done.err
        assert "fake-secret" not in done.err


class TestSent:
    async def test_it_is_listed_and_cleared(self, world: World, tmp_path: Path) -> None:
        listed = await run(tmp_path, "sent", "list", "--config", "config.yaml")
        assert (listed.code, listed.out) == (0, "Nothing was sent in the last seven days.\n")
        metadata = {"name": "backup-sentinel-sent", "namespace": HOME}
        sent = {
            "prod-eu:run-a:2026-03-05": "2026-03-05T10:00:00Z",
            "prod-eu:run-b:2026-03-05": "2026-03-05T11:00:00Z",
        }
        data = {"sent": json.dumps(sent), "partly": json.dumps({"prod-us:run-c:2026-03-05": ["mail"]})}
        world.home.cluster.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
        listed = await run(tmp_path, "sent", "list", "--config", "config.yaml")
        assert [line.split() for line in listed.out.splitlines()] == [
            ["ID", "SENT", "CHANNELS"],
            ["prod-eu:run-b:2026-03-05", "2026-03-05", "11:00", "UTC", "all"],
            ["prod-eu:run-a:2026-03-05", "2026-03-05", "10:00", "UTC", "all"],
            ["prod-us:run-c:2026-03-05", "mail"],
        ]
        listed = await run(tmp_path, "sent", "list", "-o", "json", "--config", "config.yaml")
        assert json.loads(listed.out)["sent"] == sent

        cleared = await run(tmp_path, "sent", "clear", next(iter(sent)), "none", "--config", "config.yaml")
        assert (cleared.code, cleared.out) == (1, "cleared: 1\n")
        assert cleared.err == "backup-sentinel: none: no such entry\n"
        assert list(json.loads(world.home.record()["sent"])) == ["prod-eu:run-b:2026-03-05"]
        cleared = await run(tmp_path, "sent", "clear", "--all", "--config", "config.yaml")
        assert (cleared.code, cleared.out) == (0, "cleared: 2\n")
        assert json.loads(world.home.record()["sent"]) == {}

    async def test_without_a_cluster_the_record_is_a_file(self, world: World, tmp_path: Path) -> None:
        configure(world, tmp_path, notify={})
        assert (await run(tmp_path, *ONCE)).code == 0
        assert (tmp_path / "state" / "backup-sentinel" / "sent.json").exists()
        assert world.home.record() == {}
        cleared = await run(tmp_path, "sent", "clear", "--all", "--config", "config.yaml")
        assert cleared.out == "cleared: 2\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["sent"], "sent what? Give list or clear"),
        (["sent", "clear"], "clear which? Give ids or --all"),
        (["sent", "clear", "id", "--all"], "clear which? Give ids or --all"),
        (["sent", "list", "id"], "`sent list` lists everything"),
        (["sent", "list", "--once"], "--once and --lookback do not go with `sent`"),
        (["--once", "--all"], "--all goes with `sent clear`"),
        (["--once", "--lookback", "2"], "--lookback: duration '2': a number has no unit"),
        (["--lookback", "soon"], "--lookback: duration 'soon'"),
        (["--once", "--lookback", "0s"], "--lookback: must be above zero"),
    ],
)
def test_wrong_usage_is_said(arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify", *arguments]) == 2
    assert error in capsys.readouterr().err


class TestLookback:
    def found(self, flag: str | None, setting: str | None) -> float:
        return with_lookback(Config(notify=NotifySettings(lookback=setting)), flag).notify.lookback_seconds

    def test_the_flag_wins_over_the_file_and_that_over_the_variable(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("LOOKBACK_HOURS", raising=False)
        assert self.found(None, None) == 7200
        monkeypatch.setenv("LOOKBACK_HOURS", "3")
        assert self.found(None, None) == 3 * 3600
        assert self.found(None, "4h") == 4 * 3600
        assert self.found("5d", "4h") == 5 * UTC_DAY
