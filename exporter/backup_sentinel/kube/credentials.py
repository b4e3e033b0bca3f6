"""Where the API server is and who we are: found by one of three ways.

in cluster     the service account that is mounted into every pod
api_url        everything is in our own settings
kubeconfig     loaded by the `kubernetes` package in a short-lived child process (`child`, `loader`)
"""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from backup_sentinel.errors import AccessError

from . import child
from .settings import ClusterSettings

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
LOAD_TIMEOUT = 30.0


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to talk to one API server. Certificates and key are PEM.

    `authorization` is the whole value of the header. `token_file` wins over it and is read again when it
    changes. `expires` is the Unix time at which a plugin's credentials end. `server_name` is the name
    expected in the server's certificate where it differs from the host.
    """

    server: str
    authorization: str | None = None
    token_file: str | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    expires: float | None = None
    insecure: bool = False
    proxy: str | None = None
    server_name: str | None = None
    namespace: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.kind} for {self.server!r})"

    @property
    def kind(self) -> str:
        """What proves who we are, in words for messages."""
        if self.token_file or (self.authorization or "").startswith("Bearer "):
            return "token"
        if self.authorization:
            return "password"
        return "client certificate" if self.certificate else "no credentials"


async def load(
    settings: ClusterSettings,
    *,
    environ: Mapping[str, str] = os.environ,
    account: Path = SERVICE_ACCOUNT,
    timeout: float = LOAD_TIMEOUT,  # noqa: ASYNC109 - the child is killed by its group, not only cancelled
) -> Credentials:
    """Find address and credentials of a cluster; `timeout` (seconds) is for the kubeconfig and its plugins.

    Raises AccessError with what to do about it.
    """
    if settings.api_url:
        found = _direct(settings, settings.api_url)
    elif settings.in_cluster or (
        not (settings.kubeconfig or settings.context) and _mounted(environ, account)
    ):
        found = _in_cluster(environ, account)
    else:
        paths = settings.kubeconfig or environ.get("KUBECONFIG") or "~/.kube/config"
        found = await _kubeconfig(settings, paths, timeout)
    return _override(settings, found)


def _mounted(environ: Mapping[str, str], account: Path) -> bool:
    return bool(environ.get("KUBERNETES_SERVICE_HOST")) and (account / "token").is_file()


def _direct(settings: ClusterSettings, server: str) -> Credentials:
    token = settings.token
    return Credentials(
        server=server.rstrip("/"),
        authorization=f"Bearer {str.__str__(token).strip()}" if token else None,
        token_file=settings.token_file,
        certificate=_text(settings.client_certificate),
        key=_text(settings.client_key),
    )


def _in_cluster(environ: Mapping[str, str], account: Path) -> Credentials:
    # https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT") or "443"
    if not host:
        raise AccessError(
            "not inside a cluster: KUBERNETES_SERVICE_HOST is not set; give `kubeconfig` or `api_url`"
        )
    namespace = account / "namespace"
    return Credentials(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        token_file=str(account / "token"),
        ca=_text(str(account / "ca.crt")),
        namespace=(_text(str(namespace)) or "").strip() if namespace.is_file() else None,
    )


async def _kubeconfig(settings: ClusterSettings, paths: str, seconds: float) -> Credentials:
    files = _files(paths)
    if not _present(files):
        raise AccessError(
            f"no kubeconfig at {', '.join(files)}, and this is not a pod with a service account;"
            " set KUBECONFIG, or `kubeconfig`, `in_cluster` or `api_url` of the cluster"
        )
    answer = await child.ask({"kubeconfig": os.pathsep.join(files), "context": settings.context}, seconds)
    return msgspec.convert(answer, Credentials)


def _files(paths: str) -> list[str]:
    return [str(Path(path).expanduser()) for path in paths.split(os.pathsep) if path]


def _present(files: list[str]) -> bool:
    return any(Path(file).is_file() for file in files)


def _override(settings: ClusterSettings, found: Credentials) -> Credentials:
    ca = settings.ca_data or _text(settings.ca_file)
    proxy = settings.proxy_url
    return msgspec.structs.replace(
        found,
        ca=ca or found.ca,
        insecure=settings.insecure or (found.insecure and not ca),
        proxy=str.__str__(proxy) if proxy else found.proxy,
    )


def _text(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return Path(path).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise AccessError(f"cannot read {path}: {reason}") from error
