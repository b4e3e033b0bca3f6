"""Examples say nothing that the operators' own definitions do not know."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from .definitions import FOLDER, REASON, Defined, found, lawful, strict, whole

DEFINED = found()


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
