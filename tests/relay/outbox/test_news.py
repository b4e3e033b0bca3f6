"""What two Alertmanagers say twice is one message; reminders, and what changed, are not lost."""

from __future__ import annotations

import pytest

from backup_sentinel.relay.message import Message
from backup_sentinel.relay.outbox.news import compare
from relay.kit import START, said

T0, T1 = "2026-01-01T00:00:00Z", "2026-01-01T00:10:00Z"
A, B = ("a", "firing", T0), ("b", "firing", T0)
A_OVER, B_OVER = ("a", "resolved", T0), ("b", "resolved", T0)
Story = list[tuple[Message, bool]]


def at(seconds: float, *alerts: tuple[str, str, str], **changes: object) -> Message:
    return said(*alerts, at=START + seconds, **changes)


@pytest.mark.parametrize(
    "story",
    [
        pytest.param([(at(0, A), True), (at(15, A), False)], id="both send"),
        pytest.param([(at(0, A), True), (at(299, A), False), (at(301, A), True)], id="a reminder, once"),
        pytest.param([(at(0, A), True), (at(300, A), True), (at(310, A), False)], id="both send a reminder"),
        pytest.param([(at(0, A), True), (at(1, A, B), True), (at(2, A, B), False)], id="more alerts"),
        pytest.param([(at(0, A, B), True), (at(15, A), False), (at(30, A, B), False)], id="the other lags"),
        pytest.param([(at(0, A), True), (at(1, A_OVER), True), (at(2, A_OVER), False)], id="over"),
        pytest.param(
            [(at(0, A), True), (at(1, A_OVER), True), (at(2, A), True), (at(3, A_OVER), True)],
            id="fires again with the same start, as after a Prometheus that was away",
        ),
        pytest.param([(at(0, A), True), (at(1, ("a", "firing", T1)), True)], id="fires anew"),
        pytest.param([(at(0, A, B), True), (at(1, A, B_OVER), True), (at(9, A, B), True)], id="one of two"),
        pytest.param(
            [(at(0, A, truncated_alerts=1), True), (at(1, A, truncated_alerts=1), False),
             (at(2, A, truncated_alerts=2), True)],
            id="more that are left out",
        ),
        pytest.param([(at(0, A), True), (at(-86400, A), True)], id="a clock set back"),
    ],
)  # fmt: skip
def test_stories_of_one_group(story: Story) -> None:
    known = None
    for number, (message, news) in enumerate(story):
        found = compare(known, message, 300.0)
        assert (found is not None) is news, f"message {number}"
        known = found if found is not None else known


def test_what_is_known_does_not_grow_for_ever() -> None:
    known = None
    for number in range(1000):
        known = compare(known, at(number * 10.0, (f"alert-{number}", "firing", T0)), 300.0)
        assert known is not None
        assert len(known) < 3000
