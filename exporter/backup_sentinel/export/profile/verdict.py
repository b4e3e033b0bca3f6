"""The rules of an `outcome:` become a function that gives the outcome of a row, and the operator's own word for it."""

from sys import intern
from typing import Any

from backup_sentinel.errors import ProblemReason
from backup_sentinel.model import Outcome

from .condition import Test, compile_condition, worded
from .oddity import Ear, show
from .prune import SCALARS
from .schema import Outcomes
from .scope import TEXT, Cursor, Scope, Use
from .walk import text

Row = tuple[Any, ...]


class Verdict:
    """A compiled `outcome:`; `slot` and `table` say it again for the fast way, where it is a plain look-up."""

    def __init__(self, rules: Outcomes, at: Cursor, scope: Scope) -> None:
        if rules.path is None and not rules.rules:
            raise at.error("an outcome needs a `path` with a `map`, or `rules`")
        if rules.map and rules.path is None:
            raise at.at("map").error("`map` needs a `path`", key=True)
        self.use: Use | None = None
        only_words = all(worded(word) for word in rules.map)
        if rules.path is not None:
            self.use = scope.use(rules.path, at.at("path"), TEXT if only_words else SCALARS)
            if self.use.many:
                raise at.at("path").error("the word for an outcome is one value, this path gives many")
        self._map = dict(rules.map)
        self._absent = rules.absent
        self._rules: list[tuple[Outcome, Test]] = [
            (rule.is_, compile_condition(rule.when, at.at("rules", i, "when"), scope))
            for i, rule in enumerate(rules.rules)
        ]
        plain = only_words and not self._rules
        self.slot = self.use.slot if self.use is not None and plain and not self.use.element else None
        self.table: dict[Any, Outcome] = dict(self._map)
        if self._absent is not None:
            self.table |= {None: self._absent, "": self._absent}

    def decide(self, row: Row, ear: Ear) -> tuple[Outcome, str | None]:
        """Return the outcome and the word; tell of a word that has no meaning."""
        phase = text(self.use.get(row)) if self.use is not None else None
        phase = intern(phase) if phase else None
        for is_, holds in self._rules:
            if holds.ask(row, None):
                return is_, phase
        if self.use is not None and self.use.odd(row):
            return Outcome.UNKNOWN, None
        if phase is None and self._absent is not None:
            return self._absent, None
        known = self._map.get(phase or "")
        if known is None:
            name = self.use.name if self.use is not None else "outcome"
            ear.odd(
                ProblemReason.UNKNOWN_PHASE,
                name,
                f"{show(phase)} has no meaning here" if phase else "nothing is said",
            )
        return known or Outcome.UNKNOWN, phase
