"""Which alerts a channel wants: a few words of its settings, and matchers as Alertmanager writes them.

Source of the syntax: Alertmanager, docs/configuration.md, "Matcher" (the UTF-8 parser's subset without bare braces).
Regular expressions are anchored on both sides, as there.
"""

import re
from collections.abc import Mapping

import msgspec

from .message import Message, MessageType, Status

_MATCHER = re.compile(
    r"""\s*(?P<name>"(?:[^"\\]|\\.)+"|[^\s=!~"'`,{}]+)\s*(?P<operator>=~|!~|!=|=)\s*(?P<value>"(?:[^"\\]|\\.)*"|[^\s"'`,{}]*)\s*"""
)
_ESCAPE = re.compile(r'\\(["\\n])')


class Matcher(msgspec.Struct, frozen=True):
    """One condition on the labels of an alert; a label that is not there is ""."""

    name: str
    operator: str
    value: str

    @classmethod
    def parse(cls, text: str) -> "Matcher":
        """Read `name="value"`, with `=`, `!=`, `=~` or `!~`. Raises ValueError."""
        found = _MATCHER.fullmatch(text)
        if found is None:
            raise ValueError(f'{text!r} is no matcher: write for example namespace=~"shop.*"')
        matcher = cls(_plain(found["name"]), found["operator"], _plain(found["value"]))
        if "~" in matcher.operator:
            try:
                re.compile(matcher.value)
            except re.error as error:
                raise ValueError(f"{text!r} holds no regular expression: {error}") from None
        return matcher

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether labels fulfil the condition."""
        value = labels.get(self.name, "")
        equal = re.fullmatch(self.value, value) is not None if "~" in self.operator else value == self.value
        return equal is (self.operator in {"=", "=~"})


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which alerts go to a channel; what is left empty lets everything through. All conditions must hold."""

    severities: tuple[str, ...] = ()
    """Values of the label `severity`, case does not matter."""
    statuses: tuple[Status, ...] = ()
    """`firing`, `resolved`: of the message, once the other conditions have chosen its alerts."""
    types: tuple[MessageType, ...] = ()
    """`warning` (partial), `alert` (failed)."""
    matchers: tuple[str, ...] = ()
    """Matchers as in a route of Alertmanager, such as `namespace=~"shop.*"`."""

    def __post_init__(self) -> None:
        for text in self.matchers:
            Matcher.parse(text)

    def apply(self, message: Message) -> Message | None:
        """Return the message with the alerts that are wanted; None where none is."""
        severities = {severity.lower() for severity in self.severities}
        matchers = [Matcher.parse(text) for text in self.matchers]
        left = message.only(
            alert
            for alert in message.alerts
            if (not severities or alert.severity in severities)
            and (not self.types or alert.type in self.types)
            and all(matcher.matches(alert.labels) for matcher in matchers)
        )
        if not left.alerts or (self.statuses and left.status not in self.statuses):
            return None
        return left


def _plain(text: str) -> str:
    if not text.startswith('"'):
        return text
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], text[1:-1])
