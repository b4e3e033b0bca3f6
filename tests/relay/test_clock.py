"""The relay's clock while somebody sets that of the system: waits stay as long as they are, and metrics say the system's time."""

from __future__ import annotations

import time

import pytest

from backup_sentinel.relay.clock import Steady
from backup_sentinel.relay.telemetry import RelayTelemetry
from backup_sentinel.telemetry import Telemetry

DAY = 86400.0


@pytest.mark.parametrize("step", [DAY, -DAY])
def test_a_step_of_the_system_changes_no_wait_and_every_time_stamp(
    monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    clock, system = Steady(), time.time
    telemetry = Telemetry(export=False)
    counts = RelayTelemetry(telemetry, ["x"], clock=clock)
    began = clock.now()
    monkeypatch.setattr(time, "time", lambda: system() + step)
    assert clock.now() == pytest.approx(began, abs=30)
    counts.delivered("x", began, clock.now())
    counts.outbox({"x": 1}, {"x": began}, {}, usable=True)
    told = dict(line.rsplit(" ", 1) for line in telemetry.text().decode().splitlines() if "{" in line)
    for family in ("oldest_pending_timestamp_seconds", "last_delivery_timestamp_seconds"):
        value = float(told[f'backup_sentinel_relay_{family}{{channel="x"}}'])
        assert value == pytest.approx(time.time(), abs=30)
    assert float(told['backup_sentinel_relay_delivery_duration_seconds_sum{channel="x"}']) < 30
