"""Writes through HTTP: create, replace, merge patch, delete, with the conflicts a real server reports."""

import base64
import random
import string
from collections.abc import Mapping
from typing import Any

import msgspec

from .cluster import SimulatedCluster
from .refusals import Refusal
from .resources import JsonObject, ResourceType, Target
from .shelf import Shelf

_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
_LARGEST = 1 << 20
"""Bytes of all values of a ConfigMap (kubernetes/pkg/apis/core/validation: ValidateConfigMap)."""


def create(cluster: SimulatedCluster, shelf: Shelf, target: Target, body: bytes) -> JsonObject:
    """Create an object, naming it where only `generateName` is given; refuse with 409 if it exists."""
    manifest = _manifest(shelf.type, target, body)
    metadata = manifest["metadata"]
    if not metadata.get("name"):
        if not metadata.get("generateName"):
            raise _invalid(shelf.type, "", "metadata.name: Required value: name or generateName is required")
        suffix = "".join(random.choices(string.ascii_lowercase + string.digits, k=5))
        metadata["name"] = f"{metadata['generateName']}{suffix}"
    if metadata.get("resourceVersion"):
        raise Refusal(400, "resourceVersion should not be set on objects to be created")
    if f"{metadata.get('namespace', '')}/{metadata['name']}" in shelf.items:
        raise _conflict(shelf.type, metadata["name"], f'"{metadata["name"]}" already exists', "AlreadyExists")
    for name in ("uid", "creationTimestamp", "generation"):
        metadata.pop(name, None)
    return cluster.put(_fitting(shelf.type, manifest))


def replace(cluster: SimulatedCluster, shelf: Shelf, target: Target, body: bytes) -> JsonObject:
    """Replace an object; refuse with 409 where the resourceVersion given is not the current one."""
    old = existing(cluster, shelf, target)
    manifest = _manifest(shelf.type, target, body)
    if manifest["metadata"].get("name") != target.name:
        raise Refusal(400, "the name of the object does not match the name on the URL")
    return cluster.put(_fitting(shelf.type, _settle(shelf.type, target, old, manifest)))


def patch(
    cluster: SimulatedCluster, shelf: Shelf, target: Target, body: bytes, content_type: str
) -> JsonObject:
    """Merge a patch (RFC 7396) into an object; refuse with 415 other kinds of patches and with 409 conflicts."""
    if content_type not in ({_MERGE} if shelf.type.custom else {_MERGE, _STRATEGIC}):
        raise Refusal(
            415, f"the body of the request was in an unknown format - accepted media types include: {_MERGE}"
        )
    old = existing(cluster, shelf, target)
    merged = merge(old, _decode(body))
    merged["metadata"]["name"] = target.name
    return cluster.put(_fitting(shelf.type, _settle(shelf.type, target, old, merged)))


def delete(cluster: SimulatedCluster, shelf: Shelf, target: Target, body: bytes) -> JsonObject:
    """Delete an object and return the Status that says so; refuse with 409 where a precondition does not hold."""
    old = existing(cluster, shelf, target)
    conditions = (_decode(body) if body.strip() else {}).get("preconditions") or {}
    for name in ("uid", "resourceVersion"):
        if conditions.get(name) not in {None, old["metadata"][name]}:
            found = (
                f"Precondition failed: {name} in precondition: {conditions[name]}, {name} in object meta: "
            )
            raise _conflict(shelf.type, target.name, found + old["metadata"][name])
    cluster.delete(shelf.type, target.namespace, target.name)
    details = {"name": target.name, "group": shelf.type.group, "kind": shelf.type.plural}
    details["uid"] = old["metadata"]["uid"]
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def existing(cluster: SimulatedCluster, shelf: Shelf, target: Target) -> dict[str, Any]:
    """Return an object, or refuse with 404."""
    found = cluster.get(shelf.type, target.namespace, target.name)
    if found is None:
        details: JsonObject = {"name": target.name, "group": shelf.type.group, "kind": shelf.type.plural}
        raise Refusal(404, f'{shelf.type.name} "{target.name}" not found', details=details)
    return found


def merge(old: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return `old` with a merge patch applied: null deletes, objects merge, everything else replaces."""
    merged = dict(old)
    for name, value in change.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            before = merged.get(name)
            merged[name] = merge(before if isinstance(before, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged


def _settle(
    resource_type: ResourceType, target: Target, old: dict[str, Any], fresh: dict[str, Any]
) -> dict[str, Any]:
    metadata, before = dict(fresh["metadata"]), old["metadata"]
    if metadata.get("resourceVersion") not in {None, "", before["resourceVersion"]}:
        text = (
            f'Operation cannot be fulfilled on {resource_type.name} "{target.name}": the object has been modified; '
            "please apply your changes to the latest version and try again"
        )
        raise _conflict(resource_type, target.name, text)
    if metadata.get("uid") not in {None, "", before["uid"]}:
        raise _conflict(
            resource_type, target.name, f"Precondition failed: UID in precondition: {metadata['uid']}"
        )
    metadata |= {"uid": before["uid"], "creationTimestamp": before["creationTimestamp"]}
    result = {**fresh, "metadata": metadata}
    if target.subresource == "status":
        return {**old, "status": fresh.get("status")}
    if resource_type.status_subresource:
        result.pop("status", None)
        if "status" in old:
            result["status"] = old["status"]
    return result


def _fitting(resource_type: ResourceType, fresh: dict[str, Any]) -> dict[str, Any]:
    """Return an object as it is to be; refuse with 422 a ConfigMap whose values are too large."""
    if resource_type.name == "configmaps":
        size = sum(len(text.encode()) for text in (fresh.get("data") or {}).values())
        size += sum(len(base64.b64decode(text)) for text in (fresh.get("binaryData") or {}).values())
        if size > _LARGEST:
            text = f"[]: Too long: may not be more than {_LARGEST} bytes"
            raise _invalid(resource_type, fresh["metadata"]["name"], text)
    return fresh


def _manifest(resource_type: ResourceType, target: Target, body: bytes) -> dict[str, Any]:
    manifest = _decode(body)
    told = (manifest.get("apiVersion"), manifest.get("kind"))
    if told != (resource_type.api_version, resource_type.kind):
        raise Refusal(
            400, f"the object provided is unrecognized (must be of type {resource_type.kind}): {told}"
        )
    metadata = dict(manifest.get("metadata") or {})
    if metadata.setdefault("namespace", target.namespace) != target.namespace:
        raise Refusal(
            400, "the namespace of the provided object does not match the namespace sent on the request"
        )
    if not target.namespace:
        del metadata["namespace"]
    return {**manifest, "metadata": metadata}


def _decode(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise Refusal(400, f"couldn't get version/kind; json parse error: {error}") from error


def _conflict(resource_type: ResourceType, name: str, text: str, reason: str = "Conflict") -> Refusal:
    details: JsonObject = {"name": name, "group": resource_type.group, "kind": resource_type.plural}
    message = f"{resource_type.name} {text}" if reason == "AlreadyExists" else text
    return Refusal(409, message, reason=reason, details=details)


def _invalid(resource_type: ResourceType, name: str, text: str) -> Refusal:
    return Refusal(422, f'{resource_type.kind} "{name}" is invalid: {text}')
