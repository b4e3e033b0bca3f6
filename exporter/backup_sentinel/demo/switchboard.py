"""Which faults of a simulated API server are switched on, and how often each has struck."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from .faults import Fault


class ActiveFault(msgspec.Struct, eq=False):
    """A fault that was switched on: how many requests matched, and how many it struck."""

    fault: Fault
    seen: int = 0
    struck: int = 0

    def strikes(self, verb: str, resource: str) -> bool:
        """Count a request and return whether the fault strikes it."""
        if not self.fault.matches(verb, resource):
            return False
        self.seen += 1
        if self.seen < self.fault.nth or (self.fault.times is not None and self.struck >= self.fault.times):
            return False
        self.struck += 1
        return True


class Faults:
    """The faults of one server that are switched on."""

    def __init__(self) -> None:
        self._active: list[ActiveFault] = []

    def add(self, fault: Fault) -> ActiveFault:
        """Switch a fault on; the result counts, and is what `remove` wants."""
        active = ActiveFault(fault)
        self._active.append(active)
        return active

    def remove(self, active: ActiveFault) -> None:
        """Switch a fault off; streams that it has in hand stay as they are."""
        if active in self._active:
            self._active.remove(active)

    def clear(self) -> None:
        """Switch all faults off."""
        self._active.clear()

    @contextmanager
    def active(self, fault: Fault) -> Iterator[ActiveFault]:
        """Switch a fault on for a block."""
        active = self.add(fault)
        try:
            yield active
        finally:
            self.remove(active)

    def strike(self, verb: str, resource: str) -> list[Fault]:
        """Return the faults that strike this request, in the order in which they were added."""
        return [active.fault for active in self._active if active.strikes(verb, resource)]
