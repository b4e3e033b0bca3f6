"""What the roles of rendered manifests grant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chart.rendering import Manifest


def roles(manifests: Sequence[Manifest]) -> list[tuple[str, str, str, list[dict[str, Any]]]]:
    """Return kind, name, namespace and rules of the roles."""
    return [
        (
            manifest["kind"],
            manifest["metadata"]["name"],
            manifest["metadata"].get("namespace", ""),
            manifest["rules"],
        )
        for manifest in manifests
        if manifest["kind"] in {"Role", "ClusterRole"}
    ]


def rights(rules: Sequence[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Return group, resource and verb of everything that rules grant."""
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
