"""The description of the API in OpenAPI 3.1, made from the shapes that are answered with."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backup_sentinel import __version__
from backup_sentinel.export.overview import PROBLEM, State
from backup_sentinel.model import Outcome

from .api import ENDPOINTS, LIMIT, MOST, PREFIX, Endpoint, Refusal
from .meanings import FIELDS, SHAPES
from .source import SHIELD

_STRING = {"type": "string"}
_REPEATED = {"style": "form", "explode": True}

_PARAMETERS: dict[str, tuple[str, dict[str, Any]]] = {
    "cluster": ("Name of the cluster; empty for the one without a name.", _STRING),
    "operator": ("Name of the operator.", _STRING),
    "resource_namespace": ("Namespace of the schedule, or of the place.", _STRING),
    "schedule": ("Name of the schedule; empty for ad-hoc runs and restores.", _STRING),
    "action": ("What the runs do, such as backup, export or restore.", _STRING),
    "target": ("The volume or application of a schedule that makes a run for each; else empty.", _STRING),
    "state": (
        "State of the schedule; `problem` stands for warning and critical.",
        {"type": "string", "enum": [*State, PROBLEM]},
    ),
    "outcome": ("Outcome of the run, or of the newest decisive run.", {"type": "string", "enum": [*Outcome]}),
    "q": ("Part of the schedule, namespace or target; upper and lower case are the same.", _STRING),
    "limit": ("How many rows.", {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT}),
    "offset": ("How many rows to pass over.", {"type": "integer", "minimum": 0, "default": 0}),
    "name": ("Name of the run's object.", _STRING),
    "namespace": ("Namespace of the run's object; without it `resource_namespace` of its stream.", _STRING),
}

_SINGLE = frozenset({"limit", "offset", "name", "namespace", "q"})

_REFUSALS = {
    400: "A parameter cannot be understood.",
    404: "There is nothing with these labels.",
    409: "More than one has these labels.",
}


def route() -> Route:
    """Return the route that serves the description."""
    description = msgspec.json.encode(describe())

    async def respond(_: Request) -> Response:
        return Response(description, media_type="application/json", headers=SHIELD)

    return Route(f"{PREFIX}/openapi.json", respond)


def describe() -> dict[str, Any]:
    """Return the description."""
    shapes = [endpoint.gives for endpoint in ENDPOINTS]
    _, components = msgspec.json.schema_components(
        [*shapes, Refusal], ref_template="#/components/schemas/{name}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Backup Sentinel",
            "version": __version__,
            "summary": "What is known of Kubernetes backups.",
            "description": (
                "Instants are Unix seconds, durations seconds, sizes bytes. What is not known is left out. "
                "A parameter that is given twice allows either value. Messages of operators are left out unless "
                "the client may read them (setting `export.show_messages`)."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "./"}],
        "security": [{}, {"basic": []}, {"certificate": []}],
        "paths": {PREFIX + endpoint.path: {"get": _operation(endpoint)} for endpoint in ENDPOINTS},
        "components": {
            "schemas": {name: _told(name, _present(schema)) for name, schema in components.items()},
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "certificate": {"type": "mutualTLS"},
            },
        },
    }


def _told(shape: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a shape with what it and its fields mean."""
    meaning = SHAPES.get(shape, schema.get("description", ""))
    fields = {
        name: {"description": FIELDS.get(f"{shape}.{name}") or FIELDS[name], **field}
        for name, field in schema.get("properties", {}).items()
    }
    more = {"properties": fields} if fields else {}
    return {**schema, "description": " ".join(meaning.split()), **more}


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "operationId": endpoint.path.removeprefix("/"),
        "summary": endpoint.summary,
        "parameters": [_parameter(name, endpoint) for name in endpoint.takes],
        "responses": {
            "200": _answer(endpoint.summary, endpoint.gives),
            **{str(status): _answer(_REFUSALS[status], Refusal) for status in endpoint.refuses},
        },
    }


def _parameter(name: str, endpoint: Endpoint) -> dict[str, Any]:
    meaning, schema = _PARAMETERS[name]
    several = name not in _SINGLE
    return {
        "name": name,
        "in": "query",
        "description": meaning,
        "required": name == "name" and endpoint.path == "/run",
        "schema": {"type": "array", "items": schema} if several else schema,
        **(_REPEATED if several else {}),
    }


def _answer(meaning: str, shape: type[msgspec.Struct]) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{shape.__name__}"}
    return {"description": meaning, "content": {"application/json": {"schema": reference}}}


def _present(schema: Any) -> Any:
    """Return a schema without null and defaults: what is not known is left out."""
    if isinstance(schema, list):
        return [_present(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        name: {field: _present(part) for field, part in value.items()}
        if name == "properties"
        else _present(value)
        for name, value in schema.items()
        if name != "default"
    }
    choices = kept.get("anyOf")
    if isinstance(choices, list):
        choices = [choice for choice in choices if choice != {"type": "null"}]
        if len(choices) == 1:
            del kept["anyOf"]
            return {**choices[0], **kept}
        kept["anyOf"] = choices
    return kept
