"""What is said about a profile that is wrong: the place under a caret, and what to do."""

from collections.abc import Callable
from textwrap import dedent

import pytest

from backup_sentinel.document import Document
from backup_sentinel.errors import DocumentError
from backup_sentinel.export.profile import Profile
from backup_sentinel.export.profile.compile import compile_profile

HEAD = "operator: test\ntitle: Test\ndocumentation: https://example.org/\nresources:\n"
RUN = HEAD + (
    "  - {group: g, versions: [v1], kind: K, plural: ks, record: run,\n"
    "     outcome: {path: status.phase, map: {Done: succeeded}}, fields: {%s}}\n"
)


def complaint(text: str) -> str:
    with pytest.raises(DocumentError) as caught:
        compile_profile(Document(text, "p.yaml"))
    return str(caught.value)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            "starte: status.start",
            """\
            p.yaml:6:70: a run has no field `starte`
                6 |      outcome: {path: status.phase, map: {Done: succeeded}}, fields: {starte: status.start}}
                                                                                         ^
                  hint: did you mean `started`?""",
        ),
        (
            "started: status..start",
            """\
            p.yaml:6:86: path `status..start`: expected a name
                6 |      outcome: {path: status.phase, map: {Done: succeeded}}, fields: {started: status..start}}
                                                                                                         ^""",
        ),
        (
            'location: "metadata.labels.velero.io/x"',
            """\
            p.yaml:6:103: path `metadata.labels.velero.io/x`: a label or annotation holds no further keys
                6 |      outcome: {path: status.phase, map: {Done: succeeded}}, fields: {location: "metadata.labels.velero.io/x"}}
                                                                                                                          ^
                  hint: write metadata.labels["velero.io/x"]""",
        ),
        (
            "started: {path: status.start, as: go}",
            """\
            p.yaml:6:104: `go` is no format of a time
                6 |      outcome: {path: status.phase, map: {Done: succeeded}}, fields: {started: {path: status.start, as: go}}}
                                                                                                                           ^
                  hint: valid: ctime, go-time, rfc3339, unix, unix-ms, unix-ns""",
        ),
        (
            "timeout: {value: soon}",
            """\
            p.yaml:6:87: this is no duration
                6 |      outcome: {path: status.phase, map: {Done: succeeded}}, fields: {timeout: {value: soon}}}
                                                                                                          ^""",
        ),
        (
            "items: {path: a, sum: b}",
            """\
            p.yaml:6:87: `path` and `sum` are two sources
                6 |      outcome: {path: status.phase, map: {Done: succeeded}}, fields: {items: {path: a, sum: b}}}
                                                                                                          ^""",
        ),
        (
            "message: {path: a, match: 'x(y'}",
            """\
            p.yaml:6:98: no regular expression: missing ), unterminated subpattern
                6 |      outcome: {path: status.phase, map: {Done: succeeded}}, fields: {message: {path: a, match: 'x(y'}}}
                                                                                                                     ^""",
        ),
        (
            "message: {template: 'a {b..c}'}",
            """\
            p.yaml:6:96: path `b..c`: expected a name
                6 |      outcome: {path: status.phase, map: {Done: succeeded}}, fields: {message: {template: 'a {b..c}'}}}
                                                                                                                   ^""",
        ),
        (
            "reason: {value: networks}",
            """\
            p.yaml:6:86: `networks` is no reason of a failure
                6 |      outcome: {path: status.phase, map: {Done: succeeded}}, fields: {reason: {value: networks}}}
                                                                                                         ^
                  hint: did you mean `network`?""",
        ),
        (
            "location: {pth: a}",
            """\
            p.yaml:6:81: unknown field `pth`
                6 |      outcome: {path: status.phase, map: {Done: succeeded}}, fields: {location: {pth: a}}}
                                                                                                    ^
                  hint: did you mean `path`?""",
        ),
    ],
)  # fmt: skip
def test_fields(fields: str, expected: str) -> None:
    assert complaint(RUN % fields) == dedent(expected)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("items: {}", "an expression needs a source"),
        ("location: '@.x'", "`@` is the element of `expand`, and there is none here"),
        ("items: 'status.a[*]'", "a path with a wildcard gives many values"),
        ("items: {sum: status.a}", "this path has no wildcard"),
        ("items: {join: 'status.a[*]'}", "`join` does not give a count"),
        ("location: {count: 'status.a[*]'}", "`count` does not give a text"),
        ("location: {add: [a, b]}", "a text cannot be computed"),
        ("location: {first: []}", "`first` needs at least one part"),
        ("location: {path: a, as: go}", "a text has no formats"),
        ("items: {first: [a, b], as: bytes}", "say the format where the parts are"),
        ("items: {sum: 'a[*]', json: x}", "`json` does not go with `sum`"),
        ("items: {path: a, by: b}", "`by` goes with `last` and `cause`"),
        (
            "message: {cause: a.b, by: 'c[*].d'}",
            "the path of `cause` has no wildcard, so that there is no newest",
        ),
        ("message: {cause: 'a[*].b', by: c}", "this path has no wildcard"),
        ("message: {path: a, match: abc}", "the regular expression captures nothing"),
        ("message: {path: a, json: 'b[*]'}", "`json` takes a path to one value"),
        ("message: {template: 'a {b'}", "`{` is not closed"),
        ("message: {template: '{b[*]}'}", "a path with a wildcard gives many values"),
        ("message: {path: a, when: {path: b}}", "nothing is asked of this path"),
        ("message: {path: a, when: {equals: b}}", "`equals` needs a `path`"),
        ("message: {path: a, when: {}}", "this condition asks nothing"),
        ("message: {test: {path: a, exists: true}}", "a test is true or false, the field holds a text"),
        ("items: {path: a, default: many}", "this is no count"),
    ],
)
def test_what_makes_no_sense(fields: str, expected: str) -> None:
    assert expected in complaint(RUN % fields).splitlines()[0]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("record: run", "a run needs an `outcome`"),
        ("record: location, outcome: {path: a}", "a location has no outcome"),
        ("record: location, action: x", "a location has no action"),
        ("record: run, outcome: {}", "an outcome needs a `path` with a `map`, or `rules`"),
        ("record: run, outcome: {map: {a: failed}}", "an outcome needs a `path` with a `map`, or `rules`"),
        ("record: run, outcome: {path: 'a[*]'}", "the word for an outcome is one value, this path gives many"),
        ("record: run, outcome: {path: a, map: {b: failled}}", "`failled` is not a valid value"),
        ("record: run, outcome: {path: a, rules: [{is: failed, when: {outcome: [failed]}}]}", "the outcome is not known yet"),
        ("record: volume, outcome: {path: a}", "a volume needs the field `run`"),
        ("record: deletion, fields: {run: a}", "a deletion needs the field `failed`"),
        ("record: backup", "`backup` is not a valid value"),
        ("record: location, expand: {each: a.b}", "expected a path that ends with"),
        ("record: location, expand: {each: ['a[*]']}", "expected a path that ends with"),
        ("record: location, poll: often", "has no number before it"),
        ("record: location, poll: 10ms", "shorter than a second"),
    ],
)  # fmt: skip
def test_records(body: str, expected: str) -> None:
    told = complaint(HEAD + f"  - {{group: g, versions: [v1], kind: K, plural: ks, {body}}}\n")
    assert expected in told
    assert told.startswith("p.yaml:5:")


