"""Which alerts go to a channel."""

from __future__ import annotations

from typing import Any

import pytest

from backup_sentinel.relay.filters import Filter, Matcher
from backup_sentinel.relay.message import Alert, MessageType, Status
from relay.kit import message

CRITICAL = Alert(labels={"alertname": "A", "severity": "critical", "namespace": "shop"})
WARNING = Alert(labels={"alertname": "B", "severity": "Warning", "namespace": "blog"})
OVER = Alert(labels={"alertname": "C", "severity": "critical", "namespace": "shop"}, status=Status.RESOLVED)


@pytest.mark.parametrize(
    ("text", "name", "operator", "value"),
    [
        ('a="b"', "a", "=", "b"),
        ("a=b", "a", "=", "b"),
        (' a != "b c" ', "a", "!=", "b c"),
        ('a=~"b|c"', "a", "=~", "b|c"),
        ("a!~b.*", "a", "!~", "b.*"),
        ('a=""', "a", "=", ""),
        ("a=", "a", "=", ""),
        (r'a="\"\\\n"', "a", "=", '"\\\n'),
        ('"a b"=c', "a b", "=", "c"),
        ('a="x=y"', "a", "=", "x=y"),
    ],
)
def test_matchers_are_read_as_alertmanager_writes_them(
    text: str, name: str, operator: str, value: str
) -> None:
    assert Matcher.parse(text) == Matcher(name, operator, value)


@pytest.mark.parametrize(
    "text", ["", "a", "=b", 'a="b', 'a=~"("', 'a=="b"', "a=b c", '{a="b"}', 'a="b",c="d"']
)
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no matcher|no regular expression"):
        Filter(matchers=(text,))


@pytest.mark.parametrize(
    ("conditions", "kept"),
    [
        ({}, "ABC"),
        ({"severities": ("CRITICAL",)}, "AC"),
        ({"severities": ("warning",)}, "B"),
        ({"severities": ("page",)}, ""),
        ({"types": (MessageType.WARNING,)}, "B"),
        ({"types": (MessageType.ALERT,)}, "AC"),
        ({"matchers": ('namespace="shop"',)}, "AC"),
        ({"matchers": ('namespace=~"sh"',)}, ""),
        ({"matchers": ('namespace=~"sh.*"', "alertname!=A")}, "C"),
        ({"matchers": ('team=""',)}, "ABC"),
        ({"matchers": ('team!=""',)}, ""),
        ({"statuses": (Status.FIRING,)}, "ABC"),
        ({"statuses": (Status.RESOLVED,)}, ""),
        ({"statuses": (Status.RESOLVED,), "matchers": ("alertname=C",)}, "C"),
    ],
)
def test_conditions_choose_alerts(conditions: dict[str, Any], kept: str) -> None:
    found = Filter(**conditions).apply(message(alerts=(CRITICAL, WARNING, OVER)))
    assert "".join(alert.name for alert in found.alerts) == kept if found else kept == ""


def test_what_alerts_have_in_common_is_found_anew() -> None:
    whole = message(alerts=(CRITICAL, WARNING, OVER), common_labels={})
    found = Filter(severities=("critical",)).apply(whole)
    assert found is not None
    assert found.common_labels == {"severity": "critical", "namespace": "shop"}
    assert (found.id, found.group_key) == (whole.id, whole.group_key)
