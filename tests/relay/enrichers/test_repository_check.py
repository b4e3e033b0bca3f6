"""Repositories of a real restic in each state, and what becomes of a probe that does not end."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from backup_sentinel.config import parse
from backup_sentinel.errors import DocumentError
from backup_sentinel.relay.enrichers.repository_check import RepositoryCheckSettings
from backup_sentinel.relay.finding import (
    AlertFinding,
    Finding,
    Findings,
    PartFinding,
    RepositoryFinding,
    Verdict,
)
from backup_sentinel.relay.message import Alert, Message
from backup_sentinel.secret import SecretSource
from relay.enrichers.kit import alert, asked, finding, message
from support.httpserver import Handler, HttpServer
from support.process import wait_until
from support.restic import PASSWORD, Repository

FAILED = alert()
NS8 = alert(alertname="BackupFailed", id="1", name="nightly", node="1", schedule="")


def judged(
    verdict: Verdict = Verdict.REPO_FAILURE,
    about: Alert = FAILED,
    outcomes: Mapping[str, str] | None = None,
) -> dict[str, Finding]:
    """Return what a reader and the judge found: modules by their outcomes, and the verdict."""
    modules = tuple(PartFinding(name=name, outcome=outcome) for name, outcome in (outcomes or {}).items())
    return {
        "ns8": Finding(alerts={about.fingerprint: AlertFinding(parts=modules)}),
        "correlation": Finding(verdict=verdict),
    }


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository").create()


def settings(repository: Repository, **changes: Any) -> RepositoryCheckSettings:
    environment = dict(repository.environment)
    secret: dict[str, str | SecretSource] = {"RESTIC_PASSWORD": environment.pop("RESTIC_PASSWORD")}
    return RepositoryCheckSettings(environment=environment, secret_environment=secret, **changes)


async def probed(
    to: RepositoryCheckSettings, about: Message | None = None, facts: dict[str, Finding] | None = None
) -> Findings:
    return await asked(to, about or message(FAILED), judged() if facts is None else facts)


async def told(to: RepositoryCheckSettings, about: Alert = FAILED, **outcomes: str) -> RepositoryFinding:
    found = finding(
        await probed(to, message(about), judged(about=about, outcomes=outcomes)), "repository_check"
    )
    repository = found.alerts[about.fingerprint].repository
    assert repository is not None
    return repository


async def problem(to: RepositoryCheckSettings) -> str | None:
    found = finding(await probed(to), "repository_check")
    (one,) = found.details["probes"]
    return None if one["problem"] is None else str(one["problem"])


async def test_good(repository: Repository) -> None:
    found = await told(settings(repository))
    assert found == RepositoryFinding(name="restic", available=True)
    assert repository.locks() == [], "a probe leaves no lock"


async def test_wrong_password(repository: Repository) -> None:
    repository.password = "another-fake-one"
    found = await told(settings(repository))
    assert found.available is False
    assert "wrong password or no key found" in found.error
    assert await problem(settings(repository)) == "wrong_password"


async def test_missing_directory(tmp_path: Path) -> None:
    nowhere = Repository(tmp_path / "nowhere")
    found = await told(settings(nowhere))
    assert found.available is False
    assert "no such file or directory" in found.error
    assert str(tmp_path / "nowhere") in found.error
    assert await problem(settings(nowhere)) == "no_repository"


class EmptyStore(Handler):
    """A stand-in for an S3 server that has no bucket; the client is restic's own."""

    def take(self) -> None:
        body = b"<?xml version='1.0'?><Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>"
        self.answer(404, body, Content_Type="application/xml")


@pytest.fixture
def store() -> Iterator[str]:
    with HttpServer(EmptyStore) as server:
        yield server.url


async def test_missing_bucket(tmp_path: Path, store: str) -> None:
    Repository(tmp_path)  # for restic itself
    to = RepositoryCheckSettings(
        environment={
            "RESTIC_REPOSITORY": f"s3:{store}/no-bucket",
            "AWS_ACCESS_KEY_ID": "AKIAFAKEFAKEFAKEFAKE",
            "RESTIC_CACHE_DIR": str(tmp_path / "cache"),
        },
        secret_environment={"RESTIC_PASSWORD": PASSWORD, "AWS_SECRET_ACCESS_KEY": "fake-secret-of-s3"},
    )
    found = await told(to)
    assert found.available is False
    assert "bucket does not exist" in found.error
    assert "no-bucket" in found.error
    assert await problem(to) == "no_repository"


async def test_a_lock_that_keeps_backups_out(repository: Repository, tmp_path: Path) -> None:
    repository.leave_exclusive_lock(tmp_path)
    found = await told(settings(repository))
    assert found.available is False
    assert "repository is locked exclusively by process" in found.error
    assert "restic unlock" in found.error
    assert await problem(settings(repository)) == "locked"
    assert len(repository.locks()) == 1, "it is not ours to remove"
    assert await told(settings(repository, locks=False)) == RepositoryFinding(name="restic", available=True)


