"""Every metric name and label that rules may use: what the catalogue exports, and what the rules record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from backup_sentinel.export.exposition import FAMILIES, labels_of
from backup_sentinel.relay.telemetry import RelayTelemetry
from backup_sentinel.telemetry import Telemetry

STREAM = ("resource_namespace", "schedule", "action", "target", "location")
"""Labels of a stream of runs below cluster and operator."""

SCRAPE = (
    "instance",
    "pod",
    "container",
    "endpoint",
    "service",
    "job",
    "namespace",
    "prometheus",
    "prometheus_replica",
)
"""Labels that the scrape adds and that say nothing about backups."""

NODES = {
    "node_backup_status": frozenset({"id", "name"}),
    "node_textfile_mtime_seconds": frozenset({"file"}),
}
"""What NethServer 8 and its node exporter serve: name and labels."""

WORDS = {
    *("by", "without", "ignoring", "on", "group_left", "group_right"),
    *("and", "or", "unless", "bool", "offset", "inf", "nan"),
    *(
        "absent",
        "clamp_min",
        "count",
        "increase",
        "label_replace",
        "last_over_time",
        "max",
        "min",
        "sum",
        "sum_over_time",
        "time",
    ),
}
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)?\{([^{}]*)\}")
MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
GROUPING = re.compile(r"\b(by|without|ignoring|on)\s*\(([^()]*)\)")
DURATION = re.compile(r"\[[^\]]*\]|\boffset\s+\w+")
NAME = re.compile(r"(?<![\w:.])[a-zA-Z_:][a-zA-Z0-9_:]*")


class Selector(NamedTuple):
    """A metric name and the labels that its matchers ask for."""

    name: str
    labels: frozenset[str]


@cache
def families() -> Mapping[str, frozenset[str]]:
    """Return the labels of each exported family."""
    telemetry = Telemetry()
    RelayTelemetry(telemetry)
    own = {name: frozenset(labels) for name, _, labels, _, _ in telemetry.describe()}
    return NODES | own | {family.name: frozenset(labels_of(family)) for family in FAMILIES}


def selectors(expression: str) -> Iterator[Selector]:
    """Yield the selectors of a PromQL expression."""
    text = DURATION.sub(" ", GROUPING.sub(" ", STRING.sub('""', expression)))
    for match in SELECTOR.finditer(text):
        yield Selector(match[1] or "", frozenset(MATCHER.findall(match[2])))
    for match in NAME.finditer(SELECTOR.sub(" ", text)):
        if match[0] not in WORDS:
            yield Selector(match[0], frozenset())


def groupings(expression: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the grouping clauses of a PromQL expression: the word, and its labels in order."""
    for match in GROUPING.finditer(STRING.sub('""', expression)):
        yield match[1], tuple(label.strip() for label in match[2].split(",") if label.strip())
