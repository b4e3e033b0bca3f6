"""Instants, durations and sizes for people, and text that cannot harm whoever shows it."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime

NOTHING = "—"

_HARMLESS = frozenset("\n\t")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def plain(text: str, *, lines: bool = False) -> str:
    r"""Return a text with everything that is invisible or commands a terminal written out, such as `\x1b` or `\u202e`.

    Those are control characters, and those that turn the direction of writing or have no width (general categories
    Cc, Cf, Cs, Zl, Zp of Unicode). With `lines` line ends and tabs stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _written(char)
        if unicodedata.category(char) in _INVISIBLE and not (lines and char in _HARMLESS)
        else char
        for char in text
    )


def _written(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def instant(at: float | None) -> str:
    """Return a time in UTC, to the minute."""
    if at is None:
        return NOTHING
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return NOTHING  # beyond the calendar


def iso(at: float) -> str:
    """Return a time as RFC 3339, for machines; "" beyond the calendar."""
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return ""


def span(seconds: float | None) -> str:
    """Return a duration in its two largest units, such as `3d 4h`."""
    if seconds is None:
        return NOTHING
    rest = int(abs(seconds))
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, length)
        if count or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def size(count: float | None) -> str:
    """Return a number of bytes in binary units."""
    if count is None:
        return NOTHING
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} PiB"


def when(at: float | None, now: float) -> str:
    """Return how long ago or ahead an instant is, for people."""
    if at is None:
        return "never"
    return f"{span(now - at)} ago" if at <= now else f"in {span(at - now)}"


def owed(at: float | None, now: float) -> str:
    """Return when a slot is, or how long ago it should have been; "" where none is owed."""
    if at is None:
        return ""
    return f"was due {span(now - at)} ago" if at <= now else f"in {span(at - now)}"


def few(names: Sequence[str], most: int = 4) -> str:
    """Return names with commas; of many only the first ones, and how many more there are."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"


def number(count: float) -> str:
    """Return a count with thin groups of three digits."""
    return f"{count:,.0f}".replace(",", "\u202f") if count == int(count) else f"{count:g}"
