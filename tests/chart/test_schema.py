"""What the schema and the templates refuse, and in which words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from backup_sentinel.config import Config
from backup_sentinel.relay import channels, enrichers
from chart.rendering import CASES, CHART, RELEASE, helm, run_all, values_of

INVALID = sorted((Path(__file__).parent / "invalid").glob("*.yaml"))
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
RULES = {
    "additionalProperties": "additional properties",
    "anyOf": "anyOf",
    "enum": "value must be one of",
    "exclusiveMinimum": "exclusiveMinimum:",
    "maximum": "maximum:",
    "maxLength": "maxLength:",
    "minimum": "minimum:",
    "minItems": "minItems:",
    "minLength": "minLength:",
    "pattern": "does not match pattern",
    "required": "missing propert",
    "type": "got ",
}
"""The keywords that refuse something, and the words of Helm."""


@cache
def answers() -> dict[str, str]:
    """Return what Helm says of each invalid file."""

    def ask(path: Path) -> str:
        done = helm("template", RELEASE, CHART, "--values", path)
        return "" if done.returncode == 0 else done.stderr

    return {path.stem: answer for path, answer in zip(INVALID, run_all(ask, INVALID), strict=True)}


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_invalid_values_are_refused(path: Path) -> None:
    expected = re.match(r"# expect: (.+)\n", path.read_text("utf-8"))
    assert expected
    answer = answers()[path.stem]
    assert expected[1] in answer
    assert answer.count("\n- at ") + answer.count("\n\n") < 4, "says more than one thing is wrong"


def test_there_is_an_invalid_file_for_each_rule() -> None:
    used = {key for part in parts(SCHEMA) for key in part}
    silent = {"$schema", "title", "description", "default", "properties", "items", "allOf", "if", "then"}
    assert used - silent == set(RULES)
    said = "\n".join(answers().values())
    assert [rule for rule, words in RULES.items() if words not in said] == []


def test_no_object_takes_unknown_fields() -> None:
    """Objects are closed, maps of one type, or what Kubernetes and its resources describe themselves."""
    for part in parts(SCHEMA):
        if set(part) > {"properties"}:  # one that says what fields there are, not which of them decides
            assert "properties" not in part or part["additionalProperties"] is False, part


def test_the_schema_is_of_the_draft_that_helm_knows() -> None:
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert "$ref" not in json.dumps(SCHEMA).replace("$schema", "")


def test_the_configuration_is_that_of_each_process() -> None:
    """Each takes the whole file; the chart takes for each what it reads of it."""
    exporter = SCHEMA["properties"]["config"]["properties"]
    relay = SCHEMA["properties"]["relay"]["properties"]["config"]["properties"]
    notify = SCHEMA["properties"]["notify"]["properties"]["config"]["properties"]
    assert [*exporter, "relay", "notify"] == list(Config.__struct_encode_fields__)
    assert list(relay) == ["log", "web", "clusters", "relay"]
    assert list(notify) == ["log", "relay", "notify"]
    assert list(notify["relay"]["properties"]) == ["channels"]
    for section in (*exporter.values(), *relay.values(), *notify.values()):
        for field in section.get("properties", section.get("items", {}).get("properties")).values():
            assert field["description"]


RELAY = SCHEMA["properties"]["relay"]["properties"]["config"]["properties"]["relay"]["properties"]
NOTIFY = SCHEMA["properties"]["notify"]["properties"]["config"]["properties"]["relay"]["properties"]


@pytest.mark.parametrize(
    ("entries", "known"),
    [
        (RELAY["channels"], channels.kinds()),
        (RELAY["enrichers"], enrichers.kinds()),
        (NOTIFY["channels"], channels.kinds()),
    ],
    ids=["channels", "enrichers", "channels of notify"],
)
def test_there_is_a_branch_for_each_kind(entries: dict[str, Any], known: dict[str, Any]) -> None:
    """Chosen by `type`, so that an error is about the unit that was meant."""
    told, *branches = entries["items"]["allOf"]
    assert set(told["properties"]["type"]["enum"]) == set(known)
    assert len(branches) == len(known)
    for branch in branches:
        (kind,) = branch["if"]["properties"]["type"]["enum"]
        fields = {*known[kind].__struct_encode_fields__, "type"}
        assert set(branch["then"]["properties"]) == fields
        assert all(branch["then"]["properties"][name]["description"] for name in fields - {"type"}), kind


def test_defaults_of_the_schema_are_those_of_the_values() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    assert set(SCHEMA["properties"]) - set(values) == {"global", "enabled"}

    def compare(schema: dict[str, Any], value: dict[str, Any]) -> None:
        for key, part in schema["properties"].items():
            if key in value and part.get("properties") and value[key]:
                compare(part, value[key])
            elif key in value and "default" in part and not part.get("properties"):
                assert part["default"] == value[key], key

    compare(SCHEMA, values)


@pytest.mark.parametrize("case", CASES)
def test_valid_values_say_what_they_are_for(case: str) -> None:
    assert re.match(r"# [A-Z].+\.\n", values_of(case).read_text("utf-8"))


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield a schema and all that are in it."""
    yield schema
    for inner in schema.get("properties", {}).values():
        yield from parts(inner)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from parts(schema[key])
    for inner in (*schema.get("anyOf", []), *schema.get("allOf", [])):
        yield from parts(inner)
    if "then" in schema:
        yield from parts(schema["then"])
