"""Time as a value that is handed in, so that tests and the demo can have their own."""

import asyncio
import time


class Clock:
    """The wall clock of this process."""

    def now(self) -> float:
        """Return Unix time in seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of this clock."""
        await asyncio.sleep(max(0.0, seconds))
