"""The log channel: one JSON object per line, whatever the alert says."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from backup_sentinel.errors import DeliveryReason
from backup_sentinel.relay.channels import kinds
from backup_sentinel.relay.channels.log import LogChannel, LogSettings
from backup_sentinel.relay.rendering import Rendering, samples
from relay.channels.suite import fresh, refused, renew


async def test_each_message_is_a_line(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        channel = LogChannel(out.fileno())
        wanted = [renew(sample, number) for number, sample in enumerate(samples())]
        await asyncio.gather(*(channel.send(one, channel.render(one)) for one in wanted))
        await channel.close()
    lines = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert sorted(line["id"] for line in lines) == [one.id for one in wanted]
    assert {line["status"] for line in lines} == {"firing", "resolved"}


async def test_it_writes_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    channel = LogSettings(name="log").open(Rendering())
    await channel.send(fresh(1), channel.render(fresh(1)))
    [line] = capfd.readouterr().out.splitlines()
    assert json.loads(line)["id"] == fresh(1).id


async def test_an_output_that_is_full_is_tried_again() -> None:
    with Path("/dev/full").open("wb") as full:  # noqa: ASYNC230 - a device that answers at once
        error = await refused(LogChannel(full.fileno()), fresh(1))
    assert (error.reason, error.retry) == (DeliveryReason.UNREACHABLE, True)


def test_it_is_there_without_being_asked_for() -> None:
    assert kinds()["log"] is LogSettings
