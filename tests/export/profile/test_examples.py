"""The examples of all packaged profiles pass, and an example that does not hold is told where."""

from collections.abc import Callable
from importlib.resources import files

import msgspec
import pytest

from backup_sentinel.document import Document
from backup_sentinel.export.profile import Profile, load_profiles, run_examples
from backup_sentinel.export.profile.compile import compile_profile
from backup_sentinel.export.profile.convert import FORMATS
from backup_sentinel.export.profile.schema import Condition, Expression, Outcomes, Resource

RESULTS = [(profile.operator, result) for profile in load_profiles() for result in run_examples(profile)]


@pytest.mark.parametrize("number", range(len(RESULTS)), ids=lambda n: f"{RESULTS[n][0]}: {RESULTS[n][1].why}")
def test_packaged(number: int) -> None:
    assert not RESULTS[number][1].failure, RESULTS[number][1].failure


def test_every_resource_has_an_example() -> None:
    for profile in load_profiles():
        assert all(resource.source.examples for resource in profile.resources), profile.operator


def test_every_word_of_every_outcome_has_an_example() -> None:
    """In the first resource that has the map; others use it by alias."""
    for profile in load_profiles():
        for resource in profile.resources:
            outcome = resource.source.outcome
            if outcome is None or len(resource.source.examples) < len(outcome.map):
                continue
            told = str([example.object for example in resource.source.examples])
            assert [word for word in outcome.map if f"'{word}'" not in told] == []


BODY = """
  - group: g
    versions: [v1]
    kind: K
    plural: ks
    record: run
    outcome: {{path: status.phase, map: {{Done: succeeded}}}}
    fields: {{started: status.start}}
    examples:
      - why: the only one
        object: {{status: {{phase: Done, start: "2026-03-02T01:00:00Z"}}}}
        {expectation}
"""


@pytest.mark.parametrize(
    ("expectation", "message"),
    [
        (
            'record: {started: "2026-03-02T01:00:00Z", outcome: succeeded, clock: 1}',
            "expected 1, got nothing",
        ),
        ("record: {outcome: failed}", "expected 'failed', got succeeded"),
        (
            'record: {started: "2026-03-02T01:00:01Z"}',
            "expected '2026-03-02T01:00:01Z', got 2026-03-02T01:00:00Z",
        ),
        ("record: {starts: 1}", "a run has no field `starts`"),
        ("absent: [started]", "expected nothing, got 2026-03-02T01:00:00Z"),
        ("problems: [bad_time]", "expected ['bad_time'], got no problem"),
        ("problems: [bad_tme]", "did you mean `bad_time`?"),
        ("records: []", "expected 0 records, got 1"),
        ("now: soon", "no RFC 3339 time"),
    ],
)
def test_failures(compiled: Callable[[str], Profile], expectation: str, message: str) -> None:
    [result] = run_examples(compiled(BODY.format(expectation=expectation)))
    assert message in result.failure
    assert result.failure.startswith("test.yaml:1")


def test_a_problem_that_was_not_expected(compiled: Callable[[str], Profile]) -> None:
    body = BODY.format(expectation="record: {outcome: succeeded}").replace("01:00:00Z", "soon")
    [result] = run_examples(compiled(body))
    assert "expected no problem, got bad_time at status.start: no time: '2026-03-02Tsoon'" in result.failure


def test_the_readme_shows_a_profile_that_works() -> None:
    readme = files("backup_sentinel.export.profile").joinpath("README.md").read_text("utf-8")
    profile = compile_profile(Document(readme.split("```yaml\n")[1].split("```")[0], "README.md"))
    assert [result.failure for result in run_examples(profile)] == [""]


def test_the_readme_names_all_words() -> None:
    readme = files("backup_sentinel.export.profile").joinpath("README.md").read_text("utf-8")
    words = {
        *FORMATS,
        *(
            f.encode_name
            for kind in (Expression, Condition, Outcomes, Resource)
            for f in msgspec.structs.fields(kind)
        ),
    }
    assert {word for word in words if word not in readme} == set()
