"""The API keeps to its description."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from backup_sentinel.export.web.meanings import FIELDS, SHAPES
from backup_sentinel.export.web.openapi import describe
from export.store.world import FAILED, World, key, location, run, schedule
from export.web.kit import NASTY, NOW, fleet, hostile, served

SHOP = {
    "cluster": "",
    "operator": "velero",
    "resource_namespace": "shop-backups",
    "schedule": "shop",
    "action": "backup",
    "target": "",
}
NAME = f"shop-{NOW - 3600:.0f}"
QUESTIONS: dict[str, list[dict[str, str]]] = {
    "/schedules": [{}, SHOP, {"state": "problem"}, {"q": "none"}, {"limit": "1", "offset": "1"}],
    "/schedule": [SHOP],
    "/runs": [{}, {"outcome": "failed"}, {"limit": "2"}],
    "/run": [{"name": NAME, **SHOP}, {"name": NAME, "namespace": "shop-backups"}],
    "/locations": [{}, {"cluster": "prod"}, {"limit": "1", "offset": "1"}],
    "/clusters": [{}, {"cluster": "prod"}, {"limit": "1", "offset": "1"}],
}
REFUSED = [
    ("/schedules?state=fine", 400),
    ("/schedules?limit=0", 400),
    ("/schedules?limit=-1", 400),
    ("/schedules?limit=1001", 400),
    ("/schedules?offset=%D9%A1", 400),
    ("/schedules?color=red", 400),
    ("/runs?offset=9999&limit=1000", 400),
    ("/schedule?schedule=none", 404),
    ("/schedule", 409),
    ("/run", 400),
    ("/run?name=none", 404),
    ("/locations?outcome=bad", 400),
    ("/clusters?x=y", 400),
    ("/clusters?limit=0", 400),
    ("/nothing", 404),
]


def check(shape: dict[str, Any], value: Any) -> None:
    whole = {**shape, "components": describe()["components"]}
    jsonschema.Draft202012Validator(whole).validate(value)


def strict(schema: Any) -> Any:
    """Return a schema under which nothing may be there that is not described."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: strict(part) for name, part in schema.items()}
    if "properties" in told and isinstance(told.get("properties"), dict) and told.get("type") == "object":
        told["additionalProperties"] = False
    return told


def test_the_description_is_valid_and_is_what_is_served() -> None:
    description = describe()
    OpenAPIV31SpecValidator(description).validate()
    with served(World()) as site:
        assert site.json("/api/v1/openapi.json") == description


def test_every_shape_and_field_is_explained_and_nothing_else() -> None:
    schemas = describe()["components"]["schemas"]
    used = set()
    for shape, schema in schemas.items():
        assert schema["description"].endswith("."), shape
        for name, field in schema.get("properties", {}).items():
            assert field["description"].endswith("."), (shape, name)
            used.add(f"{shape}.{name}" if f"{shape}.{name}" in FIELDS else name)
    assert used == FIELDS.keys()
    assert SHAPES.keys() <= schemas.keys()


def test_every_path_is_asked_here() -> None:
    assert {f"/api/v1{path}" for path in QUESTIONS} == set(describe()["paths"])


@pytest.mark.parametrize("build", [fleet, hostile, World])
def test_every_answer_is_as_described(build: Any) -> None:
    described = strict(describe())
    with served(build()) as site:
        for path, questions in QUESTIONS.items():
            responses = described["paths"][f"/api/v1{path}"]["get"]["responses"]
            for question in questions:
                answer = site.get(f"/api/v1{path}?{urlencode(question)}")
                assert answer.status == 200 or build is not fleet, answer
                shape = responses[str(answer.status)]["content"]["application/json"]["schema"]
                whole = {**shape, "components": described["components"]}
                jsonschema.Draft202012Validator(whole).validate(json.loads(answer.body))


def test_the_check_above_can_fail() -> None:
    shape = strict(describe())["components"]["schemas"]["Refusal"]
    for wrong in ({}, {"error": 1}, {"error": "x", "more": 1}):
        with pytest.raises(jsonschema.ValidationError):
            check(shape, wrong)


@pytest.mark.parametrize(("path", "status"), REFUSED)
def test_a_refusal_is_a_sentence(path: str, status: int) -> None:
    with served(fleet()) as site:
        told = site.json(f"/api/v1{path}", status)
    assert list(told) == ["error"]
    assert told["error"].endswith(".")


