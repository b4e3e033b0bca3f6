"""What restic says of a repository: whether it opens, and whether locks keep backups out.

Nothing is written: with `--no-lock` a probe that is killed leaves no lock behind that would stop the next backup. Exit
codes 10, 11 and 12 are those of restic 0.17 and newer (its manual, "Scripting"); before, there is 1 and the text.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from backup_sentinel.relay.process import Outcome

_MOST_LOCKS = 3
_LONGEST = 1500
"""Characters of restic's text that are kept."""
_LOCKS = ("list", "locks", "--no-lock")
_ID = re.compile(r"[0-9a-f]{8,64}")

Restic = Callable[[Sequence[str]], Awaitable[Outcome]]
"""Runs restic with arguments."""


class Problem(StrEnum):
    """Why a repository cannot be used."""

    NO_REPOSITORY = "no_repository"
    LOCKED = "locked"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a name
    TIMEOUT = "timeout"
    NOT_RUN = "not_run"
    """restic itself was not reached: nothing is known of the repository."""
    OTHER = "other"


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about one repository."""

    available: bool | None
    """None where restic itself could not be run."""
    problem: Problem | None = None
    error: str = ""
    """restic's text, without credentials."""


class _Lock(msgspec.Struct, frozen=True):
    """A lock as restic keeps it (internal/restic/lock.go)."""

    time: datetime
    exclusive: bool = False
    hostname: str = "?"
    username: str = "?"
    pid: int = 0


_NOT_RUN = re.compile(r"Cannot find environment for module|command not found|executable file not found")
"""What wrappers say that cannot start restic, besides the exit codes 125 to 127 of shells and containers."""
_CODES = {10: Problem.NO_REPOSITORY, 11: Problem.LOCKED, 12: Problem.WRONG_PASSWORD}
_TEXTS = (
    (re.compile(r"wrong password or no key found", re.IGNORECASE), Problem.WRONG_PASSWORD),
    (re.compile(r"repository is already locked|unable to create lock", re.IGNORECASE), Problem.LOCKED),
    (
        re.compile(
            r"no such file or directory|does not exist|NoSuchBucket|unable to open config file: .*not found"
            r"|config file: .*\b404\b",
            re.IGNORECASE,
        ),
        Problem.NO_REPOSITORY,
    ),
)


async def probe(restic: Restic, opening: Sequence[str], *, locks: bool, clean: Callable[[str], str]) -> Probe:
    """Open a repository with the arguments `opening`, then look for locks. `clean` hides secrets."""
    outcome = await restic(opening)
    if outcome.code != 0:
        return _failed(outcome, clean)
    if not locks:
        return Probe(available=True)
    listed = await restic(_LOCKS)
    if listed.code != 0:
        return _failed(listed, clean)
    found = [line for line in listed.output.split() if _ID.fullmatch(line)]
    told = [_tell(await restic(("cat", "lock", name, "--no-lock"))) for name in found[:_MOST_LOCKS]]
    exclusive = [text for lock, text in told if lock is None or lock.exclusive]
    error = "\n".join(exclusive or [text for _, text in told if text])
    if len(found) > _MOST_LOCKS:
        error += f"\n{len(found) - _MOST_LOCKS} more locks"
    if any(lock is not None and lock.exclusive for lock, _ in told):
        return Probe(available=False, problem=Problem.LOCKED, error=error)
    return Probe(available=True, error=error)


def _failed(outcome: Outcome, clean: Callable[[str], str]) -> Probe:
    if outcome.code is None:
        return Probe(available=False, problem=Problem.TIMEOUT, error="restic did not answer in time")
    text = clean(outcome.errors.strip() or outcome.output.strip())[-_LONGEST:]
    told = text or f"restic ended with {outcome.code} and no text"
    if outcome.code in {125, 126, 127} or _NOT_RUN.search(text):
        return Probe(available=None, problem=Problem.NOT_RUN, error=f"restic could not be run: {told}")
    named = [problem for pattern, problem in _TEXTS if pattern.search(text)]
    problem = _CODES.get(outcome.code) or (named[0] if named else Problem.OTHER)
    return Probe(available=False, problem=problem, error=told)


def _tell(outcome: Outcome) -> tuple[_Lock | None, str]:
    """Return a lock and a sentence about it; no sentence for one that has gone meanwhile."""
    try:
        lock = msgspec.json.decode(outcome.output, type=_Lock) if outcome.code == 0 else None
    except msgspec.MsgspecError:
        return None, "a lock that cannot be read"
    if lock is None:
        return None, ""
    since = lock.time.strftime("%Y-%m-%d %H:%M %Z").strip()
    kind = "locked exclusively" if lock.exclusive else "locked against forget and prune"
    return lock, (
        f"repository is {kind} by process {lock.pid} of {lock.username} on {lock.hostname}, since {since}; "
        "`restic unlock` removes a lock that was left behind"
    )
