"""The schemas of Kubernetes and of the Prometheus and the Grafana operator, and how they refuse what they do not know."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from support.process import TOOLS

SCHEMAS = TOOLS.parent / "schemas"
"""Made by tests/tools/kubeconform/schemas, which `make tools` runs."""

VERSIONS = ("1.25.16", "1.31.14", "1.36.3", "1.37.1")
"""Versions of Kubernetes: the oldest the chart supports, two in between, the newest whose module can be fetched."""


def read(name: str) -> dict[str, Any]:
    """Return a file of schemas; skip the test if it was not made, or fail where CI is "true"."""
    path = SCHEMAS / name
    if not path.is_file():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(
            f"{name} is missing; make it with: make tools"
        )
    made: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return made


SILENT = {"description", "default", "example"}


def strict(part: Any, *, named: bool = False) -> Any:
    """Return a JSON schema without descriptions that allows no fields but those it names.

    `named` is true for maps from names to schemas: there, a key is the name of a field.
    """
    if isinstance(part, list):
        return [strict(item) for item in part]
    if not isinstance(part, dict):
        return part
    if named:
        return {key: strict(value) for key, value in part.items()}
    if part.get("format") == "int-or-string" or part.get("x-kubernetes-int-or-string"):
        return {"oneOf": [{"type": "string"}, {"type": "integer"}]}
    made = {
        key: strict(value, named=key in {"properties", "definitions"})
        for key, value in part.items()
        if key not in SILENT and not key.startswith("x-")
    }
    if "properties" in made:
        made.setdefault("additionalProperties", False)
    return made


def bare(part: Any, *, named: bool = False) -> Any:
    """Return a schema without its descriptions, else as it is."""
    if isinstance(part, list):
        return [bare(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: bare(value, named=not named and key == "properties")
        for key, value in part.items()
        if named or key != "description"
    }


def definitions_of_the_operator() -> dict[str, Any]:
    """Return the CustomResourceDefinitions by name."""
    return read("monitoring.coreos.com.json")


def definitions_of_all_operators() -> dict[str, Any]:
    """Return those of the Grafana operator as well."""
    return {**definitions_of_the_operator(), **read("grafana.integreatly.org.json")}
