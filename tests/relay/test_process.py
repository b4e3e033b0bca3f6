"""Programs that the relay runs: their ends, their outputs, and their input."""

from __future__ import annotations

import pytest

from backup_sentinel.relay.process import Outcome, ProcessError, run


async def test_what_it_writes_and_how_it_ends() -> None:
    command = ["/bin/sh", "-c", 'cat; echo "$FRUIT" >&2; exit 3']
    outcome = await run(command, seconds=30, environment={"FRUIT": "pear"}, text="grüße".encode())
    assert outcome == Outcome(3, "grüße", "pear\n")


async def test_without_an_input_there_is_none() -> None:
    assert await run(["cat"], seconds=30) == Outcome(0)


async def test_of_much_the_end_is_kept() -> None:
    command = ["/bin/sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x; echo end"]
    outcome = await run(command, seconds=30)
    assert outcome.code == 0
    assert len(outcome.output) == 65536
    assert outcome.output.endswith("xend\n")


async def test_one_that_does_not_read_its_input_may_end() -> None:
    assert await run(["true"], seconds=30, text=b"x" * 5_000_000) == Outcome(0)


@pytest.mark.parametrize("command", [["no-such-program"], ["/"], ["a\0b"]])
async def test_one_that_cannot_be_started(command: list[str]) -> None:
    with pytest.raises(ProcessError, match="cannot be run"):
        await run(command, seconds=30)
