"""Roles and who has them: what profiles read is got and listed, watched where they do not poll, and nothing else."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import yaml

from backup_sentinel.export.profile import Profile

NAME = "backup-sentinel"

Rule = dict[str, Any]


class Grant(NamedTuple):
    """Rules of a role, and where they hold."""

    rules: Sequence[Rule]
    namespaces: Sequence[str] = ()
    """Without any, in the whole cluster."""
    suffix: str = ""
    """What is added to the name of the account, to call the role so."""


def rules(profiles: Sequence[Profile]) -> list[Rule]:
    """Return what profiles read, as the rules of a ClusterRole or Role."""
    return grouped(
        (resource.type.group, resource.type.plural, verb)
        for profile in profiles
        for resource in profile.resources
        for verb in resource.type.verbs
    )


def grouped(rights: Iterable[tuple[str, str, str]]) -> list[Rule]:
    """Return the rules for rights of group, resource and verb, one for each API group and set of verbs."""
    verbs: dict[tuple[str, str], set[str]] = {}
    for group, resource, verb in rights:
        verbs.setdefault((group, resource), set()).add(verb)
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), allowed in verbs.items():
        groups.setdefault((group, tuple(sorted(allowed))), []).append(resource)
    return [
        {"apiGroups": [group], "resources": sorted(resources), "verbs": list(allowed)}
        for (group, allowed), resources in sorted(groups.items())
    ]


def manifests(grants: Iterable[Grant], *, namespace: str, name: str = NAME) -> list[dict[str, Any]]:
    """Return a service account with its roles and bindings: Roles in namespaces, or ClusterRoles."""
    labels = {"app.kubernetes.io/name": NAME}
    account: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
    }
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    made = [account]
    for grant in grants:
        called = f"{name}{grant.suffix}"
        for place in grant.namespaces or (None,):
            metadata = {"name": called, **({"namespace": place} if place else {}), "labels": labels}
            kind = "Role" if place else "ClusterRole"
            api = "rbac.authorization.k8s.io"
            made += [
                {"apiVersion": f"{api}/v1", "kind": kind, "metadata": metadata, "rules": list(grant.rules)},
                {
                    "apiVersion": f"{api}/v1",
                    "kind": f"{kind}Binding",
                    "metadata": metadata,
                    "roleRef": {"apiGroup": api, "kind": kind, "name": called},
                    "subjects": [subject],
                },
            ]
    return made


def text(made: Iterable[dict[str, Any]]) -> str:
    """Return manifests as YAML documents."""
    return "---\n".join(dump(manifest) for manifest in made)


def dump(manifest: dict[str, Any]) -> str:
    """Return a manifest as YAML, what stands in it twice written out."""
    return yaml.dump(manifest, Dumper=_Plain, sort_keys=False)


class _Plain(yaml.SafeDumper):
    """Writes no aliases, which people find hard to read."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out."""
        del data
        return True
