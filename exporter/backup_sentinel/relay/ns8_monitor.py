"""A configuration of ns8-backup-monitor, key by key, and the relay's settings that do the same."""

from typing import Annotated, Any

import msgspec
import yaml

from backup_sentinel.document import Document
from backup_sentinel.document import Path as Place

from .enrichers.ns8 import ALERTS
from .mail import address

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Wait = Annotated[float, msgspec.Meta(ge=0, le=600)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]

_LEVELS = {
    "debug": "debug",
    "info": "info",
    "warning": "warning",
    "warn": "warning",
    "error": "error",
    "critical": "error",
    "fatal": "error",
}
_READ, _SPARE, _LONGEST = 10.0, 10.0, 600.0
"""Seconds for Redis, seconds beside all limits, and the longest that a message may wait."""
_HEAD = """\
# Made of {file} by `backup-sentinel import-ns8`. Alertmanager posts to http://{listen}/alertmanager
"""


class Mail(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `mail`."""

    from_: str = msgspec.field(name="from")
    to: str | tuple[str, ...]
    subject_prefix: str = ""


class Receiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `receiver`."""

    host: str = "127.0.0.1"
    port: Port = 9099


class Correlator(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `correlator`."""

    wait_seconds: Wait = 30.0
    recent_window: Seconds = 3600.0


class Redis(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `redis`."""

    socket: str | None = None


class RepoCheck(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `repo_check`."""

    enabled: bool = True
    timeout: Annotated[float, msgspec.Meta(gt=0, le=480)] = 60.0


class Logging(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `logging`."""

    level: str = "info"
    file: str | None = None


class Monitor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole configuration."""

    mail: Mail
    receiver: Receiver = Receiver()
    correlator: Correlator = Correlator()
    redis: Redis = Redis()
    repo_check: RepoCheck = RepoCheck()
    logging: Logging = Logging()


def translate(text: str, file: str) -> str:
    """Return the relay's configuration for one of ns8-backup-monitor. Raises DocumentError, which shows the place."""
    document = Document(text, file)
    monitor = document.convert(Monitor)
    to, from_ = _recipients(document, monitor.mail), _address(document, monitor.mail.from_, ("mail", "from"))
    level = _LEVELS.get(monitor.logging.level.strip().lower())
    if level is None:
        raise document.error(
            f"{monitor.logging.level!r} is no level",
            ("logging", "level"),
            hint=f"valid: {', '.join(_LEVELS)}",
        )
    prefix = monitor.mail.subject_prefix
    if not prefix.isprintable():
        raise document.error("holds a character that a subject must not", ("mail", "subject_prefix"))
    host = monitor.receiver.host
    listen = f"{f'[{host}]' if ':' in host else host}:{monitor.receiver.port}"
    settings: dict[str, Any] = {
        "log": {"level": level},
        "web": {"listen": listen},
        "relay": {
            "channels": [
                {
                    "type": "sendmail",
                    "name": "mail",
                    "interface": "ns8-sendmail",
                    "command": ["runagent", "ns8-sendmail"],
                    "from": from_,
                    "to": to,
                    **({"subject_prefix": f"{prefix.rstrip()} "} if prefix.strip() else {}),
                }
            ],
            "enrichment": {"longest_seconds": _longest(monitor)},
            "enrichers": _enrichers(monitor),
        },
    }
    notes = _HEAD.format(file=file.replace("\n", " "), listen=listen)
    if monitor.logging.file:
        notes += (
            f"# `logging.file: {monitor.logging.file!r}` has no setting here: the log goes to standard error, and under\n"
            "# systemd to the journal (journalctl -u backup-sentinel-relay).\n"
        )
    return notes + yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=110)


def _enrichers(monitor: Monitor) -> list[dict[str, Any]]:
    """Return the readers, the judge and, where it is switched on, the probe."""
    found: list[dict[str, Any]] = [
        {
            "type": "ns8",
            **({"socket": monitor.redis.socket} if monitor.redis.socket else {}),
            "recent_window_seconds": _short(monitor.correlator.recent_window),
        },
        {
            "type": "correlation",
            "filter": {"matchers": [ALERTS]},
            "settle_seconds": _short(monitor.correlator.wait_seconds),
        },
    ]
    if monitor.repo_check.enabled:
        found.append(
            {
                "type": "repository_check",
                "filter": {"matchers": [ALERTS]},
                "command": ["runagent", "-m", "{module}", "restic-wrapper", "--backup={backup}"],
                "probe_timeout_seconds": _short(monitor.repo_check.timeout),
                "timeout_seconds": _short(monitor.repo_check.timeout * 1.25),
            }
        )
    return found


def _longest(monitor: Monitor) -> float:
    probing = monitor.repo_check.timeout * 1.25 if monitor.repo_check.enabled else 0.0
    return _short(min(monitor.correlator.wait_seconds + _READ + probing + _SPARE, _LONGEST))


def _short(seconds: float) -> float:
    """Return a number as a person would write it."""
    return int(seconds) if seconds == int(seconds) else round(seconds, 3)


def _recipients(document: Document, mail: Mail) -> list[str]:
    """Return the recipients, of a list or of a text with commas. Raises DocumentError."""
    if isinstance(mail.to, str):
        named = [part.strip() for part in mail.to.split(",") if part.strip()]
        found = [_address(document, part, ("mail", "to")) for part in named]
    else:
        found = [_address(document, part, ("mail", "to", index)) for index, part in enumerate(mail.to)]
    if not found:
        raise document.error("names nobody", ("mail", "to"))
    return found


def _address(document: Document, text: str, place: Place) -> str:
    try:
        found = address(text)
    except ValueError as error:
        raise document.error(str(error), place) from None
    if found.addr_spec.startswith("-"):
        raise document.error(f"{text!r} would be an option of the program", place)
    return text.strip()
