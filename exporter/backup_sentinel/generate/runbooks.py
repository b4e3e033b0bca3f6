"""The index of the alerts in `rules/README.md`, which leads to the runbooks, and the form that each runbook has."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from .artefact import Artefact, fill, table
from .rules import Rule, alerts, read

if TYPE_CHECKING:
    from .artefacts import Source

PAGE = "rules/README.md"
HEADINGS = ("Meaning", "Impact", "Diagnosis", "Mitigation")
"""The second-level headings of each runbook, in this order."""


def artefacts(source: "Source") -> Iterator[Artefact]:
    """Yield the page with its index filled."""
    page = (source.root / PAGE).read_text(encoding="utf-8")
    yield Artefact(PAGE, fill(page, {"alerts": index(alerts(read(source.root)))}))


def index(rules: Iterable[Rule]) -> str:
    """Return one table for each file that is loaded."""
    parts = []
    for bundle, members in groupby(rules, key=lambda rule: (rule.default, rule.bundle)):
        default, name = bundle
        title = "On by default" if default else f"To switch on: {name.rpartition('optional-')[2]}"
        rows: list[tuple[str, ...]] = [
            (f"[{rule.alert}]({rule.alert}/runbook.md)", rule.severity, rule.duration, rule.summary)
            for rule in members
        ]
        heads = ("alert and runbook", "severity", "for", "meaning")
        parts.append(f"### {title}\n\nFile `dist/{name}.rules.yaml`\n\n{table(heads, rows)}")
    return "\n" + "\n".join(parts)


def headings(text: str) -> tuple[str, ...]:
    """Return the second-level headings of a page; what looks like one in a block of code is none."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return tuple(re.findall(r"^## (.+)$", prose, flags=re.MULTILINE))
