"""A mail channel, and how far to look back, from the variables of a Kasten alerter.

    SMTP_HOST              name of the mail server; with it there is a channel `mail`
    SMTP_PORT              587 unless given, with STARTTLS; 465 means TLS from the start
    SMTP_USER              user to log in as; nobody unless given
    SMTP_PASSWORD          belongs to it
    ALERT_FROM             sender
    ALERT_TO               recipients, with commas between them
    ALERT_SUBJECT_PREFIX   stands before each subject
    LOOKBACK_HOURS         2 unless given

An empty variable counts as none. A channel `mail` of the configuration wins. Variables of clusters: `fleet/environment.py`.
"""

import os
import re
from collections.abc import Mapping

from backup_sentinel.fleet.error import SettingError
from backup_sentinel.relay.channels import ChannelSettings
from backup_sentinel.relay.channels.email import EmailSettings

NAME = "mail"
"""Name of the channel."""
IMPLICIT = 465
"""Port of mail by TLS from the start (RFC 8314)."""
_HOST = re.compile(r"[\w.-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_NUMBER = re.compile(r"[0-9.]+")


def mail(environ: Mapping[str, str] = os.environ) -> ChannelSettings | None:
    """Return the mail channel that the variables describe; None without SMTP_HOST. Raises SettingError."""
    found = {name: value.strip() for name, value in environ.items() if value.strip()}
    if "SMTP_HOST" not in found:
        for name in ("ALERT_FROM", "ALERT_TO"):
            if name in found:
                raise SettingError("SMTP_HOST", f"is missing, but {name} is set", hint="name the mail server")
        return None
    if not _HOST.fullmatch(found["SMTP_HOST"]):
        raise SettingError(
            "SMTP_HOST",
            f"{found['SMTP_HOST']!r} is no name or address of a host",
            hint="the port goes into SMTP_PORT",
        )
    for name in ("ALERT_FROM", "ALERT_TO"):
        if name not in found:
            raise SettingError(name, "is missing, but SMTP_HOST is set", hint="give a mail address")
    for name, other in (("SMTP_USER", "SMTP_PASSWORD"), ("SMTP_PASSWORD", "SMTP_USER")):
        if name in found and other not in found:
            raise SettingError(other, f"is missing, but {name} is set", hint="they go together")
    port = _port(found.get("SMTP_PORT", "587"))
    try:
        return EmailSettings(
            name=NAME,
            host=found["SMTP_HOST"],
            port=port,
            encryption="tls" if port == IMPLICIT else "starttls",
            username=found.get("SMTP_USER"),
            password=found.get("SMTP_PASSWORD"),
            from_=found["ALERT_FROM"],
            to=_addresses(found["ALERT_TO"]),
            subject_prefix=f"{found['ALERT_SUBJECT_PREFIX']} " if "ALERT_SUBJECT_PREFIX" in found else "",
        )
    except ValueError as error:
        raise SettingError("ALERT_FROM, ALERT_TO, ALERT_SUBJECT_PREFIX", str(error)) from None


def lookback(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return how far to look back as a duration; None where the environment does not say. Raises SettingError."""
    text = environ.get("LOOKBACK_HOURS", "").strip()
    if not text:
        return None
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not (_NUMBER.fullmatch(text) and 1 / 3600 <= hours < 1e6):
        raise SettingError(
            "LOOKBACK_HOURS", f"{text!r} is no number of hours above zero", hint="write for example 2"
        )
    return f"{hours * 3600:.0f}s"


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise SettingError("SMTP_PORT", f"{text!r} is no port", hint="587, 465 and 25 are usual")
    return int(text)


def _addresses(text: str) -> tuple[str, ...]:
    found = tuple(one.strip() for one in text.split(",") if one.strip())
    if not found:
        raise SettingError("ALERT_TO", "holds no address", hint="write addresses with commas between them")
    return found
