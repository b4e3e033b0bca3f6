"""Parts of Kubernetes objects that are the same for all operators."""

import random
import uuid
from typing import Any

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def uid_of(*parts: str) -> str:
    """Return a UID that is the same whenever the same object is made."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(parts)))


def suffix_of(*parts: str) -> str:
    """Return five characters as `generateName` appends them, the same whenever the same object is made."""
    return "".join(random.Random("/".join(parts)).choices(_LETTERS, k=5))


def owned_fields(manifest: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the `fieldsV1` with which a manager says that it owns these parts of an object."""
    fields = {f"f:{name}": _owned(manifest[name], root=True) for name in names if manifest.get(name)}
    notes = {
        name: value
        for name, value in manifest["metadata"].items()
        if name in {"labels", "annotations"} and value
    }
    return {"f:metadata": {f"f:{name}": _owned(value) for name, value in notes.items()}, **fields}


def managed_by(manager: str, manifest: dict[str, Any], at: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Return an entry of `managedFields`: who wrote these parts last, and when."""
    return {
        "apiVersion": manifest["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": owned_fields(manifest, names),
        "manager": manager,
        "operation": "Update",
        "time": at,
    }


def _owned(value: Any, *, root: bool = False) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    inner = {f"f:{name}": _owned(part) for name, part in value.items()}
    return {".": {}, **inner} if root or inner else {}
