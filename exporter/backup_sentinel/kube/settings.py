"""How a cluster is reached and read: the `clusters` entries of the configuration."""

from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from .secret import Secret

Seconds = Annotated[float, msgspec.Meta(gt=0)]
PageSize = Annotated[int, msgspec.Meta(ge=1, le=5000)]


class ClusterSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One cluster.

    `name` is the value of the metric label `cluster` ("" = no label), `label` what people read instead.
    At most one way of access is given: `in_cluster`, `kubeconfig` and/or `context`, or `api_url`. Without
    any, the service account is used inside a cluster and the kubeconfig elsewhere. `ca_file`, `ca_data`
    (PEM), `insecure` and `proxy_url` override what was found. `namespaces` empty means all of them.
    `poll_interval` (seconds) replaces the watch by repeated lists. `page_size` is in objects.

    Raises ValueError, which msgspec turns into a ValidationError with the place, for a contradiction.
    """

    name: str = ""
    label: str | None = None
    in_cluster: bool = False
    kubeconfig: str | None = None
    context: str | None = None
    api_url: str | None = None
    token: str | None = None
    token_file: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    ca_file: str | None = None
    ca_data: str | None = None
    insecure: bool = False
    proxy_url: str | None = None
    namespaces: tuple[str, ...] = ()
    poll_interval: Seconds | None = None
    page_size: PageSize = 500
    watch_list: bool = True

    def __post_init__(self) -> None:
        if self.token is not None:
            msgspec.structs.force_setattr(self, "token", Secret(self.token))
        if self.proxy_url is not None:
            _check_url("proxy_url", self.proxy_url, userinfo=True)
            msgspec.structs.force_setattr(self, "proxy_url", Secret(self.proxy_url))
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

    @property
    def title(self) -> str:
        """What messages call this cluster; never empty."""
        return self.label or self.name or self.context or urlsplit(self.api_url or "").hostname or "local"


def _check_url(field: str, url: str, *, userinfo: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"`{field}` must be an http:// or https:// URL with a host")
    if parts.query or parts.fragment or (parts.username and not userinfo):
        raise ValueError(f"`{field}` must hold neither user, query nor fragment")