async def test_a_backup_under_way_is_told_and_harmless(repository: Repository, tmp_path: Path) -> None:
    with repository.locked(tmp_path):
        found = await told(settings(repository))
    assert found.available is True
    assert "locked against forget and prune by process" in found.error


async def test_a_probe_that_itself_meets_the_lock(repository: Repository, tmp_path: Path) -> None:
    repository.leave_exclusive_lock(tmp_path)
    found = await told(settings(repository, probe=("snapshots",)))
    assert found.available is False
    assert "repository is already locked exclusively by PID" in found.error
    assert await problem(settings(repository, probe=("snapshots",))) == "locked"


@pytest.mark.parametrize("verdict", [Verdict.PARTIAL, Verdict.REPO_FAILURE])
async def test_it_probes_where_something_failed(repository: Repository, verdict: Verdict) -> None:
    findings = await probed(settings(repository), facts=judged(verdict))
    assert "repository_check" in findings.facts


async def test_it_does_not_probe_where_all_succeeded(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    to = RepositoryCheckSettings(command=("touch", str(mark)), probe=("--",))
    for about, facts in (
        (message(FAILED), judged(Verdict.SUCCESS)),
        (message(alert(status="resolved")), {}),
    ):
        findings = await asked(to, about, facts)
        assert "repository_check" not in findings.facts
        assert not findings.notes
    assert not mark.exists()
    await asked(to, message(FAILED), {})
    assert mark.exists(), "without a judgement the alert decides"


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


async def test_each_module_that_failed_is_probed_once(tmp_path: Path) -> None:
    """`runagent` is a stand-in: it notes its arguments, and fails for one module as restic would."""
    calls = tmp_path / "calls"
    runagent = script(
        tmp_path / "runagent",
        f'echo "$@" >> {calls}\n[ "$2" = mail1 ] || exit 0\necho "Fatal: wrong password or no key found" >&2\nexit 1',
    )
    to = RepositoryCheckSettings(
        command=(runagent, "-m", "{module}", "restic-wrapper", "--backup={backup}"), locks=False
    )
    found = finding(
        await asked(
            to,
            message(NS8),
            judged(Verdict.PARTIAL, NS8, {"wiki1": "succeeded", "mail1": "failed", "shop1": "unknown"}),
        ),
        "repository_check",
    )
    arguments = "restic-wrapper --backup=1 cat config --no-lock"
    assert sorted(calls.read_text().splitlines()) == [f"-m mail1 {arguments}", f"-m shop1 {arguments}"]
    assert found.alerts[NS8.fingerprint].repository == RepositoryFinding(
        name="mail1", available=False, error="Fatal: wrong password or no key found"
    )
    assert [one["name"] for one in found.details["probes"]] == ["mail1", "shop1"]


async def test_different_texts_are_told_by_module(tmp_path: Path) -> None:
    runagent = script(tmp_path / "runagent", 'echo "Fatal: trouble of $2" >&2\nexit 1')
    found = await told(
        RepositoryCheckSettings(command=(runagent, "-m", "{module}")), NS8, mail1="failed", shop1="failed"
    )
    assert found.name == "mail1, shop1"
    assert found.error == "mail1: Fatal: trouble of mail1\nshop1: Fatal: trouble of shop1"


async def test_where_no_module_is_known_nothing_is_probed() -> None:
    findings = await asked(
        RepositoryCheckSettings(command=("false", "{module}")), message(NS8), judged(about=NS8)
    )
    assert findings.notes["repository_check"] == (
        "no repository was probed: it is not known which module failed",
    )


@pytest.mark.parametrize("label", ["--option", "../1", "a b", "$(id)", "x" * 101])
async def test_a_label_that_is_no_plain_word_is_in_no_command(tmp_path: Path, label: str) -> None:
    mark = tmp_path / "mark"
    to = RepositoryCheckSettings(command=("touch", str(mark), "{backup}"))
    findings = await asked(to, message(alert(id=label)), {})
    assert findings.notes["repository_check"] == ("the label for {backup} cannot stand in a command",)
    assert not mark.exists()


async def test_an_alert_without_an_id_leaves_it_empty(tmp_path: Path) -> None:
    command = script(tmp_path / "command", 'echo "$@" >&2; exit 1')
    found = await told(RepositoryCheckSettings(command=(command, "--backup={backup}"), probe=("cat",)))
    assert found.error == "--backup= cat"


async def test_more_modules_than_wanted(tmp_path: Path) -> None:
    runagent = script(tmp_path / "runagent", "exit 0")
    to = RepositoryCheckSettings(command=(runagent, "{module}"), most_modules=2, locks=False)
    findings = await asked(
        to, message(NS8), judged(about=NS8, outcomes={f"module{n}": "failed" for n in range(5)})
    )
    assert findings.notes["repository_check"] == ("only 2 of 5 repositories were probed",)


@pytest.mark.parametrize(
    "text",
    [
        '[FATAL] Cannot find environment for module mail1" >&2; exit 1; echo "',
        'sh: restic: command not found" >&2; exit 127; echo "',
    ],
)
async def test_a_wrapper_that_cannot_start_restic_says_nothing_of_the_repository(
    tmp_path: Path, text: str
) -> None:
    command = script(tmp_path / "command", f'echo "{text}"')
    found = await told(RepositoryCheckSettings(command=(command,)))
    assert found.available is None
    assert found.error.startswith("restic could not be run: ")


async def test_a_program_that_is_not_there() -> None:
    findings = await asked(RepositoryCheckSettings(command=("no-such-program",)), message(FAILED), {})
    assert findings.notes["repository_check"] == ("no-such-program cannot be run: No such file or directory",)
    assert findings.failed == ("repository_check",)


async def test_no_secret_is_told(tmp_path: Path) -> None:
    """A password of ours at the very place where the text is cut, one in a URL, and a key."""
    secret = "fake-" + "secret" * 10
    noise = "x" * 1460
    command = script(
        tmp_path / "command",
        f"""echo "$RESTIC_PASSWORD{noise}" >&2
echo "rest:https://user:fake-in-url@host/ AKIAFAKEFAKEFAKEFAKE" >&2; exit 1""",
    )
    to = RepositoryCheckSettings(command=(command,), secret_environment={"RESTIC_PASSWORD": secret})
    findings = await probed(to)
    text = repr(findings)
    assert "https://***@host/" in text
    for part in ("secretsecret", "fake-in-url", "AKIAFAKE"):
        assert part not in text
    assert secret not in repr(to)


def alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        os.kill(pid, 0)
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    return False


@pytest.fixture
def hanging(tmp_path: Path) -> tuple[str, Path]:
    """Return a command that starts a child and waits for it for ever, and the file with both their numbers."""
    pids = tmp_path / "pids"
    return script(
        tmp_path / "hanging", f"sleep 1000 &\necho $$ $! > {pids}.new; mv {pids}.new {pids}\nwait"
    ), pids


async def test_what_lasts_too_long_is_killed_with_all_it_started(hanging: tuple[str, Path]) -> None:
    command, pids = hanging
    found = await told(RepositoryCheckSettings(command=(command,), probe_timeout_seconds=0.5))
    assert found == RepositoryFinding(name="restic", available=False, error="restic did not answer in time")
    numbers = [int(text) for text in pids.read_text().split()]
    wait_until(lambda: not any(alive(pid) for pid in numbers), "both are gone")


async def test_when_nobody_waits_any_more_it_is_killed(hanging: tuple[str, Path]) -> None:
    command, pids = hanging
    enricher = RepositoryCheckSettings(command=(command,)).open()
    task = asyncio.create_task(enricher.find(message(FAILED), {}))
    await asyncio.to_thread(wait_until, pids.exists, "it runs")
    numbers = [int(text) for text in pids.read_text().split()]
    assert all(alive(pid) for pid in numbers)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    wait_until(lambda: not any(alive(pid) for pid in numbers), "both are gone")


async def test_modules_wait_for_one_another_within_the_time(tmp_path: Path) -> None:
    runagent = script(tmp_path / "runagent", "sleep 1000")
    to = RepositoryCheckSettings(
        command=(runagent, "{module}"), timeout_seconds=1, probe_timeout_seconds=45, parallel=1
    )
    findings = await asked(
        to, message(NS8), judged(about=NS8, outcomes={"mail1": "failed", "shop1": "failed"})
    )
    assert findings.notes["repository_check"] == ("no time was left to probe shop1",)
    assert finding(findings, "repository_check").alerts[NS8.fingerprint].repository == RepositoryFinding(
        name="mail1", available=False, error="restic did not answer in time"
    )


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("command: [restic, '{modul}']", "`command` may hold {module}, {backup} and {node}, not {modul}"),
        ("command: ['{']", "write {{ and }} for braces"),
        ("command: []", "command"),
        ("command: ['']", "`command` names no program"),
        (
            "environment: {RESTIC_PASSWORD: fake}",
            "`environment` shows its values: put RESTIC_PASSWORD into `secret_environment`",
        ),
        ("environment: {AWS_SECRET_ACCESS_KEY: fake}", "put AWS_SECRET_ACCESS_KEY into"),
        ("probe: []", "probe"),
    ],
)
def test_errors_of_the_configuration_show_the_place(text: str, wrong: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(f"relay:\n  enrichers:\n    - type: repository_check\n      {text}\n", "config.yaml")
    assert wrong in str(caught.value)
    assert caught.value.line in {3, 4}
    parse(
        "relay: {enrichers: [{type: repository_check, environment: {RESTIC_PASSWORD_FILE: /x}}]}",
        "config.yaml",
    )
