"""How a cluster is reached and read: the `clusters` entries of the configuration."""

import re
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from .secret import Secret

Seconds = Annotated[float, msgspec.Meta(gt=0)]
PageSize = Annotated[int, msgspec.Meta(ge=1, le=5000)]

NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""Names of namespaces become parts of paths."""


class ClusterSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One cluster.

    At most one way of access is given: `in_cluster`, `kubeconfig` and/or `context`, or `api_url`. Without any, the
    service account is used inside a cluster and the kubeconfig elsewhere.

    Raises ValueError, which msgspec turns into a ValidationError with the place, for a contradiction.
    """

    name: str = ""
    """Value of the metric label `cluster`; without it there is no such label."""
    label: str | None = None
    """What people read instead of the name."""
    in_cluster: bool = False
    """Use the service account of the pod this runs in."""
    kubeconfig: str | None = None
    """Path of a kubeconfig."""
    context: str | None = None
    """Context of the kubeconfig; its current one unless given."""
    api_url: str | None = None
    """Address of the API server."""
    token: str | None = None
    """Bearer token; better is `token_file`."""
    token_file: str | None = None
    """File of the bearer token; read again when it changes."""
    client_certificate: str | None = None
    """File of a client certificate (PEM)."""
    client_key: str | None = None
    """File of its key (PEM)."""
    ca_file: str | None = None
    """File of the certificate authorities to trust (PEM); overrides what was found."""
    ca_data: str | None = None
    """The same as text (PEM)."""
    insecure: bool = False
    """Do not check the server's certificate. Anybody in between can then read the token."""
    proxy_url: str | None = None
    """HTTP proxy; overrides what was found."""
    namespaces: tuple[str, ...] = ()
    """Watch only these namespaces; empty means all."""
    poll_interval: Seconds | None = None
    """Seconds between two lists, instead of watching."""
    page_size: PageSize = 500
    """Objects per page of a list."""
    watch_list: bool = True
    """Ask for the first state as a stream (Kubernetes 1.34 and newer); older servers fall back by themselves."""

    def __post_init__(self) -> None:
        if self.token is not None:
            msgspec.structs.force_setattr(self, "token", _hidden(self.token))
        if self.proxy_url is not None:
            _check_url("proxy_url", self.proxy_url, userinfo=True)
            msgspec.structs.force_setattr(self, "proxy_url", _hidden(self.proxy_url))
        ways = [self.in_cluster, bool(self.kubeconfig or self.context), bool(self.api_url)]
        if sum(ways) > 1:
            raise ValueError("give one of `in_cluster`, `kubeconfig`/`context` and `api_url`, not several")
        if self.api_url:
            _check_url("api_url", self.api_url, userinfo=False)
        elif self.token or self.token_file or self.client_certificate:
            raise ValueError(
                "`token`, `token_file` and `client_certificate` belong to `api_url`, which is missing"
            )
        if self.token and self.token_file:
            raise ValueError("give `token` or `token_file`, not both")
        if bool(self.client_certificate) != bool(self.client_key):
            raise ValueError("`client_certificate` and `client_key` go together")
        if self.ca_file and self.ca_data:
            raise ValueError("give `ca_file` or `ca_data`, not both")
        msgspec.structs.force_setattr(self, "namespaces", _checked(self.namespaces))

    @property
    def title(self) -> str:
        """What messages call this cluster; never empty."""
        return self.label or self.name or self.context or urlsplit(self.api_url or "").hostname or "local"


def _hidden(text: str) -> Secret:
    # Settings that are copied hold a Secret already, whose str() is the mask.
    return Secret(str.__str__(text))


def _checked(namespaces: tuple[str, ...]) -> tuple[str, ...]:
    """Return each namespace once: two watches of one would each take for gone what the other has not listed yet."""
    for name in namespaces:
        if not NAMESPACE.fullmatch(name):
            raise ValueError(f"`namespaces` holds `{name}`, which is no name of a namespace")
    return tuple(dict.fromkeys(namespaces))


def _check_url(field: str, url: str, *, userinfo: bool) -> None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # The library's own words quote the URL, and with it a user.
        raise ValueError(f"`{field}` is not a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"`{field}` must be an http:// or https:// URL with a host")
    if parts.query or parts.fragment or (parts.username and not userinfo):
        raise ValueError(f"`{field}` must hold neither user, query nor fragment")
