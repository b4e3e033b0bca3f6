"""The profile language: these structs are all of it. `README.md` beside this file explains it on one page.

A profile says for each resource of an operator what record it is, where the fields of that record stand in the
object, and which words mean which outcome. What a value *is* (an instant, a size, ...) follows from the field it
goes to (`targets`), never from how it looks.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from backup_sentinel.model import Outcome

Scalar = str | int | float | bool | None
Plain = dict[str, object]
"""A mapping of plain values, as YAML gives them."""
Word = Literal["run", "schedule", "preset", "location", "repository", "volume", "deletion", "event"]


class Condition(Struct, forbid_unknown_fields=True, kw_only=True, rename={"in_": "in", "not_": "not"}):
    """A test on one object. All that is said must hold.

    `path` names the value that `equals`, `in`, `exists`, `empty`, `matches` (a regular expression found in the text) and
    `above` (a number) ask about; where the path has wildcards one value that passes is enough. `fold` ignores case.
    `outcome` asks for the outcome of the run itself. `all`, `any` and `not` combine.
    """

    path: str | None = None
    equals: Scalar | UnsetType = UNSET
    in_: list[Scalar] | None = None
    exists: bool | None = None
    empty: bool | None = None
    matches: str | None = None
    above: float | None = None
    fold: bool = False
    outcome: list[Outcome] | None = None
    all: "list[Condition] | None" = None
    any: "list[Condition] | None" = None
    not_: "Condition | None" = None


class Expression(Struct, forbid_unknown_fields=True, kw_only=True, rename={"as_": "as"}):
    """How to get one value. Text alone is short for `{path: ...}`.

    One source: `path`; `first` of several that is there; `value`, a constant; `owner`, the name of the owner of this
    kind; `template`, text with `{paths}`; `test`, true or false; `sum`, `count`, `max`, `join`,
    `last` over a path with wildcards (`last` by the greatest `by`); `max` and `join` also of several expressions;
    `add` and `subtract`, absent as soon as one part is; `cause`, the root cause of the nested error at a path, or of that
    with the greatest `by` at a path with wildcards.
    Then in this order: `json` decodes text and takes a path inside it, `match` keeps the first group of a regular
    expression, `map` looks the text up, `write` puts it into a text at `{}`, `as` names the format, `default` stands in for what is absent, and where
    `when` does not hold there is no value at all.
    """

    path: str | None = None
    first: "list[str | Expression] | None" = None
    value: Scalar | UnsetType = UNSET
    owner: str | None = None
    template: str | None = None
    cause: str | None = None
    test: Condition | None = None
    sum: str | None = None
    count: str | None = None
    max: "str | list[str | Expression] | None" = None
    join: "str | list[str | Expression] | None" = None
    last: str | None = None
    add: "list[str | Expression] | None" = None
    subtract: "list[str | Expression] | None" = None
    by: str | None = None
    separator: str = "; "
    json: str | None = None
    match: str | None = None
    map: dict[str, Scalar] | None = None
    write: str | None = None
    fold: bool = False
    as_: str | list[str] | None = None
    default: Scalar | UnsetType = UNSET
    when: Condition | None = None


Expr = str | Expression


class Rule(Struct, forbid_unknown_fields=True, kw_only=True, rename={"is_": "is"}):
    """An outcome, and when it is the outcome."""

    is_: Outcome
    when: Condition


class Outcomes(Struct, forbid_unknown_fields=True, kw_only=True):
    """What became of a run: the first rule that holds; else the word at `path`, looked up in `map`.

    `absent` is the outcome where there is no word. An unmapped word is `unknown`, and a problem that the exporter counts: operators invent phases.
    """

    path: str | None = None
    map: dict[str, Outcome] = msgspec.field(default_factory=dict)
    rules: list[Rule] = msgspec.field(default_factory=list)
    absent: Outcome | None = None


class Expand(Struct, forbid_unknown_fields=True, kw_only=True):
    """One object is several records, one for each element of a list or mapping, or for each of several parts.

    `each` is a path that ends with `[*]` or `.*`, or a list of paths without wildcards. Inside, `@` is the element and
    `@key` its key, its number, or the last word of its path.
    """

    each: str | list[str]


class Record(Struct, forbid_unknown_fields=True, kw_only=True):
    """What an object means: one record, or one for each element of `expand`.

    `where` is asked before anything else; where it does not hold the object means nothing. `action` is `backup` unless
    said. `clock` is what orders the runs of a schedule: the creation of the object, the start of the run, or its end where
    runs never overlap and nothing else is known.
    `synced_copies` says that the operator re-creates such objects from what it finds in a bucket, `sampled` that
    the object shows only the last of many runs, `restore_point` that it is what a successful run left.
    """

    record: Word
    where: Condition | None = None
    expand: Expand | None = None
    action: Expr | None = None
    fields: dict[str, Expr] = msgspec.field(default_factory=dict)
    outcome: Outcomes | None = None
    clock: Literal["created", "started", "ended"] = "created"
    synced_copies: bool = False
    sampled: bool = False
    restore_point: bool = False


class Example(Struct, forbid_unknown_fields=True, kw_only=True):
    """A test of the profile: an object, and what must come out of it.

    `record` (or `records`, where there are several) lists some fields; times may be written as RFC 3339 and durations
    as `4h`. `absent` lists fields of the first record that must not be known. `problems` is the exact list of reasons. What the object does not
    say of apiVersion, kind and metadata is filled in; `now` is what the clock shows, a time far ahead by default.
    """

    why: str
    object: Plain
    record: Plain | None = None
    records: list[Plain] | None = None
    absent: list[str] = msgspec.field(default_factory=list)
    problems: list[str] = msgspec.field(default_factory=list)
    now: str | None = None


class Resource(Record, forbid_unknown_fields=True, kw_only=True):
    """A resource of the API, and the record that its objects are; `also` lists further records of the same object.

    `versions` are in order of preference. `aggregated` resources are served by another API server behind the main one
    and are polled, as are those with `poll`; all others are watched. `selector` is a label selector and `field_selector` a field
    selector that the server applies. `beside` names another resource of the profile: only where that is served this one is
    read. Not installed is no error.
    """

    group: str
    versions: Annotated[list[str], Meta(min_length=1)]
    kind: str
    plural: str
    why: str = ""
    since: str = ""
    namespaced: bool = True
    aggregated: bool = False
    poll: str | None = None
    selector: str | None = None
    field_selector: str | None = None
    beside: str | None = None
    also: list[Record] = msgspec.field(default_factory=list)
    examples: list[Example] = msgspec.field(default_factory=list)


class ProfileFile(Struct, forbid_unknown_fields=True, kw_only=True):
    """A file of the language; `operator` is the name of the file without its ending.

    `not_known` tells people what the operator does not say.
    """

    operator: Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
    title: str
    documentation: str
    not_known: list[str] = msgspec.field(default_factory=list)
    since: str = ""
    dialect: str = ""
    resources: Annotated[list[Resource], Meta(min_length=1)]
