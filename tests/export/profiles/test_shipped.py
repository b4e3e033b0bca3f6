"""Every shipped profile holds to the same rules; its examples are tried one by one in `test_examples`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import PurePosixPath

import pytest
from msgspec.structs import replace

from backup_sentinel.export.cron import DIALECTS
from backup_sentinel.export.profile import Profile, load_profiles
from backup_sentinel.export.profile.compile import CompiledResource
from backup_sentinel.export.profile.convert import rfc3339
from backup_sentinel.export.profile.examples import FAR, field_of, read_example
from backup_sentinel.export.profile.schema import Outcomes, Record
from backup_sentinel.generate.rbac import Grant, manifests, rules
from backup_sentinel.model import Record as Read
from backup_sentinel.model import Run, Schedule

PROFILES = {profile.operator: profile for profile in load_profiles()}


@pytest.fixture(params=sorted(PROFILES))
def profile(request: pytest.FixtureRequest) -> Profile:
    return PROFILES[request.param]


def parts(resource: CompiledResource) -> list[Record]:
    """The records that a resource describes."""
    return [resource.source, *resource.source.also]


def readings(profile: Profile, resource: CompiledResource) -> Iterator[Read]:
    for example in resource.source.examples:
        now = rfc3339(example.now) if example.now else None
        yield from read_example(profile, resource, example, now or FAR).records


def test_every_file_of_the_folder_is_a_profile() -> None:
    entries = [PurePosixPath(entry.name) for entry in files("backup_sentinel.export.profiles").iterdir()]
    assert sorted(PROFILES) == sorted(entry.stem for entry in entries if entry.suffix in {".yaml", ".yml"})


def test_it_says_what_it_is(profile: Profile) -> None:
    assert profile.title
    assert profile.documentation.startswith("https://")
    assert profile.since
    assert all(resource.source.why for resource in profile.resources)
    assert profile.document.text.isascii()


def test_its_crons_have_a_dialect(profile: Profile) -> None:
    for resource in profile.resources:
        for record in readings(profile, resource):
            if getattr(record, "crons", ()):
                assert getattr(record, "dialect", None) in DIALECTS, resource.name


def test_every_record_comes_out_of_an_example(profile: Profile) -> None:
    for resource in profile.resources:
        seen = {type(record).__name__.lower() for record in readings(profile, resource)}
        assert seen == {part.record for part in parts(resource)}, resource.name


def test_every_field_is_known_in_an_example(profile: Profile) -> None:
    """Of the resource, or of another one that has the same expression, as an alias in YAML gives it."""
    known: set[tuple[str, str]] = set()
    for resource in profile.resources:
        for record in readings(profile, resource):
            word = type(record).__name__.lower()
            for part in parts(resource):
                if part.record == word:
                    known |= {
                        (name, repr(expr))
                        for name, expr in part.fields.items()
                        if field_of(record, name) not in (None, (), "")
                    }
    unknown = [
        f"{resource.name}: {name}"
        for resource in profile.resources
        for part in parts(resource)
        for name, expr in part.fields.items()
        if (name, repr(expr)) not in known
    ]
    assert not unknown


def test_every_outcome_comes_out_of_an_example(profile: Profile) -> None:
    told: dict[str, tuple[Outcomes, set[str], str]] = {}
    for resource in profile.resources:
        read = [getattr(record, "outcome", None) for record in readings(profile, resource)]
        outcomes = {outcome.value for outcome in read if outcome is not None}
        objects = str([example.object for example in resource.source.examples])
        for part in parts(resource):
            if part.outcome is not None:
                rules, seen, text = told.get(repr(part.outcome), (part.outcome, set(), ""))
                told[repr(part.outcome)] = (rules, seen | outcomes, text + objects)
    for rules, seen, text in told.values():
        wanted = {*rules.map.values(), *(rule.is_ for rule in rules.rules)}
        wanted |= {rules.absent} if rules.absent is not None else set()
        assert {outcome.value for outcome in wanted} - seen == set()
        assert [word for word in rules.map if f"'{word}'" not in text] == []


def test_runs_find_their_schedule(profile: Profile) -> None:
    """By key, as the store joins them: in the examples there is a run of a schedule that is there too."""
    read = [record for resource in profile.resources for record in readings(profile, resource)]
    schedules = {record.key for record in read if isinstance(record, Schedule)}
    runs = {replace(record.key, target="") for record in read if isinstance(record, Run)}
    assert bool(schedules) == bool(schedules & runs)


def test_the_rights_cover_all_that_it_reads(profile: Profile) -> None:
    granted = {
        (group, plural)
        for manifest in manifests([Grant(rules([profile]))], namespace="watch")
        if manifest["kind"] == "ClusterRole"
        for rule in manifest["rules"]
        if {"list", "watch"} <= set(rule["verbs"])
        for group in rule["apiGroups"]
        for plural in rule["resources"]
    }
    assert {(r.type.group, r.type.plural) for r in profile.resources if not r.type.aggregated} <= granted
