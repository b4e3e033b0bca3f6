"""How long until the next attempt, how fast, and when a channel is only probed: tables of numbers."""

from __future__ import annotations

import random

import pytest

from backup_sentinel.relay.courier.breaker import Breaker
from backup_sentinel.relay.courier.pace import Bucket, backoff


@pytest.mark.parametrize(
    ("attempt", "limit"), [(1, 1.0), (2, 2.0), (3, 4.0), (9, 256.0), (10, 300.0), (5000, 300.0)]
)
def test_the_wait_is_anything_up_to_a_limit_that_doubles(attempt: int, limit: float) -> None:
    chance = random.Random(1)
    waits = [backoff(attempt, 1.0, 300.0, None, chance) for _ in range(2000)]
    assert min(waits) < 0.02 * limit
    assert 0.98 * limit < max(waits) <= limit
    assert sum(waits) / len(waits) == pytest.approx(limit / 2, rel=0.1)


@pytest.mark.parametrize(("after", "least"), [(0.0, 0.0), (17.0, 17.0), (1e9, 3600.0), (-5.0, 0.0)])
def test_what_the_receiver_asks_for_is_the_least(after: float, least: float) -> None:
    chance = random.Random(1)
    for _ in range(100):
        assert least <= backoff(8, 1.0, 300.0, after, chance) <= least + 1.0


def test_a_rate_lets_a_burst_through_and_then_one_at_a_time() -> None:
    bucket = Bucket(2.0, 3, 0.0)
    assert bucket.available(0.0) == 3
    bucket.take(3)
    assert bucket.available(0.0) == 0
    assert bucket.wait() == pytest.approx(0.5)
    assert bucket.available(0.5) == 1
    assert bucket.available(1000.0) == 3
    assert Bucket(None, 3, 0.0).available(0.0) is None


def test_a_breaker_opens_after_failures_in_a_row_and_probes() -> None:
    breaker = Breaker(3, 30.0)
    for now in (0.0, 1.0):
        breaker.fail(now, None)
    breaker.succeed()
    for now in (2.0, 3.0, 4.0):
        assert not breaker.is_open
        breaker.fail(now, None)
    assert breaker.is_open
    assert breaker.wait(4.0) == 30.0
    assert breaker.wait(34.0) == 0.0
    breaker.probe(34.0)
    assert breaker.wait(34.0) == 30.0
    breaker.fail(35.0, 600.0)
    assert breaker.wait(35.0) == 600.0
    breaker.succeed()
    assert (breaker.is_open, breaker.wait(36.0)) == (False, 0.0)
