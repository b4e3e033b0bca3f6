"""The class of a failure, found in its text by the ordered patterns of `reasons.yaml`."""

import re
from functools import lru_cache
from importlib.resources import files

import msgspec
from msgspec import Struct

from backup_sentinel.model import FailureReason


class Rule(Struct, forbid_unknown_fields=True):
    """Regular expressions (case does not matter) that mean one reason; the first rule that matches counts."""

    reason: FailureReason
    patterns: list[str]


@lru_cache(1)
def rules() -> tuple[tuple[re.Pattern[str], FailureReason], ...]:
    """Return the table, in order."""
    text = files(__package__).joinpath("reasons.yaml").read_text("utf-8")
    table = msgspec.yaml.decode(text, type=list[Rule])
    return tuple(
        (re.compile("|".join(f"(?:{p})" for p in rule.patterns), re.IGNORECASE), rule.reason)
        for rule in table
    )


@lru_cache(1024)
def classify(text: str | None) -> FailureReason:
    """Return why something failed, by its text; `unknown` where no pattern matches or nothing was said."""
    if text:
        for pattern, reason in rules():
            if pattern.search(text):
                return reason
    return FailureReason.UNKNOWN
