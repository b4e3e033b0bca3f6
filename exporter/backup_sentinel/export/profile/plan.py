"""One `record:` of a resource, compiled: what is asked of an object, in which order, and what it becomes."""

from collections.abc import Collection
from dataclasses import dataclass, field

from backup_sentinel.document import nearest
from backup_sentinel.export.cron import DIALECTS
from backup_sentinel.model import FailureReason

from .condition import Test, compile_condition
from .expression import compile_expression
from .getter import Getter
from .promise import promises
from .schema import Expr, Expression, Record
from .scope import Cursor, Elements, Scope
from .targets import ACTIONS, FIELDS, IMPLIED, MAKERS, NEEDED, OUTCOMES, TEXT, Maker, Target
from .verdict import Verdict

_WORDS: dict[str, tuple[Collection[str], str]] = {
    "reason": (list(FailureReason), "reason of a failure"),
    "dialect": (list(DIALECTS), "dialect of crons"),
}
"""Fields that hold one word of a closed list."""


@dataclass(slots=True)
class Plan:
    """A compiled record. `fields` are in the order of the language; `action` is one of text or getter."""

    record: Record
    maker: Maker
    where: Test | None
    elements: Elements | None
    verdict: Verdict | None
    action: str | Getter
    fields: dict[str, tuple[Target, Getter]] = field(default_factory=dict)
    dialect: str = ""


def compile_record(record: Record, at: Cursor, scope: Scope, dialect: str) -> Plan:
    """Return the plan; raise DocumentError at what the record cannot have, lacks, or says wrongly."""
    word = record.record
    scope.elements = Elements(scope, record.expand.each, at.at("expand")) if record.expand else None
    plan = Plan(
        record=record,
        maker=MAKERS[word],
        where=compile_condition(record.where, at.at("where"), scope) if record.where else None,
        elements=scope.elements,
        verdict=_verdict(record, at, scope),
        action=_action(record, at, scope),
        dialect=dialect,
    )
    targets = FIELDS[word]
    for name, expr in record.fields.items():
        here = at.at("fields", name)
        if name not in targets:
            raise here.error(f"a {word} has no field `{name}`", key=True, hint=nearest(name, targets))
        plan.fields[name] = (targets[name], compile_expression(expr, targets[name], here, scope))
        if name in _WORDS:
            _check_words(expr, here, *_WORDS[name])
    for name in NEEDED[word]:
        if name not in plan.fields:
            raise at.error(f"a {word} needs the field `{name}`")
    if "crons" in plan.fields and not dialect and "dialect" not in plan.fields:
        hint = f"give the profile one of {', '.join(sorted(DIALECTS))}"
        raise at.at("fields", "crons").error("crons mean nothing without a `dialect`", key=True, hint=hint)
    if record.clock != "created" and record.clock not in plan.fields:
        raise at.at("clock").error(f"the clock is `{record.clock}`, which is not among the fields")
    _imply(plan, at, scope)
    if word == "schedule":
        plan.fields |= {name: (TEXT, getter) for name, getter in promises(scope).items()}
    return plan


def _imply(plan: Plan, at: Cursor, scope: Scope) -> None:
    """Add the fields that stand where they always stand."""
    record, targets = plan.record, FIELDS[plan.record.record]
    for name, path in IMPLIED.items():
        if name not in targets or name in plan.fields:
            continue
        if name == "created" and record.sampled:  # of the object, which is there for many runs
            if record.clock == "created":
                raise at.at("sampled").error(
                    "the creation of the object orders no runs",
                    key=True,
                    hint="say `clock: started` or `ended`",
                )
            continue
        plan.fields[name] = (targets[name], compile_expression(path, targets[name], at, scope))


def _verdict(record: Record, at: Cursor, scope: Scope) -> Verdict | None:
    if (record.outcome is not None) != (record.record in OUTCOMES):
        if record.outcome is None:
            raise at.error(f"a {record.record} needs an `outcome`")
        raise at.at("outcome").error(f"a {record.record} has no outcome", key=True)
    return Verdict(record.outcome, at.at("outcome"), scope) if record.outcome else None


def _action(record: Record, at: Cursor, scope: Scope) -> str | Getter:
    """Return the action: `backup` unless said; text is the action itself, an expression computes it."""
    if record.action is None:
        return "backup"
    if record.record not in ACTIONS:
        raise at.at("action").error(f"a {record.record} has no action", key=True)
    if isinstance(record.action, str):
        if not record.action:
            raise at.at("action").error("an action is not empty")
        return record.action
    return compile_expression(record.action, TEXT, at.at("action"), scope)


def _check_words(expr: Expr, at: Cursor, known: Collection[str], what: str) -> None:
    """Refuse words that mean nothing, where they can be seen."""
    if not isinstance(expr, Expression):
        return
    words = {("map", key): value for key, value in (expr.map or {}).items()} | {("value",): expr.value}
    for place, word in words.items():
        if isinstance(word, str) and word not in known:
            raise at.at(*place).error(f"`{word}` is no {what}", hint=nearest(word, known))
