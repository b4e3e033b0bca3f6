"""Time as a value that is handed in, so that tests and the demo can have their own."""

import asyncio
import time


class Clock:
    """The wall clock of this process."""

    def now(self) -> float:
        """Return Unix time in seconds."""
        return time.time()

    def wall(self, instant: float) -> float:
        """Return an instant of this clock as the system's clock has it now, for those who compare it with their own."""
        return instant

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of this clock."""
        await asyncio.sleep(max(0.0, seconds))