def test_only_reading_is_possible() -> None:
    with served(fleet()) as site:
        answer = site.get("/api/v1/schedules", method="DELETE")
        assert answer.status == 405
        assert "GET" in answer.headers["allow"][0]
        assert b"error" in answer.body
        assert site.get("/api/v1/schedules", method="HEAD").status == 200


def test_labels_of_an_alert_find_all_that_is_to_be_said_of_it() -> None:
    with served(fleet()) as site:
        told = site.json(f"/api/v1/schedules?{urlencode(SHOP)}")
    [row] = told["schedules"]
    newest = row["newest"]
    assert (newest["name"], newest["phase"], newest["reason"]) == (NAME, "Failed", "credentials")
    assert (newest["items"], newest["items_expected"]) == (40, 100)
    assert (newest["errors"], newest["warnings"]) == (3, 1)
    assert [one["outcome"] for one in newest["volumes"]] == ["failed", "succeeded"]
    assert (row["location"], row["location_available"]) == ("default", False)
    assert row["next_due"] > NOW - 3600
    assert "last_success" not in row
    assert told["state"] == "critical"


def test_a_run_under_way_tells_how_far_it_is() -> None:
    with served(fleet()) as site:
        [row] = site.json("/api/v1/schedules?schedule=nightly")["schedules"]
    assert row["under_way"]["outcome"] == "running"
    assert (row["under_way"]["items"], row["under_way"]["items_expected"]) == (5, 10)
    assert row["last_success_run"] == row["newest"]["name"]


def test_pages_of_an_answer_make_up_the_whole() -> None:
    world = World()
    for n in range(25):
        world.put(
            schedule(of=key(f"s{n:02}")),
            run(NOW + n, FAILED if n % 2 else run(0).outcome, of=key(f"s{n:02}")),
        )
    world.put(*(location(f"l{n:02}", available=not n % 3) for n in range(25)))
    with served(world) as site:
        for what in ("schedules", "runs", "locations"):
            whole = site.json(f"/api/v1/{what}")[what]
            parts = [site.json(f"/api/v1/{what}?limit=10&offset={at}")[what] for at in (0, 10, 20)]
            assert [row for part in parts for row in part] == whole
            assert len(whole) == 25
        assert site.json("/api/v1/locations?limit=1")["locations_total"] == 25


def test_clusters_can_be_leafed_through() -> None:
    world = World()
    for n in range(25):
        world.feed(cluster=f"c{n:02}")
    with served(world) as site:
        whole = site.json("/api/v1/clusters")
        parts = [site.json(f"/api/v1/clusters?limit=10&offset={at}") for at in (0, 10, 20, 30)]
    assert [row for part in parts for row in part["clusters"]] == whole["clusters"]
    assert [len(part["clusters"]) for part in parts] == [10, 10, 5, 0]
    assert [part["offset"] for part in parts] == [0, 10, 20, 30]
    assert {part["total"] for part in (whole, *parts)} == {25} == {len(whole["clusters"])}


def test_any_name_can_be_asked_for() -> None:
    with served(hostile()) as site:
        for name in NASTY:
            told = site.json(f"/api/v1/schedules?{urlencode({'schedule': name})}")
            assert [row["schedule"] for row in told["schedules"]] == [name]
            found = site.json(f"/api/v1/run?{urlencode({'name': name, 'namespace': name})}")
            assert (found["name"], found["message"]) == (name, name.strip())


def test_storage_that_cannot_be_used_is_told_beside_schedules() -> None:
    with served(fleet()) as site:
        told = site.json("/api/v1/schedules?cluster=")
    assert (told["locations_unavailable"], told["repositories_unready"]) == (1, 0)
    assert [(row["location"], row["available"]) for row in told["locations"]] == [("default", False)]
    assert "repositories" not in told


def test_volumes_are_left_out_where_no_object_tells_of_any() -> None:
    world = World()
    world.put(run(NOW, FAILED, name="x"))
    with served(world) as site:
        told = site.json("/api/v1/run?name=x")
    assert not [name for name in told if name.startswith("volumes")]


def test_several_runs_of_a_name_are_told_apart() -> None:
    world = World()
    world.put(run(NOW, of=key("a", cluster="one"), name="x"), run(NOW, of=key("a", cluster="two"), name="x"))
    with served(world) as site:
        site.json("/api/v1/run?name=x", 409)
        assert site.json("/api/v1/run?name=x&cluster=two")["cluster"] == "two"