SCHEDULE = "  - {group: g, versions: [v1], kind: K, plural: ks, record: schedule, fields: {%s}}\n"
SPOKEN = HEAD.replace("resources:", "dialect: robfig\nresources:")


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        (HEAD + SCHEDULE % "crons: spec.cron", "5:80", "crons mean nothing without a `dialect`"),
        (SPOKEN.replace("robfig", "robfg") + SCHEDULE % "crons: spec.cron", "4:10", "did you mean `robfig`?"),
        (SPOKEN.replace("robfig", "quartz") + SCHEDULE % "paused: spec.off", "4:10", "valid: frequency, go-cron, kubernetes,"),
        (HEAD + SCHEDULE % "crons: a, dialect: {value: robfigg}", "5:107", "did you mean `robfig`?"),
        (HEAD + SCHEDULE % "crons: a, dialect: {path: b, map: {x: robfig, y: unix}}", "5:129", "`unix` is no dialect of crons"),
    ],
)  # fmt: skip
def test_dialects(text: str, place: str, expected: str) -> None:
    """Otherwise every schedule of the operator would be one that cannot be understood."""
    told = complaint(text)
    assert expected in told
    assert told.startswith(f"p.yaml:{place}: ")


@pytest.mark.parametrize(
    "fields", ["crons: a, dialect: {value: kubernetes}", "crons: a, dialect: spec.how", "next_due: b"]
)
def test_a_schedule_may_say_its_dialect_or_need_none(fields: str) -> None:
    assert compile_profile(Document(HEAD + SCHEDULE % fields, "p.yaml")).resources


