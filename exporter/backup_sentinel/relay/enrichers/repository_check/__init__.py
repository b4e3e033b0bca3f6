"""Can the repository be opened at all? `restic` itself is asked, when some or all of a backup failed."""

import asyncio
import re
import string
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

import msgspec

from backup_sentinel.cause.secret import redact
from backup_sentinel.errors import EnrichmentError
from backup_sentinel.relay.enrichers.enricher import Enricher, EnricherSettings, Seconds, Stage
from backup_sentinel.relay.finding import (
    SUCCEEDED,
    AlertFinding,
    Finding,
    RepositoryFinding,
    Verdict,
    read,
)
from backup_sentinel.relay.message import Alert, Message
from backup_sentinel.relay.process import Outcome, ProcessError, run
from backup_sentinel.secret import SecretText, mask, reveal

from .restic import Probe, probe

Count = Annotated[int, msgspec.Meta(ge=1, le=100)]
Arguments = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]

BLANKS = frozenset({"module", "backup", "node"})
"""What a command may leave open."""
_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What may be filled in: nothing that a program would take for an option or a path."""
_SECRET = re.compile(r"(?i)(?:PASSWORD|PASSPHRASE|SECRET|TOKEN|_KEY)$")
"""Names of variables that hold a secret, such as RESTIC_PASSWORD and AWS_SECRET_ACCESS_KEY, and not RESTIC_PASSWORD_FILE."""
_RESERVE = 0.9
"""Share of the time limit that probes may use, so that what they found is told."""


class RepositoryCheckSettings(EnricherSettings, frozen=True, kw_only=True, tag="repository_check"):
    """Runs `restic` when a backup failed in part or whole, and tells what it says."""

    stage: ClassVar[Stage] = Stage.PROBE
    timeout_seconds: Seconds = 60.0
    concurrency: Annotated[int, msgspec.Meta(ge=1)] = 1
    command: Arguments = ("restic",)
    """Program and arguments in front of those of restic; no shell. `{backup}` and `{node}` are filled in out of the alert,
    with nothing where it does not say. With `{module}` it runs once for each module that failed, and not without one."""
    probe: Arguments = ("cat", "config", "--no-lock")
    """Arguments of restic that open the repository. `--no-lock` writes nothing, so that a probe can leave no lock behind."""
    locks: bool = True
    """Look for locks of others as well (`restic list locks`)."""
    environment: dict[str, str] = msgspec.field(default_factory=dict)
    """Variables for the command beside those of the relay, such as RESTIC_REPOSITORY and RESTIC_PASSWORD_FILE."""
    secret_environment: dict[str, SecretText] = msgspec.field(default_factory=dict)
    """Variables that are secret, such as RESTIC_PASSWORD; they are hidden in what restic says."""
    repository: str = "restic"
    """What notifications call the repository, where the command names no module."""
    probe_timeout_seconds: Seconds = 45.0
    """Time for one run of the command, after which it is killed with all it has started."""
    most_modules: Count = 20
    """Modules that are probed for one message."""
    parallel: Count = 4
    """Probes of one message at the same time."""

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            open_ = {
                name
                for part in self.command
                for _, name, _, _ in string.Formatter().parse(part)
                if name is not None
            }
        except ValueError as error:
            raise ValueError(f"`command`: {error}; write {{{{ and }}}} for braces") from None
        if open_ - BLANKS:
            raise ValueError(
                f"`command` may hold {{module}}, {{backup}} and {{node}}, not {{{min(open_ - BLANKS)}}}"
            )
        if not self.command[0]:
            raise ValueError("`command` names no program")
        secret = [name for name in self.environment if _SECRET.search(name)]
        if secret:
            raise ValueError(f"`environment` shows its values: put {secret[0]} into `secret_environment`")

    def open(self) -> Enricher:
        """Return the enricher. Raises SecretError."""
        for value in self.secret_environment.values():
            reveal(value)
        return RepositoryCheck(self)


class RepositoryCheck:
    """Probes the repositories of a message, some at a time, each within its own time."""

    def __init__(self, settings: RepositoryCheckSettings) -> None:
        self._settings = settings
        self._blanks = {
            name for part in settings.command for _, name, _, _ in string.Formatter().parse(part) if name
        }

    async def find(self, message: Message, facts: Mapping[str, Any]) -> Finding | None:
        """Return what restic says; None where nothing failed. Raises EnrichmentError, SecretError."""
        known = read(facts)
        verdicts = [finding.verdict for finding in known.values() if finding.verdict is not None]
        if Verdict.SUCCESS in verdicts or not (verdicts or message.firing):
            return None
        wanted: dict[tuple[str, ...], _Wanted] = {}
        notes: list[str] = []
        for alert in message.firing or message.alerts:
            commands = self._commands(alert, known)
            for command, name in commands.items():
                wanted.setdefault(command, _Wanted(name, [])).alerts.append(alert.fingerprint)
            if not commands:
                notes.append("no repository was probed: it is not known which module failed")
        chosen = dict(list(wanted.items())[: self._settings.most_modules])
        if len(chosen) < len(wanted):
            notes.append(f"only {len(chosen)} of {len(wanted)} repositories were probed")
        probes = await self._probe(chosen)
        late = [one.name for command, one in chosen.items() if command not in probes]
        if late:
            notes.append(f"no time was left to probe {', '.join(late)}")
        return Finding(
            alerts=_by_alert(chosen, probes),
            notes=tuple(dict.fromkeys(notes)),
            details={
                "probes": [
                    {"name": chosen[command].name, **msgspec.to_builtins(found)}
                    for command, found in probes.items()
                ]
            },
        )

    async def close(self) -> None:
        """Every probe has ended with its question."""

    def _commands(self, alert: Alert, known: Mapping[str, Finding]) -> dict[tuple[str, ...], str]:
        """Return the commands for an alert, and what each is about."""
        if "module" not in self._blanks:
            return {self._fill(alert, ""): self._settings.repository}
        failed = [name for name in _failed(alert, known) if _VALUE.fullmatch(name)]
        return {self._fill(alert, name): name for name in failed}

    def _fill(self, alert: Alert, module: str) -> tuple[str, ...]:
        """Return the command for a module. Raises EnrichmentError for a label that is no plain word."""
        labels = alert.labels
        values = {
            "module": module,
            "backup": labels.get("backup_id") or labels.get("id", ""),
            "node": labels.get("node", ""),
        }
        for name in sorted(self._blanks):
            if values[name] and not _VALUE.fullmatch(values[name]):
                raise EnrichmentError(f"the label for {{{name}}} cannot stand in a command")
        return tuple(part.format(**values) for part in self._settings.command)

    async def _probe(self, commands: Mapping[tuple[str, ...], Any]) -> dict[tuple[str, ...], Probe]:
        """Return what each command found; those for which no time was left are not in it. Raises EnrichmentError."""
        settings = self._settings
        secrets = {name: reveal(value) for name, value in settings.secret_environment.items()}
        environment = {**settings.environment, **secrets}
        loop = asyncio.get_running_loop()
        end = loop.time() + settings.timeout_seconds * _RESERVE
        gate = asyncio.Semaphore(settings.parallel)

        def clean(text: str) -> str:
            return redact(mask(text, iter(secrets.values())))

        async def one(command: tuple[str, ...]) -> Probe | None:
            async with gate:
                until = min(loop.time() + settings.probe_timeout_seconds, end)
                if until <= loop.time():
                    return None

                async def restic(arguments: Sequence[str]) -> Outcome:
                    left = max(0.0, until - loop.time())
                    return await run((*command, *arguments), seconds=left, environment=environment)

                return await probe(restic, settings.probe, locks=settings.locks, clean=clean)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = {command: group.create_task(one(command)) for command in commands}
        except* ProcessError as errors:
            raise EnrichmentError(str(errors.exceptions[0])) from None
        return {command: found for command, task in tasks.items() if (found := task.result()) is not None}


class _Wanted(NamedTuple):
    name: str
    """What notifications call it."""
    alerts: list[str]
    """Fingerprints."""


def _failed(alert: Alert, known: Mapping[str, Finding]) -> list[str]:
    """Return the names of the parts that did not succeed."""
    parts = [
        part
        for finding in known.values()
        if alert.fingerprint in finding.alerts
        for part in finding.alerts[alert.fingerprint].parts
    ]
    return list(dict.fromkeys(part.name for part in parts if part.outcome != SUCCEEDED))


def _by_alert(
    chosen: Mapping[tuple[str, ...], _Wanted], probes: Mapping[tuple[str, ...], Probe]
) -> dict[str, AlertFinding]:
    """Return for each alert one finding about its repositories; what is wrong with several is told line by line."""
    found: dict[str, list[tuple[str, Probe]]] = {}
    for command, answer in probes.items():
        for fingerprint in chosen[command].alerts:
            found.setdefault(fingerprint, []).append((chosen[command].name, answer))
    return {
        fingerprint: AlertFinding(repository=_together(several)) for fingerprint, several in found.items()
    }


def _together(several: Sequence[tuple[str, Probe]]) -> RepositoryFinding:
    bad = [(name, found) for name, found in several if found.available is False]
    unsure = [(name, found) for name, found in several if found.available is None]
    shown = bad or unsure or several
    texts: dict[str, list[str]] = {}
    for name, found in shown:
        if found.error:
            texts.setdefault(found.error, []).append(name)
    if len(texts) > 1 or (texts and len(shown) > sum(map(len, texts.values()))):
        error = "\n".join(f"{', '.join(names)}: {text}" for text, names in texts.items())
    else:
        error = next(iter(texts), "")
    available = False if bad else None if unsure else True
    return RepositoryFinding(name=", ".join(name for name, _ in shown), available=available, error=error)
