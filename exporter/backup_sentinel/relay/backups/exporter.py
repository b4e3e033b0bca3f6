"""Asks an exporter over its API."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from backup_sentinel.errors import DeliveryError, EnrichmentError
from backup_sentinel.relay.egress import AddressError, Egress, basic, check_url
from backup_sentinel.relay.tls import ClientTLS
from backup_sentinel.secret import SecretError, SecretKeeper, SecretText, reveal

from .rows import Detail, Places, RunRow
from .wish import Seen, Stream, Wish

LARGEST = 4 << 20
"""Bytes of an answer: 200 runs with their texts and volumes."""
_UNKNOWN = frozenset({404, 409})

T = TypeVar("T")


class ExporterSettings(SecretKeeper, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the exporter is asked. Its texts are told to those who have the permission to read them."""

    url: str
    """Its address, such as `http://backup-sentinel:9950`, without `/api/v1`."""
    token: SecretText | None = None
    """Bearer token, for a proxy in front of it."""
    username: str | None = None
    """User of its web configuration."""
    password: SecretText | None = None
    """The user's password."""
    tls: ClientTLS = ClientTLS()
    """How it is checked."""

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            check_url(self.url, "`url`")
        except AddressError as error:
            raise ValueError(str(error)) from None
        if (self.username is None) != (self.password is None):
            raise ValueError("`username` and `password` go together")
        if self.token is not None and self.username is not None:
            raise ValueError("give `token` or `username` and `password`, not both")

    def headers(self) -> dict[str, str]:
        """Return what proves who asks. Raises SecretError."""
        if self.token is not None:
            return {"Authorization": f"Bearer {reveal(self.token)}"}
        if self.username is not None and self.password is not None:
            return {"Authorization": basic(self.username, reveal(self.password))}
        return {}

    def secrets(self) -> Iterator[str]:
        """Yield every secret text, and the header that is made of them."""
        yield from super().secrets()
        with contextlib.suppress(SecretError):
            yield from self.headers().values()


class ExporterSource:
    """Asks an exporter over its API. The caller has a time limit."""

    def __init__(self, settings: ExporterSettings) -> None:
        self._settings = settings
        self._egress = Egress(settings.tls.context() if settings.url.startswith("https:") else None)

    async def see(self, wishes: Sequence[Wish], patience: float) -> Seen:  # noqa: ARG002 - whoever asks stops waiting
        """Return what the exporter knows."""
        return Seen([await self._find(wish) for wish in wishes])

    async def close(self) -> None:
        """Close every connection."""
        await self._egress.close()

    async def _find(self, wish: Wish) -> Detail | None:
        """Ask for a stream by all of its labels, then without a cluster: exporters of one cluster may have none."""
        clusters = dict.fromkeys((wish.stream["cluster"], ""))
        for cluster in clusters:
            stream = {**wish.stream, "cluster": cluster}
            if wish.location:
                places = await self._get("locations", {**wish.place, "cluster": cluster}, Places)
                if places is not None and (found := places.find(wish.location)) is not None:
                    return found
                continue
            found = await self._get("schedule", stream, Detail)
            if found is not None:
                return found
            run = await self._get("run", {**stream, "name": wish.run}, RunRow) if wish.run else None
            if run is not None:
                return Detail(runs=(run,))
        return None

    async def _get(self, what: str, parameters: Stream, kind: type[T]) -> T | None:
        address = f"{self._settings.url.rstrip('/')}/api/v1/{what}?{urlencode(parameters)}"
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **self._settings.headers()}
        try:
            answer = await self._egress.request(
                "GET", address, headers=headers, expected=_UNKNOWN, longest=LARGEST
            )
        except DeliveryError as error:
            raise EnrichmentError(f"the exporter was asked in vain: {error}") from None
        if answer.status in _UNKNOWN:
            return None
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise EnrichmentError("the exporter's answer cannot be understood") from None
