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
    "minLength": "minLength:",
    "pattern": "does not match pattern",
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
    silent = {"$schema", "title", "description", "default", "properties", "items"}
    assert used - silent == set(RULES)
    said = "\n".join(answers().values())
    assert [rule for rule, words in RULES.items() if words not in said] == []


def test_no_object_takes_unknown_fields() -> None:
    """Objects are closed, maps of one type, or what Kubernetes and its resources describe themselves."""
    for part in parts(SCHEMA):
        if "properties" in part:
            assert part["additionalProperties"] is False, part


def test_the_schema_is_of_the_draft_that_helm_knows() -> None:
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert "$ref" not in json.dumps(SCHEMA).replace("$schema", "")


def test_the_configuration_is_that_of_the_exporter() -> None:
    known = SCHEMA["properties"]["config"]["properties"]
    assert list(known) == list(Config.__struct_encode_fields__)
    for section in known.values():
        for field in section.get("properties", section.get("items", {}).get("properties")).values():
            assert field["description"]


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
    for inner in schema.get("anyOf", []):
        yield from parts(inner)
