"""An outbox over a file of its own, under a clock that the test turns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backup_sentinel.relay.outbox import Outbox
from relay.kit import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def outbox(tmp_path: Path, clock: HandClock) -> AsyncIterator[Outbox]:
    outbox = Outbox.open(str(tmp_path / "relay.db"), clock)
    yield outbox
    await outbox.close()
