"""What enrichers add to a delivery. They may add, never stop it: one that fails, or takes too long, leaves a note."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Protocol

from backup_sentinel.relay.message import Message

_log = logging.getLogger("backup_sentinel.relay")


class Enricher(Protocol):
    """Finds something out about a message, just before it is sent."""

    name: str
    """Under this name templates find it, in `facts`."""

    async def find(self, message: Message) -> Any:
        """Return what was found, made of plain values; None for nothing. May raise whatever it likes."""


async def enrich(
    message: Message, enrichers: Sequence[Enricher], patience: float
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Ask all enrichers at once, at most so many seconds; return facts by name, and a note for each that failed."""
    facts: dict[str, Any] = {}
    notes: list[str] = []

    async def ask(enricher: Enricher) -> None:
        try:
            async with asyncio.timeout(patience):
                found = await enricher.find(message)
        except TimeoutError:
            notes.append(f"{enricher.name}: no answer within {patience:g} s")
        except Exception as error:  # noqa: BLE001 - the message goes out, whatever this is
            notes.append(f"{enricher.name}: failed ({type(error).__name__})")
            _log.warning("enricher failed", extra={"enricher": enricher.name, "error": type(error).__name__})
        else:
            if found is not None:
                facts[enricher.name] = found

    if enrichers:
        await asyncio.gather(*(ask(enricher) for enricher in enrichers))
    return facts, tuple(sorted(notes))
