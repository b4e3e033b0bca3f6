"""Restores of runs that are not known: of another cluster that is still to be listed, or found in a bucket later on."""

KEPT = 1000
"""So many of the newest are kept at least. One that is waited for is among them, since runs become known within minutes;
one of a run that is gone for good would stay for ever, and there is one of these for each restore test."""


class Restores:
    """When runs were restored, by their names; Unix seconds. Twice `KEPT` at most."""

    def __init__(self) -> None:
        self._clocks: dict[str, float] = {}

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._clocks)

    def put(self, name: str, clock: float) -> None:
        """Remember a restore of a run; of several the newest."""
        self._clocks[name] = max(clock, self._clocks.get(name, clock))
        if len(self._clocks) > 2 * KEPT:
            newest = sorted(self._clocks, key=lambda known: (self._clocks[known], known))[-KEPT:]
            self._clocks = {known: self._clocks[known] for known in newest}

    def pop(self, name: str) -> float | None:
        """Return when a run was restored, and forget it; None if it was not."""
        return self._clocks.pop(name, None)
