import time

import pytest

from backup_sentinel.serving.door import rate
from serving.conftest import Start


def test_too_many_requests(start: Start) -> None:
    server = start({"rate_limit": {"interval": "90m", "burst": 3}})
    got = [server.ask(path) for path in ("/", "/-/healthy", "/nowhere", "/", "/-/healthy")]
    assert [one.status for one in got] == [200, 200, 404, 429, 429]
    assert got[-1].headers["retry-after"] == ["5400"]


@pytest.mark.parametrize(
    "settings", ["rate_limit: {interval: 0, burst: 0}", "rate_limit:", "rate_limit: {burst: 1}"]
)
def test_no_limit(start: Start, settings: str) -> None:
    server = start(settings)
    assert {server.ask().status for _ in range(5)} == {200}


def test_the_bucket_fills_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    bucket = rate.Bucket(rate.Rate(0.5, 2))
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    now += 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]
    now += 3600
    assert [bucket.take() for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("100ms", 0.1),
        ("1m30s", 90),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("2us", 2e-6),
        ("0", 0),
        ("0s", 0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert rate.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", "-1s", "1d", "s", "1s ", "1 s", "1e3s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError):
        rate.seconds(text)
