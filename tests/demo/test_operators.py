"""Operators that are a file: their objects are true to the operators, and the shipped profiles read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import aiohttp
import msgspec
import pytest
from jsonschema import Draft202012Validator

from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.cluster import SimulatedCluster
from backup_sentinel.demo.operators import OPERATORS, load_operator
from backup_sentinel.demo.operators.file import OperatorFile, Template, lay
from backup_sentinel.demo.operators.filling import Form, fill_text
from backup_sentinel.demo.operators.told import Moment, Span
from backup_sentinel.demo.stage import find_operator
from backup_sentinel.demo.story import Story
from backup_sentinel.demo.storyfile import parse_story
from backup_sentinel.demo.times import ManualClock, instant
from backup_sentinel.errors import DocumentError
from backup_sentinel.export.profile import load_profiles
from backup_sentinel.model import Outcome, Record, Run, Schedule
from export.profiles.definitions import FOLDER, REASON, found, strict

START = instant("2026-11-21T03:30:17Z")
NAMES = sorted(path.stem for path in OPERATORS.glob("*.yaml"))
BEATS = 55
"""More than the story of the demo has."""

Object = dict[str, Any]


@cache
def told() -> dict[str, list[Object]]:
    """Return every object that written operators show in the course of the demo's story, by `plural.group`."""
    clock = ManualClock(START)
    story = Story.load("fleet", clock=clock)
    seen: dict[str, dict[bytes, None]] = {}
    for _ in range(BEATS):
        for cluster in story.clusters.values():
            for kind in cluster.types:
                if kind.group != "velero.io" and kind.plural != "namespaces":
                    items = cluster.shelf(kind).items.values()
                    seen.setdefault(kind.name, {}).update((item.body, None) for item in items)
        clock.move(story.tick)
        story.step()
    return {name: [msgspec.json.decode(body) for body in bodies] for name, bodies in seen.items()}


def records(operator: str, plural: str = "") -> Iterator[Record]:
    """Return what the shipped profile makes of them; no object may be a problem."""
    [profile] = [profile for profile in load_profiles() if profile.operator == operator]
    for resource in profile.resources:
        if plural in {"", resource.type.plural}:
            reader = profile.reader("prod", resource, lambda: START + 86400)
            for value in told().get(resource.name, []):
                item = reader.item(msgspec.json.encode(value))
                assert not item.value.problems, (item.value.problems, value)
                yield from item.value.records


def test_the_story_tells_of_many_operators() -> None:
    story = Story.load("fleet", clock=ManualClock(START))
    operators = {site.spec.operator for site in story.stage.sites}
    assert operators == {*NAMES, "velero"}
    assert len(operators) >= 6
    assert len(story.clusters) >= 3


@pytest.mark.parametrize("operator", NAMES)
def test_the_profile_reads_failures_and_recoveries(operator: str) -> None:
    outcomes = Counter(record.outcome for record in records(operator) if isinstance(record, Run))
    assert {Outcome.RUNNING, Outcome.SUCCEEDED, Outcome.FAILED} <= outcomes.keys() | (
        {Outcome.RUNNING} if operator == "kubedr" else set()  # which never says so
    )
    assert outcomes[Outcome.UNKNOWN] == 0
    assert ("partial" in load_operator(operator).outcomes) <= (
        Outcome.PARTIAL in outcomes or operator == "longhorn"  # where each volume is a run of its own
    )
    promises = [record for record in records(operator) if isinstance(record, Schedule)]
    assert {promise.key.schedule for promise in promises} == {
        record.key.schedule
        for record in records(operator)
        if isinstance(record, Run) and record.key.action != "restore"
    }


def test_a_failure_tells_its_cause() -> None:
    reasons = {
        operator: {record.reason for record in records(operator) if isinstance(record, Run) and record.reason}
        for operator in NAMES
    }
    assert {"network", "snapshot"} <= reasons["kasten"]
    assert "conflict" in reasons["kubedr"] | reasons["volsync"], reasons


def test_fan_out_tells_volumes_apart() -> None:
    runs = [record for record in records("longhorn", "backups") if isinstance(record, Run)]
    assert len({run.key.target for run in runs}) == 4
    failed = {run.name: run for run in runs if run.outcome is Outcome.FAILED}
    slots = Counter(run.created for run in failed.values())
    assert 1 in slots.values(), "one volume of a slot failed, the others did not"


def test_one_object_is_many_runs() -> None:
    starts = {
        record.started
        for record in records("volsync")
        if isinstance(record, Run) and record.key.schedule == "photos" and record.started
    }
    assert len(starts) >= 3


def test_events_go_after_an_hour() -> None:
    clock = ManualClock(START)
    story = Story.load("fleet", clock=clock)
    cluster = story.clusters["prod-us"]
    first = {event["metadata"]["name"] for event in cluster.objects("events")}
    assert first
    story.advance(3700)
    later = {event["metadata"]["name"]: event for event in cluster.objects("events")}
    assert later
    assert not first & later.keys()


