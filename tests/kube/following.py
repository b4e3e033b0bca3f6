"""Follows a reflector for a while, and writes down what it told."""

import asyncio
from collections.abc import Callable

from backup_sentinel.errors import ApiError
from backup_sentinel.kube.change import Change, Contact, Gone, Listed, Missing, Outage, Put
from backup_sentinel.kube.reflector import Reflector
from backup_sentinel.kube.resource import ResourceType

VELERO_BACKUPS = ResourceType("velero.io", ("v1",), "backups")

MakeReflector = Callable[..., Reflector[str]]


async def take(reflector: Reflector[str], count: int) -> list[Change[str]]:
    """Return the first changes, and close."""
    found: list[Change[str]] = []
    changes = reflector.changes()
    try:
        async with asyncio.timeout(10):
            async for change in changes:
                found.append(change)
                if len(found) == count:
                    break
    finally:
        await changes.aclose()
    return found


def brief(changes: list[Change[str]]) -> list[str]:
    """Write changes in short: [a b] is a whole list, [a and b] its halves, +a -a events, . contact, ! outage, 0 missing."""
    return [_brief(change) for change in changes]


def _brief(change: Change[str]) -> str:
    match change:
        case Listed(values, first, complete):
            return ("[" if first else "") + " ".join(values) + ("]" if complete else "")
        case Put(value):
            return f"+{value}"
        case Gone(value):
            return f"-{value}"
        case Contact():
            return "."
        case Outage(ApiError() as error):
            return f"!{error.reason}"
        case Missing():
            return "0"
    raise AssertionError(change)
