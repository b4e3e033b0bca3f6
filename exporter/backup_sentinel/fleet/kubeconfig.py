"""Kubeconfigs that come in a Secret: cut down to one context and to what cannot reach into this process.

Who may write a Secret may not thereby run commands here or send this pod's files to a server of their choice. So a
kubeconfig has to hold its credentials itself: plugins and paths of files are refused, and nothing but the fields named
below is passed on to the loader.
"""

from typing import Any

import msgspec

from backup_sentinel.document import Document
from backup_sentinel.errors import DocumentError
from backup_sentinel.kube.secret import Secret
from backup_sentinel.kube.settings import ClusterSettings

REFUSED = {
    "certificate-authority": "names a file; put it in as certificate-authority-data (kubectl config view --flatten --raw)",
    "client-certificate": "names a file; put it in as client-certificate-data (kubectl config view --flatten --raw)",
    "client-key": "names a file; put it in as client-key-data (kubectl config view --flatten --raw)",
    "tokenFile": "names a file; put the token in",
    "exec": "runs a plugin, which is not done for a Secret; use the token of a service account",
    "auth-provider": "runs a plugin, which is not done for a Secret; use the token of a service account",
    "as": "asks to act as somebody else, which is not supported",
    "as-uid": "asks to act as somebody else, which is not supported",
    "as-groups": "asks to act as somebody else, which is not supported",
    "as-user-extra": "asks to act as somebody else, which is not supported",
}
"""Fields that are not passed on although they matter, and what to do instead."""


class _Cluster(msgspec.Struct, rename="kebab", omit_defaults=True):
    """What is passed on, and of the rest what is refused."""

    server: str = ""
    tls_server_name: str | None = None
    insecure_skip_tls_verify: bool = False
    certificate_authority_data: str | None = None
    proxy_url: str | None = None
    certificate_authority: Any = None


class _User(msgspec.Struct, rename="kebab", omit_defaults=True):
    """What is passed on, and of the rest what is refused."""

    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None
    username: str | None = None
    password: str | None = None
    client_certificate: Any = None
    client_key: Any = None
    token_file: Any = msgspec.field(name="tokenFile", default=None)
    exec: Any = None
    auth_provider: Any = None
    as_: Any = msgspec.field(name="as", default=None)
    as_uid: Any = None
    as_groups: Any = None
    as_user_extra: Any = None


class _Context(msgspec.Struct):
    cluster: str = ""
    user: str = ""


class _Entry(msgspec.Struct):
    """A named entry of any of the three lists."""

    name: str
    cluster: _Cluster | None = None
    user: _User | None = None
    context: _Context | None = None


class _Kubeconfig(msgspec.Struct, rename="kebab"):
    clusters: tuple[_Entry, ...] | None = None
    users: tuple[_Entry, ...] | None = None
    contexts: tuple[_Entry, ...] | None = None
    current_context: str = ""


def reduce(text: str, context: str | None) -> Secret:
    """Return a kubeconfig of nothing but one context (None: the current one), as JSON.

    Raises ValueError with a sentence that holds nothing of the credentials.
    """
    try:
        held = Document(text).convert(_Kubeconfig)
    except DocumentError as error:
        # The message and the line it shows may hold a token.
        raise ValueError(f"is not a kubeconfig (line {error.line})") from None
    except RecursionError:
        raise ValueError("is not a kubeconfig") from None
    name = context or held.current_context
    if not name:
        raise ValueError("has no current-context; give the key `context`")
    chosen = _entry(held.contexts, name, "context").context or _Context()
    cluster = _entry(held.clusters, chosen.cluster, "cluster").cluster or _Cluster()
    user = _entry(held.users, chosen.user, "user").user if chosen.user else None
    parts = {"cluster": msgspec.to_builtins(cluster), "user": msgspec.to_builtins(user or _User())}
    for field, what in REFUSED.items():
        if any(part.get(field) for part in parts.values()):
            raise ValueError(f"`{field}` of context `{name}` {what}")
    try:
        ClusterSettings(api_url=cluster.server or "none")
    except ValueError:
        raise ValueError(f"the server of context `{name}` is not an http:// or https:// URL") from None
    reduced = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": parts["cluster"]}],
        "users": [{"name": "user", "user": parts["user"]}],
        "contexts": [{"name": name, "context": {"cluster": "cluster", "user": "user"}}],
        "current-context": name,
    }
    return Secret(msgspec.json.encode(reduced).decode())


def _entry(entries: tuple[_Entry, ...] | None, name: str, kind: str) -> _Entry:
    for entry in entries or ():
        if entry.name == name:
            return entry
    raise ValueError(f"has no {kind} `{name}`")
