"""Text that must not be seen: a string that does not print itself, and a filter for other people's messages."""

import re

from backup_sentinel.secret import MASK, Secret

__all__ = ["MASK", "Secret", "redact"]

_NAMED = re.compile(
    r"(?i)\b((?:[\w-]*(?:token|secret|passw(?:or)?d|api[-_]?key))|authorization|bearer|basic)"
    r"([\"']?\s*[:=]\s*[\"']?|\s+)(?:(?:bearer|basic)\s+)?[^\s\"',;]+"
)
_LONG = re.compile(r"(?<![\w+/=.-])(?!/)[\w+/=.-]{40,}")
_USERINFO = re.compile(r"(?<=://)[^\s/@]+@")


def redact(text: str, limit: int = 300) -> str:
    """Return the last `limit` characters of `text` on one line, without what looks like a credential.

    Made for the output of programs we start (plugins, libraries): named secrets, user information in
    URLs and long runs without a space are masked. Paths stay readable.
    """
    line = " ".join(text.split())
    line = _USERINFO.sub(f"{MASK}@", line)
    line = _NAMED.sub(rf"\1\2{MASK}", line)
    line = _LONG.sub(MASK, line)
    return line if len(line) <= limit else "..." + line[-limit:]
