"""What a cluster must hold so that it can be watched from outside, and who may read the Secrets that describe clusters."""

from collections.abc import Sequence
from typing import Any

from backup_sentinel.export.profile import Profile

from . import rbac

TOKEN = f"{rbac.NAME}-token"
"""Name of the Secret with the long-lived token."""

READER = f"{rbac.NAME}-clusters"
"""Name of the role that may read labelled Secrets."""

_LABELS = {"app.kubernetes.io/name": rbac.NAME}
_API = "rbac.authorization.k8s.io"

_HEAD = r"""# What a cluster must hold so that Backup Sentinel can watch it from outside: a service account that may get, list and
# watch what the operators' profiles read{more}, nothing else, and a token for it. `remote` stands for the context of that
# cluster in your kubeconfig, `home` for the one the exporter runs in.
#
# 1. Apply this file to the cluster:
#
#      kubectl --context remote apply -f remote.yaml
#
# 2. Fetch the token and the certificate authority:
#
#      kubectl --context remote --namespace {namespace} get secret {token} -o jsonpath='{{.data.token}}' | base64 -d > token
#      kubectl --context remote --namespace {namespace} get secret {token} -o jsonpath='{{.data.ca\.crt}}' | base64 -d > ca.crt
#
# 3. Hand them to the exporter, which watches Secrets of its own namespace and needs no restart. The name of the Secret
#    becomes the value of the label `cluster`:
#
#      kubectl --context home --namespace {name} create secret generic remote \
#        --from-literal=server=https://remote.example.org:6443 --from-file=token --from-file=ca.crt
#      kubectl --context home --namespace {name} label secret remote backup-sentinel.io/cluster=true
#      rm token ca.crt
#
# To take the right away again, delete this Secret: the token ends with it.
#
#      kubectl --context remote --namespace {namespace} delete secret {token}
"""

_ASKED = "-channels"

_PARTS = {
    "Namespace": "Where the service account lives. Leave it out if the namespace is there and somebody else's.",
    "ServiceAccount": "Who the exporter is in this cluster.",
    "ClusterRole": "What it may do: read what the profiles of the configured operators name.",
    "ClusterRoleBinding": "That it may do so in all namespaces.",
    "Role": "What it may do: read what the profiles of the configured operators name, in this namespace.",
    "RoleBinding": "That it may do so in this namespace.",
    "Secret": "Kubernetes fills in `token` and `ca.crt`. The token works until this Secret or the account is deleted.",
}


def manifests(
    profiles: Sequence[Profile],
    *,
    namespace: str,
    namespaces: Sequence[str] = (),
    asked: Sequence[rbac.Rule] = (),
) -> list[dict[str, Any]]:
    """Return namespace, service account, roles and bindings, and the Secret that Kubernetes fills with a token.

    With `namespaces` the rights are given in each of them instead of in the whole cluster. `asked` is what channels and
    enrichers need besides.
    """
    place = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": _LABELS}}
    token = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": TOKEN,
            "namespace": namespace,
            "labels": _LABELS,
            "annotations": {"kubernetes.io/service-account.name": rbac.NAME},
        },
        "type": "kubernetes.io/service-account-token",
    }
    grants = [rbac.Grant(rbac.rules(profiles), namespaces)]
    if asked:
        grants.append(rbac.Grant(asked, namespaces, _ASKED))
    return [place, *rbac.manifests(grants, namespace=namespace), token]


def text(
    profiles: Sequence[Profile],
    *,
    namespace: str = rbac.NAME,
    namespaces: Sequence[str] = (),
    asked: Sequence[rbac.Rule] = (),
) -> str:
    """Return the manifests as YAML documents, with comments that lead from them to the first metric."""
    made = manifests(profiles, namespace=namespace, namespaces=namespaces, asked=asked)
    more = ", and what channels and enrichers ask" if asked else ""
    head = _HEAD.format(namespace=namespace, token=TOKEN, name=rbac.NAME, more=more)
    return head + "".join(f"---\n# {_about(manifest)}\n{rbac.dump(manifest)}" for manifest in made)


def _about(manifest: dict[str, Any]) -> str:
    """Return what is said above a manifest."""
    if manifest["kind"] in ("ClusterRole", "Role") and manifest["metadata"]["name"].endswith(_ASKED):
        return "What it may do besides: what channels and enrichers ask."
    return _PARTS[manifest["kind"]]


def secret_reader(namespace: str = rbac.NAME) -> list[dict[str, Any]]:
    """Return role and binding with which the exporter reads the Secrets of a namespace, its own.

    RBAC knows no labels: the right is to all Secrets of the namespace.
    """
    metadata = {"name": READER, "namespace": namespace, "labels": _LABELS}
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}
    return [
        {"apiVersion": f"{_API}/v1", "kind": "Role", "metadata": metadata, "rules": [rule]},
        {
            "apiVersion": f"{_API}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": _API, "kind": "Role", "name": READER},
            "subjects": [{"kind": "ServiceAccount", "name": rbac.NAME, "namespace": namespace}],
        },
    ]
