"""The relay on a real file system that is full, or that the kernel has made read-only: refused is what cannot be kept."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backup_sentinel.clock import Clock
from backup_sentinel.relay.outbox import Outbox, OutboxError
from relay.kit import message
from relay.relay_process import Relay
from support.disk import Disk, MountError
from support.process import wait_until

PENDING = 'backup_sentinel_relay_pending_deliveries{channel="nowhere"}'
USABLE = "backup_sentinel_relay_outbox_usable"
NOWHERE = {
    "type": "webhook",
    "name": "nowhere",
    "url": "http://127.0.0.1:1/",
    "delivery": {"first_retry_seconds": 3600, "longest_retry_seconds": 3600},
}


def alert(number: int) -> dict[str, Any]:
    labels = {"alertname": "X", "number": str(number), "text": "x" * 2000}
    return {"alerts": [{"status": "firing", "labels": labels}]}


class Place(NamedTuple):
    """A relay on a disk that gets full and has room again."""

    relay: Relay
    fill: Callable[[], None]
    free: Callable[[], None]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    try:
        disk = Disk(tmp_path)
    except MountError as error:
        pytest.skip(f"no file system of one's own: {error}")
    yield disk
    disk.remove()


def on(disk: Disk, folder: Path) -> Relay:
    return Relay(folder, channels=[NOWHERE], outbox={"path": str(disk.folder / "relay.db")})


@pytest.fixture(params=["file system", "limit"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "file system":
        disk: Disk = request.getfixturevalue("disk")
        return Place(on(disk, tmp_path), disk.fill, disk.free)
    # Without the right to mount: the kernel refuses to let files of the process grow.
    relay = Relay(tmp_path, channels=[NOWHERE])

    def limit(size: int) -> None:
        _, most = resource.prlimit(relay.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(relay.pid, resource.RLIMIT_FSIZE, (size, most))

    return Place(relay, lambda: limit(1 << 16), lambda: limit(resource.RLIM_INFINITY))


def test_on_a_full_disk_nothing_is_acknowledged_that_is_not_kept(place: Place) -> None:
    with place.relay as relay:
        taken = 0
        while taken < 20:
            assert relay.ask("/alert", alert(taken)).status == 200
            taken += 1
        place.fill()
        # The journal has some room of its own.
        while (refused := relay.ask("/alert", alert(taken))).status == 200:
            taken += 1
            assert taken < 5000, "the disk never gets full"
        assert refused.status == 503
        assert refused.json["error"] == "the outbox cannot be written; try again later"
        assert refused.headers["retry-after"] == "5"
        assert relay.ask("/-/ready").status == 503
        assert relay.ask("/-/healthy").status == 200
        assert relay.ask("/alert", alert(taken + 1)).status == 503
        place.free()
        wait_until(lambda: relay.ask("/alert", alert(taken)).status == 200, "messages are taken again")
        taken += 1
        assert relay.ask("/-/ready").status == 200
        assert relay.value(USABLE) == 1
        assert relay.ask("/alert", alert(taken)).json["status"] == "accepted", "what was refused was not said"
        taken += 1
        assert relay.value(PENDING) == taken
        relay.stop()
        relay.start()
        assert relay.value(PENDING) == taken


START = """
import os, resource, sys
from backup_sentinel.clock import Clock
from backup_sentinel.relay.outbox import Outbox
if sys.argv[1] == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
elif os.geteuid() == 0:  # nothing is read-only for root
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
Outbox.open(sys.argv[2], Clock())
"""


@pytest.mark.parametrize(
    ("how", "why"), [("full", "cannot be used: "), ("denied", "cannot be written: Permission denied; set ")]
)
async def test_without_the_right_to_mount_a_start_says_as_much(how: str, why: str) -> None:
    with tempfile.TemporaryDirectory() as place:  # its parents can be read by everybody
        folder = Path(place)
        file = folder / "relay.db"
        outbox = Outbox.open(str(file), Clock())
        await outbox.put(message(), {"x": 10}, 300)
        await outbox.close()
        folder.chmod(0o555)
        command = [sys.executable, "-c", START, how, str(file)]
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, check=False, timeout=60
        )
        folder.chmod(0o755)
        assert done.returncode == 1
        assert f"OutboxError: the outbox {file} {why}" in done.stderr
        outbox = Outbox.open(str(file), Clock())
        assert (await outbox.pending()).waiting == {"x": 1}
        await outbox.close()


async def test_on_a_full_disk_a_start_says_why_it_fails(disk: Disk) -> None:
    file = disk.folder / "relay.db"
    outbox = Outbox.open(str(file), Clock())
    await outbox.put(message(), {"x": 10}, 300)
    await outbox.close()
    disk.fill()
    with pytest.raises(OutboxError, match=f"the outbox {file} cannot be used: "):
        Outbox.open(str(file), Clock())
    disk.free()
    outbox = Outbox.open(str(file), Clock())
    assert (await outbox.pending()).waiting == {"x": 1}
    await outbox.close()


async def test_on_a_read_only_disk_a_start_says_what_to_do(disk: Disk) -> None:
    file = str(disk.folder / "relay.db")
    await Outbox.open(file, Clock()).close()
    disk.protect()
    with pytest.raises(
        OutboxError, match=r"cannot be written: Read-only file system; set `relay.outbox.path`"
    ):
        Outbox.open(file, Clock())
    disk.unmount()  # nothing was left open


def test_a_disk_that_becomes_read_only_is_an_error_and_loses_nothing(disk: Disk, tmp_path: Path) -> None:
    with on(disk, tmp_path) as relay:
        assert [relay.ask("/alert", alert(number)).status for number in range(5)] == [200] * 5
        disk.fail()
        assert [relay.ask("/alert", alert(number)).status for number in range(5, 8)] == [503] * 3
        assert relay.ask("/-/ready").status == 503
        assert relay.value(USABLE) == 0
        assert relay.ask("/-/healthy").status == 200
        relay.stop()
        disk.repair()
        relay.start()
        assert relay.value(PENDING) == 5
        assert relay.ask("/alert", alert(5)).json["status"] == "accepted"