@pytest.mark.skipif(not FOLDER, reason=REASON)
def test_objects_are_those_that_the_operators_define() -> None:
    wrong, checked = [], Counter[str]()
    for defined in found():
        schema = strict(defined.schema)
        schema["properties"]["metadata"] = {"type": "object"}
        validator = Draft202012Validator(schema)
        for value in told().get(defined.resource.name, ()):
            checked[defined.profile.operator] += 1
            wrong += [
                f"{defined}: {'.'.join(map(str, error.path))}: {error.message}"
                for error in validator.iter_errors(value)
            ]
    assert not wrong, "\n".join(sorted(set(wrong)))
    assert checked.keys() >= {*NAMES} - {"kasten"}, "of all but the one that defines none"


async def test_an_aggregated_api_is_listed_whole_and_not_watched() -> None:
    story = Story.load("fleet", clock=ManualClock(START))
    path = "/apis/actions.kio.kasten.io/v1alpha1"
    async with (
        SimulatedApiServer(story.clusters["prod-us"]) as server,
        aiohttp.ClientSession(server.url) as client,
    ):
        async with client.get(f"{path}/backupactions", params={"limit": "1"}) as answer:
            listed = await answer.json()
        assert len(listed["items"]) > 1
        assert listed["metadata"] == {}
        async with client.get(f"{path}/backupactions", params={"watch": "1"}) as answer:
            assert answer.status == 405
        async with client.get(path) as answer:
            verbs = {entry["name"]: entry["verbs"] for entry in (await answer.json())["resources"]}
        assert "list" in verbs["backupactions"]
        assert "watch" not in verbs["backupactions"]


@pytest.mark.parametrize(
    ("text", "values", "written"),
    [
        ("{at}", {"at": Moment(START)}, "2026-11-21T03:30:17Z"),
        ("{at:+90s}", {"at": Moment(START)}, "2026-11-21T03:31:47Z"),
        ("on {at:ctime}", {"at": Moment(START)}, "on Sat Nov 21 03:30:17 2026"),
        ("{at:-1h stamp}", {"at": Moment(START)}, "20261121023017"),
        ("{took}", {"took": Span(62)}, "1m2s"),
        ("{took:s}", {"took": Span(2.54)}, "2.5"),
        ("{none} and {none}", {"none": None}, ""),
        ('{{"a":{one}}}', {"one": 1}, '{"a":1}'),
    ],
)
def test_texts_with_values(text: str, values: Object, written: str) -> None:
    assert fill_text(text, values) == written


def test_a_value_alone_keeps_its_type_and_one_that_is_not_known_is_left_out() -> None:
    template = Template(
        object={"count": "{count}", "gone": "{none}", "list": ["{none}", "{count}"], "kept": None},
        states={"late": {"gone": "there", "list": []}},
    )
    values = {"count": 7, "none": None}
    assert Form(template).fill(frozenset(), values) == {"count": 7, "list": [7], "kept": None}
    assert Form(template).fill(frozenset({"late"}), values) == {
        "count": 7,
        "gone": "there",
        "list": [],
        "kept": None,
    }
    template.when = ["early"]
    assert Form(template).fill(frozenset({"late"}), values) is None


def test_what_is_laid_over() -> None:
    under = {"a": {"b": 1, "c": [1]}, "d": 1}
    assert lay(under, {"a": {"c": [2]}, "e": {"f": 1}}) == {"a": {"b": 1, "c": [2]}, "d": 1, "e": {"f": 1}}
    assert under == {"a": {"b": 1, "c": [1]}, "d": 1}


SMALL = """
name: small
start: 2026-11-21T00:00:00Z
clusters:
  east:
    sites:
      - namespace: shop
        operator: k8up
        schedules: [{name: nightly, schedule: 0 1 * * *, OUTCOME}]
"""


def small(extra: str = "duration: 1m") -> SimulatedCluster:
    return Story(parse_story(SMALL.replace("OUTCOME", extra))).clusters["east"]


def test_a_small_story() -> None:
    assert len(small().objects("backups.k8up.io")) == 30


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (lambda: small("recent: [partial]"), "the demo's k8up knows no outcome 'partial'"),
        (lambda: find_operator("nobody"), "no operator 'nobody' in the demo"),
        (lambda: fill_text("{nothing.here}", {}), "no value `nothing.here`"),
        (lambda: fill_text("{open", {}), "not a text with values in braces"),
    ],
)
def test_what_is_wrong_is_told(do: Callable[[], object], message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        do()


def test_each_file_is_of_the_operator_it_is_named_after() -> None:
    for name in NAMES:
        file = load_operator(name)
        assert isinstance(file, OperatorFile)
        assert file.operator == name
