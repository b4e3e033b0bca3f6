"""Text that must not be seen: a string that does not print itself, and a filter for other people's messages."""

import re

MASK = "***"

_NAMED = re.compile(
    r"(?i)\b((?:[\w-]*(?:token|secret|passw(?:or)?d|api[-_]?key))|authorization|bearer|basic)"
    r"([\"']?\s*[:=]\s*[\"']?|\s+)(?:(?:bearer|basic)\s+)?[^\s\"',;]+"
)
_LONG = re.compile(r"(?<![\w+/=.-])(?!/)[\w+/=.-]{40,}")
_USERINFO = re.compile(r"(?<=://)[^\s/@]+@")


class Secret(str):
    """A string whose `repr`, `str` and formatted form are `***`; `reveal` gives the text.

    It is a `str`, so that a field annotated `str` decodes from plain text without a hook.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def reveal(self) -> str:
        """Return the text itself, as an ordinary string."""
        return str.__str__(self)


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