@pytest.mark.parametrize(
    ("resource", "column", "expected"),
    [
        ("group: g.io/v1, versions: [v1], kind: K, plural: ks", 13, "`g.io/v1` is no API group"),
        ("group: g, versions: [g.io/v1], kind: K, plural: ks", 27, "`g.io/v1` is no version"),
        ("group: g, versions: [v1, ''], kind: K, plural: ks", 31, "`` is no version"),
        ("group: g, versions: [v1], kind: backup jobs, plural: ks", 38, "`backup jobs` is no kind"),
        ("group: g, versions: [v1], kind: K, plural: ks.g", 49, "`ks.g` is no resource"),
        ("group: g, versions: [v1], kind: K, plural: ''", 49, "`` is no resource"),
        ("group: g, versions: [v1], kind: K, plural: ks, selector: 'a=b,c in ('", 63, "`c in (` is no part of a label selector"),
        ("group: g, versions: [v1], kind: K, plural: ks, selector: a=b=c", 63, "`a=b=c` is no part of a label selector"),
        ("group: g, versions: [v1], kind: K, plural: ks, field_selector: status.phase", 69, "`status.phase` is no part of a field selector"),
    ],
)  # fmt: skip
def test_what_no_server_would_understand(resource: str, column: int, expected: str) -> None:
    """A name that does not exist is otherwise only a resource that is not installed."""
    told = complaint(HEAD + f"  - {{{resource}, record: location}}\n")
    assert told.startswith(f"p.yaml:5:{column}: {expected}")
    assert "hint: " in told


@pytest.mark.parametrize(
    "selector", ["a", "!a", "x.io/a=b", "a==b", "a!=", "a in (b, c),d notin (e),!f", " a = b , c "]
)
def test_selectors_of_kubernetes(selector: str) -> None:
    body = (
        f"  - {{group: g, versions: [v1], kind: K, plural: ks, record: location, selector: '{selector}'}}\n"
    )
    assert compile_profile(Document(HEAD + body)).resources[0].type.selector == selector


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("operator: Velero\n", "expected text matching regex"),
        (HEAD.replace("resources:", "resources: []"), "expected a list of length >= 1"),
        ("title: x\n", "`operator` is missing"),
        ("", "expected a mapping, got nothing"),
    ],
)
def test_files(text: str, expected: str) -> None:
    assert expected in complaint(text)


def test_a_resource_is_described_once(compiled: Callable[[str], Profile]) -> None:
    one = "  - {group: g, versions: [v1], kind: K, plural: ks, record: location}\n"
    with pytest.raises(DocumentError, match=r"test\.yaml:7:49: ks\.g is described twice"):
        compiled(one + one)
