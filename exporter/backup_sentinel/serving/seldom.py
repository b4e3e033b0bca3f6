"""Log lines that a client can cause: at most one a minute of each kind, with the number of those left out."""

import logging
import time


class Seldom:
    """Writes a kind of line once per interval, so that a hostile client fills no disk."""

    def __init__(self, log: logging.Logger, interval: float = 60.0) -> None:
        self._log = log
        self._interval = interval
        self._last: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def tell(self, message: str, **fields: object) -> None:
        """Write a warning unless the same one was written within the interval; messages are a closed list."""
        now = time.monotonic()
        last = self._last.get(message)
        if last is not None and now - last < self._interval:
            self._left_out[message] = self._left_out.get(message, 0) + 1
            return
        self._last[message] = now
        self._log.warning(message, extra={**fields, "left_out": self._left_out.pop(message, 0)})
