"""The JSON schema of the chart's values, draft-07, the one that Helm knows."""

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from backup_sentinel.config import Config

from .chart_notify import NotifyConfig
from .chart_relay import RelayConfig
from .chart_text import Switch, explanations
from .chart_values import ChartValues

Part = dict[str, Any]

OTHERS = ("relay", "notify")
"""Keys of a configuration file that the exporter does not read."""


def schema(found: Sequence[Switch], boards: Sequence[str]) -> Part:
    """Return the schema. `boards` are the names of the dashboards."""
    (_,), parts = msgspec.json.schema_components([ChartValues], ref_template="#/definitions/{name}")
    root = _inline(parts["ChartValues"], parts)
    _explain(root, ChartValues)
    _narrow(root["properties"])
    values = root["properties"]
    rule = values["prometheusRule"]["properties"]
    rule["disabled"]["items"]["enum"] = sorted(alert for switch in found for alert in switch.alerts)
    rule["groups"] = {
        "description": "Which groups of rules to load.",
        "type": "object",
        "properties": {
            switch.key: {"description": switch.text, "type": "boolean", "default": switch.default}
            for switch in found
        },
        "additionalProperties": False,
    }
    values["dashboards"]["properties"]["disabled"]["items"]["enum"] = sorted(boards)
    # What charts that have this one as a dependency hand down.
    values["global"] = {
        "description": "Values of all charts of a release: `imageRegistry` and `imagePullSecrets` are used.",
        "type": "object",
    }
    values["enabled"] = {
        "description": "Not used here: the condition of charts that have this one as a dependency.",
        "type": "boolean",
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart backup-sentinel",
        **{key: value for key, value in _split(root).items() if key not in {"title", "description"}},
    }


def _narrow(values: Part) -> None:
    """Keep from each configuration file what its process reads."""
    known = set(Config.__struct_encode_fields__)
    for one in (RelayConfig, NotifyConfig):
        assert set(one.__struct_encode_fields__) <= known, one
    for other in OTHERS:
        values["config"]["properties"].pop(other)
    relay = values["relay"]["properties"]["config"]["properties"]
    relay["web"]["properties"]["listen"]["default"] = RelayConfig().web.listen
    notify = values["notify"]["properties"]["config"]["properties"]
    channels = notify["relay"]["properties"]["channels"]
    notify["relay"]["properties"] = {"channels": channels}
    del notify["notify"]["properties"]["lookback"]  # a value of its own, and an argument


def _inline(part: Any, parts: Part) -> Any:
    """Return a schema with references replaced by what they lead to: in draft-07 nothing may stand beside them."""
    if isinstance(part, list):
        return [_inline(item, parts) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inline(parts[part["$ref"].rpartition("/")[2]], parts)
    return {
        key: _inline(value, parts)
        for key, value in part.items()
        if not _idle(key, value) and key != "discriminator"
    }


def _idle(key: str, value: Any) -> bool:
    """Tell whether a keyword says nothing to those who use the chart: names and texts of classes."""
    return (
        (key == "title" and isinstance(value, str))
        or (key == "required" and value == [])
        or (key == "description" and isinstance(value, str))
    )


def _split(part: Any) -> Any:
    """Return a schema in which a choice of objects is made by their field `type`, not by trying them all.

    An error is then about what is wrong in the object that was meant.
    """
    if isinstance(part, list):
        return [_split(item) for item in part]
    if not isinstance(part, dict):
        return part
    made = {key: _split(value) for key, value in part.items()}
    choices = made.get("anyOf", [])
    if not choices or not all("enum" in one.get("properties", {}).get("type", {}) for one in choices):
        return made
    del made["anyOf"]
    kinds = [kind for one in choices for kind in one["properties"]["type"]["enum"]]
    branches = [{"if": {"properties": {"type": one["properties"]["type"]}}, "then": one} for one in choices]
    told = {"properties": {"type": {"enum": kinds}}}
    return {**made, "type": "object", "required": ["type"], "allOf": [told, *branches]}


def _explain(part: Part, struct: type[msgspec.Struct]) -> None:
    """Add the descriptions of the fields."""
    texts = explanations(struct)
    for field in msgspec.structs.fields(struct):
        about = part["properties"][field.encode_name]
        for held in _structs(field.type):
            for candidate in _objects(about):
                if _is_of(candidate, held):
                    _explain(candidate, held)
        if "properties" in about:
            about.pop("default", None)  # the fields tell theirs
        text, _ = texts.get(field.name) or (_meaning(field.type), "")
        part["properties"][field.encode_name] = {**({"description": text} if text else {}), **about}


def _meaning(kind: Any) -> str:
    """Return what a section is, as its struct says; "" for other fields."""
    return inspect.cleandoc(kind.__doc__ or "").partition("\n")[0] if inspect.isclass(kind) else ""


def _structs(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """Yield the structs that a type is made of."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    for inner in getattr(kind, "__args__", ()):
        yield from _structs(inner)


def _objects(part: Part) -> Iterator[Part]:
    """Yield the objects that a value may be or have as entries."""
    if "properties" in part:
        yield part
    for inner in (*part.get("anyOf", ()), part.get("items"), part.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from _objects(inner)


def _is_of(part: Part, struct: type[msgspec.Struct]) -> bool:
    fields = set(struct.__struct_encode_fields__)
    tag = struct.__struct_config__.tag_field
    if tag is None:
        return set(part["properties"]) == fields
    return (
        set(part["properties"]) == {*fields, tag}
        and struct.__struct_config__.tag in part["properties"][tag]["enum"]
    )
