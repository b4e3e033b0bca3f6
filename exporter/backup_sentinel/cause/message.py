"""A message of an operator as it may be kept and shown: without secrets, and not longer than a page."""

from functools import lru_cache

from .secret import redact

LONGEST = 4096
"""Characters that are kept of a message."""
_READ = 16_384
"""Characters that are looked at: an operator may put a whole log into a status."""


def tell(text: str) -> str | None:
    """Return the text without secrets, surrounding space and what is beyond `LONGEST`; None where nothing is left."""
    return (_told(text) if len(text) <= LONGEST else _clean(text)) or None


def _clean(text: str) -> str:
    return redact(text[:_READ]).strip()[:LONGEST]


_told = lru_cache(512)(_clean)
