"""CustomResourceDefinitions of the operators themselves, and examples made whole by them.

They are no part of the project. The environment variable BACKUP_SENTINEL_CRDS names a folder of them, with any
folders inside.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from backup_sentinel.export.profile import Profile, load_profiles
from backup_sentinel.export.profile.compile import CompiledResource
from backup_sentinel.export.profile.examples import complete
from backup_sentinel.export.profile.schema import Example

FOLDER = os.environ.get("BACKUP_SENTINEL_CRDS", "")
REASON = "BACKUP_SENTINEL_CRDS names no folder of CustomResourceDefinitions"
Object = dict[str, Any]
_PLAIN: Object = {"string": "x", "integer": 0, "number": 0, "boolean": False}


class Defined(NamedTuple):
    """A resource of a profile, and its definition by the operator."""

    profile: Profile
    resource: CompiledResource
    manifest: Object

    @property
    def schema(self) -> Object:
        """The OpenAPI schema of the version that the profile reads."""
        [version] = [
            version
            for version in self.manifest["spec"]["versions"]
            if version["name"] == self.resource.type.versions[0]
        ]
        schema: Object = version["schema"]["openAPIV3Schema"]
        return schema

    def __str__(self) -> str:
        return self.resource.name


def found() -> list[Defined]:
    """Return all resources of shipped profiles that the folder defines."""
    known = {manifest["metadata"]["name"]: manifest for manifest in _manifests()}
    return [
        Defined(profile, resource, known[resource.name])
        for profile in load_profiles()
        for resource in profile.resources
        if resource.name in known
    ]


def _manifests() -> Iterator[Object]:
    for path in sorted(Path(FOLDER).rglob("*.y*ml")) if FOLDER else ():
        for manifest in yaml.safe_load_all(path.read_text("utf-8")):
            if manifest and manifest.get("kind") == "CustomResourceDefinition":
                yield _modern(manifest)


def _modern(manifest: Object) -> Object:
    """Return a definition as servers of today take it; one of v1beta1 has a single schema for all versions."""
    spec = {key: value for key, value in manifest["spec"].items() if key != "conversion"}
    if manifest["apiVersion"].endswith("/v1beta1"):
        spec.pop("additionalPrinterColumns", None)
        spec.pop("preserveUnknownFields", None)
        schema, subresources = spec.pop("validation", {}), spec.pop("subresources", {})
        named = spec.pop("version", None)
        spec["scope"] = spec.get("scope") or "Namespaced"
        versions = spec.get("versions") or [{"name": named, "served": True, "storage": True}]
        spec["versions"] = [
            {**version, "schema": schema, **({"subresources": subresources} if subresources else {})}
            for version in versions
        ]
    metadata = {
        key: manifest["metadata"][key] for key in ("name", "annotations") if key in manifest["metadata"]
    }
    return {**manifest, "apiVersion": "apiextensions.k8s.io/v1", "metadata": metadata, "spec": spec}


def lawful(defined: Defined) -> list[Example]:
    """Return the examples that an API server would hold: those with problems show what it should not."""
    return [example for example in defined.resource.source.examples if not example.problems]


def whole(defined: Defined, example: Example) -> Object:
    """Return the object of an example with what the schema requires and the example is not about.

    A null and an empty text that the schema does not allow are left out, as operators written in Go do.
    """
    value = complete(example.object, defined.resource)
    filled: Object = _filled(copy.deepcopy(value), defined.schema)
    return {**filled, "metadata": {k: v for k, v in value["metadata"].items() if v is not None}}


def _filled(value: Any, schema: Object) -> Any:
    if isinstance(value, list):
        return [_filled(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    fields = {key: properties.get(key, others if isinstance(others, dict) else {}) for key in value}
    kept = {key: _filled(item, fields[key]) for key, item in value.items() if _told(item, fields[key])}
    for key in schema.get("required", ()):
        if key not in kept:
            kept[key] = _least(properties.get(key, {}))
    return kept


def _told(value: Any, schema: Object) -> bool:
    if value == "":
        return "" in schema.get("enum", [""])
    return value is not None or bool(schema.get("nullable"))


def _least(schema: Object) -> Any:
    """Return the least value that a schema allows."""
    if "default" in schema:
        return schema["default"]
    if schema.get("enum"):
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return _filled({}, schema)
        case "array":
            return [_least(schema.get("items", {}))] * schema.get("minItems", 0)
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "string" if schema.get("format") == "date-time":
            return "2026-03-02T01:00:00Z"
    return _PLAIN.get(schema.get("type", "string"), "x")


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
