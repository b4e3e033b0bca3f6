"""A file of Velero's object storage: a DownloadRequest asks for a signed URL, which is fetched and never shown.

Source: velero, pkg/apis/velero/v1/download_request_types.go, and pkg/cmd/util/downloadrequest. Whoever may write the
status of a DownloadRequest chooses the address: so only hosts of the setting are asked, redirects are not followed, and
size and time are limited.
"""

import asyncio
import re
import uuid
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from backup_sentinel.errors import ApiError, DeliveryError, EnrichmentError, OutageReason
from backup_sentinel.relay.egress import AddressError, Egress, check_url
from backup_sentinel.relay.reach import Cluster, named
from backup_sentinel.relay.tls import ClientTLS
from backup_sentinel.secret import SecretKeeper, SecretText, reveal

GROUP, OPERATOR = "velero.io", "velero"
TARGETS = {"backup": "BackupResults", "restore": "RestoreResults"}
"""Kinds of targets by the action of a run."""
FIRST_LOOK, LONGEST_LOOK = 0.25, 2.0
"""Seconds between two looks at a request, growing."""
_DELETING = 5.0
_HOST = re.compile(r"(\*\.)?[\w-]+(\.[\w-]+)*\.?|[0-9a-fA-F:]+", re.ASCII)

Size = Annotated[int, msgspec.Meta(ge=1024, le=64 << 20)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=300)]


class ResultsSettings(SecretKeeper, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether Velero's results files are fetched. Needs the right to create, get and delete DownloadRequests."""

    enabled: bool = False
    """Fetch them."""
    hosts: tuple[str, ...] = ()
    """Hosts of object storages that files may come from: `minio.minio.svc`, or with all below it
    `*.s3.eu-west-1.amazonaws.com`."""
    max_bytes: Size = 4 << 20
    """Size of a packed file."""
    wait_seconds: Seconds = 15.0
    """How long Velero has to sign the URL."""
    tls: ClientTLS = ClientTLS()
    """How object storages are checked."""
    proxy_url: SecretText | None = None
    """HTTP proxy, such as `http://proxy.example.com:3128`; it may hold a login. No proxy is taken from the environment."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.enabled and not self.hosts:
            raise ValueError("`hosts` must name the hosts of the object storage that files may come from")
        for host in self.hosts:
            if not _HOST.fullmatch(host):
                raise ValueError(
                    f"{host!r} in `hosts` is no host: write for example *.s3.eu-west-1.amazonaws.com"
                )


def open_egress(settings: ResultsSettings) -> Egress:
    """Return connections to object storages. Raises TLSError, SecretError, AddressError."""
    proxy = reveal(settings.proxy_url) if settings.proxy_url is not None else None
    if proxy is not None:
        check_url(proxy, "`results.proxy_url`")
    return Egress(settings.tls.context(), proxy=proxy)


async def fetch(
    cluster: Cluster, egress: Egress, settings: ResultsSettings, namespace: str, target: str, run: str
) -> bytes:
    """Return the file of a run; `target` is one of TARGETS. Raises EnrichmentError; its text never shows the URL."""
    name = f"backup-sentinel-{uuid.uuid4().hex}"
    path = f"/apis/{GROUP}/v1/namespaces/{named(namespace)}/downloadrequests"
    manifest = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "DownloadRequest",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": "backup-sentinel"},
        },
        "spec": {"target": {"kind": target, "name": named(run)}},
    }
    try:
        await cluster.create(path, manifest)
        url = await _signed(cluster, f"{path}/{name}", settings.wait_seconds)
    except ApiError as error:
        raise EnrichmentError(explain(error, "ask Velero for the results file", "downloadrequests")) from None
    finally:
        await _delete(cluster, f"{path}/{name}")
    _check(url, settings.hosts)
    try:
        answer = await egress.request(
            "GET", url, headers={"Accept-Encoding": "identity"}, longest=settings.max_bytes + 1
        )
    except DeliveryError as error:
        # A storage explains a refusal with a text that may repeat the signature: only the host is told.
        host = urlsplit(url).hostname
        raise EnrichmentError(
            f"the results file cannot be fetched from {host}: {error.reason.value}"
        ) from None
    if len(answer.body) > settings.max_bytes:
        raise EnrichmentError(f"the results file has more than {settings.max_bytes} bytes")
    return answer.body


def explain(error: ApiError, what: str, resource: str) -> str:
    """Return what an operator can act on."""
    if error.reason is OutageReason.FORBIDDEN:
        return f"there is no right to {what} ({resource})"
    if error.reason is OutageReason.NOT_SERVED:
        return f"the cluster does not know {resource}"
    return f"cannot {what}: {error}"


async def _signed(cluster: Cluster, path: str, patience: float) -> str:
    wait = FIRST_LOOK
    try:
        async with asyncio.timeout(patience):
            while True:
                status = (await cluster.get(path)).get("status")
                status = status if isinstance(status, dict) else {}
                url = status.get("downloadURL")
                if isinstance(url, str) and url:
                    return url
                if status.get("phase") == "Failed":
                    said = status.get("message")
                    raise EnrichmentError(
                        "Velero has no results file for this run"
                        + (f": {said}" if isinstance(said, str) else "")
                    )
                await asyncio.sleep(wait)
                wait = min(LONGEST_LOOK, wait * 1.5)
    except TimeoutError:
        raise EnrichmentError(f"Velero did not sign a URL within {patience:g} s") from None


async def _delete(cluster: Cluster, path: str) -> None:
    """Delete the request, also when the question is cancelled: what stays, Velero deletes after ten minutes."""

    async def delete() -> None:
        try:
            async with asyncio.timeout(_DELETING):
                await cluster.delete(path)
        except (ApiError, TimeoutError):
            return

    await asyncio.shield(asyncio.create_task(delete()))


def _check(url: str, hosts: tuple[str, ...]) -> None:
    try:
        check_url(url, "the address of the results file")
    except AddressError as error:
        raise EnrichmentError(str(error)) from None
    host = (urlsplit(url).hostname or "").lower().rstrip(".")
    if not any(_allows(allowed.lower(), host) for allowed in hosts):
        raise EnrichmentError(f"the results file is at {host}, which `results.hosts` does not name")


def _allows(allowed: str, host: str) -> bool:
    allowed = allowed.rstrip(".")
    return host.endswith(allowed[1:]) if allowed.startswith("*.") else host == allowed
