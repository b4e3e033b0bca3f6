"""Examples say nothing that the operators' own definitions do not know."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from .definitions import FOLDER, REASON, Defined, Object, found, lawful, whole

DEFINED = found()


def strict(schema: Object) -> Any:
    """Return a CustomResourceDefinition's schema as JSON Schema that also refuses fields it does not name."""
    made = {
        key: value for key, value in schema.items() if key not in {"properties", "items", "not", "pattern"}
    }
    if "pattern" in schema:
        made["pattern"] = schema["pattern"]
    if "properties" in schema:
        made["properties"] = {name: strict(inner) for name, inner in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields") and "additionalProperties" not in schema:
            made["additionalProperties"] = False
    if isinstance(schema.get("items"), dict):
        made["items"] = strict(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        made["additionalProperties"] = strict(schema["additionalProperties"])
    if schema.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
    if schema.get("nullable") and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    if schema.get("x-kubernetes-embedded-resource"):
        made.pop("additionalProperties", None)
    return made


@pytest.mark.skipif(not FOLDER, reason=REASON)
def test_the_folder_defines_what_is_read() -> None:
    assert DEFINED


@pytest.mark.parametrize("defined", DEFINED, ids=str)
def test_examples_are_objects_of_the_operator(defined: Defined) -> None:
    schema = strict(defined.schema)
    schema["properties"]["metadata"] = {"type": "object"}
    validator = Draft202012Validator(schema)
    wrong = [
        f"{example.why}: {'.'.join(map(str, error.path))}: {error.message}"
        for example in lawful(defined)
        for error in validator.iter_errors(whole(defined, example))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("defined", DEFINED, ids=str)
def test_what_the_operator_does_not_know_is_refused(defined: Defined) -> None:
    """The test before this one can fail."""
    schema = strict(defined.schema)
    schema["properties"]["metadata"] = {"type": "object"}
    invented = {**whole(defined, lawful(defined)[0]), "invented": 1}
    assert list(Draft202012Validator(schema).iter_errors(invented))
